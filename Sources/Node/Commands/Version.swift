// Owns what this build is called.

public enum Version {
  /// The release that this tree becomes (CHANGELOG.md).
  public static let number = "0.1.0"

  /// `tidegate 0.1.0 (debug)`; release builds say only the number.
  public static var text: String {
    #if DEBUG
      "tidegate \(number) (debug)"
    #else
      "tidegate \(number)"
    #endif
  }
}
