// Owns the comparison of what AWS was recorded to answer with what a definition says: placeholders stand for any value, the same one for
// the same value, and strings that hold JSON are read as what they hold.
import Runtime
import Testing

/// Recorded values beside ours.
struct RecordedValue {
  private var bindings: [String: String] = [:]
  private(set) var differences: [String] = []

  /// Members that the recording has only because of the wire, or of the time.
  private static let ignored: Set<String> = ["ResponseMetadata", "createdDate"]

  mutating func compare(_ recorded: JSONValue, _ ours: JSONValue, at place: String) {
    let recorded = RecordedValue.read(recorded)
    let ours = RecordedValue.read(ours)
    switch (recorded, ours) {
    case (.object, .object): compareObjects(recorded, ours, place)
    case (.array(let theirs), .array(let mine)):
      if theirs.count != mine.count { differences.append("\(place): \(theirs.count) elements, not \(mine.count)") }
      for (index, pair) in zip(theirs, mine).enumerated() { compare(pair.0, pair.1, at: "\(place)/\(index)") }
    case (.string(let theirs), .string(let mine)): compareText(theirs, mine, place)
    default: if recorded != ours { differences.append("\(place): \(recorded.text()) recorded, \(ours.text()) here") }
    }
  }

  private mutating func compareObjects(_ recorded: JSONValue, _ ours: JSONValue, _ place: String) {
    let names = Set((recorded.objectValue ?? []).map(\.name)).union((ours.objectValue ?? []).map(\.name))
    for name in names.sorted() where !RecordedValue.ignored.contains(name) {
      switch (recorded[name], ours[name]) {
      case (let theirs?, let mine?): compare(theirs, mine, at: "\(place)/\(name)")
      case (.object([])?, nil), (nil, .object([])?): break
      case (let theirs?, nil): differences.append("\(place)/\(name): \(theirs.text()) recorded, nothing here")
      case (nil, let mine?): differences.append("\(place)/\(name): nothing recorded, \(mine.text()) here")
      case (nil, nil): break
      }
    }
  }

  private mutating func compareText(_ recorded: String, _ ours: String, _ place: String) {
    guard recorded.contains("<"), recorded.contains(">"), !recorded.contains("<html") else {
      if recorded != ours { differences.append("\(place): \"\(recorded)\" recorded, \"\(ours)\" here") }
      return
    }
    if recorded.hasPrefix("<"), recorded.hasSuffix(">"), recorded.dropFirst().firstIndex(of: "<") == nil {
      if let bound = bindings[recorded], bound != ours { differences.append("\(place): \(recorded) is \"\(bound)\", not \"\(ours)\"") }
      bindings[recorded] = ours
      return
    }
    // What stands around the placeholders has to come in that order.
    var rest = ours[...]
    var pieces: [Substring] = []
    var text = recorded[...]
    while let open = text.firstIndex(of: "<"), let close = text[open...].firstIndex(of: ">") {
      pieces.append(text[..<open])
      text = text[text.index(after: close)...]
    }
    pieces.append(text)
    for piece in pieces {
      guard let range = rest.firstRange(of: piece) else {
        if !piece.isEmpty { differences.append("\(place): \"\(recorded)\" recorded, \"\(ours)\" here") }
        continue
      }
      rest = rest[range.upperBound...]
    }
  }

  /// A string that holds an object or an array is that.
  private static func read(_ value: JSONValue) -> JSONValue {
    guard let text = value.stringValue, let first = text.first(where: { !$0.isWhitespace }), first == "{" || first == "[" else {
      return value
    }
    return (try? JSONValue.parse(text)) ?? value
  }
}
