// Owns how a piece of a document that somebody else wrote appears in a message: bounded, on one line, without control characters.

public enum Shown {
  /// At most 80 scalars of the text, with an ellipsis where there are more.
  public static func text(_ text: String) -> String {
    var shown = ""
    for (count, scalar) in text.unicodeScalars.enumerated() {
      if count == 80 { return shown + "…" }
      if scalar.value < 0x20 || scalar.value == 0x7F || scalar.properties.generalCategory == .control {
        shown += "\\u{\(String(scalar.value, radix: 16))}"
      } else {
        shown.unicodeScalars.append(scalar)
      }
    }
    return shown
  }
}
