// Owns what an import tells: errors, warnings and notes, each with its place, and how many of them.

/// Something that an import found in a document.
public struct DefinitionFinding: Error, Hashable, Sendable, CustomStringConvertible {
  /// As AWS divides them (API Gateway developer guide, "Working with OpenAPI definitions for HTTP APIs", import validation information).
  public enum Severity: Int, Hashable, Sendable, Comparable, CaseIterable {
    /// Valid, and without an effect here; AWS says "info", or nothing.
    case note
    /// Goes on, unless the import was told to fail on warnings.
    case warning
    /// Nothing is imported.
    case error

    public static func < (left: Severity, right: Severity) -> Bool { left.rawValue < right.rawValue }

    public var text: String {
      switch self {
      case .note: "note"
      case .warning: "warning"
      case .error: "error"
      }
    }
  }

  public let severity: Severity
  /// The file as the operator named it.
  public let file: String
  public let pointer: DocumentPointer
  /// Nil where the document does not know.
  public let position: DocumentPosition?
  /// What was found and what to do, in a sentence.
  public let message: String
  /// The known word nearest to the one that was written.
  public let suggestion: String?

  /// `petstore.yaml:12:7: /paths/~1pets/get: …; did you mean "…"?`
  public var description: String {
    var text = file
    if let position { text += "\(text.isEmpty ? "" : ":")\(position.line):\(position.column)" }
    let place = pointer.description
    if !place.isEmpty { text += text.isEmpty ? place : ": \(place)" }
    text += text.isEmpty ? message : ": \(message)"
    if let suggestion { text += "; did you mean \"\(suggestion)\"?" }
    return text
  }
}

/// Collects findings; goes on after each, so that one run reports them all.
struct DefinitionFindings {
  /// How many of one severity are kept; one more says that there were others.
  static let keptMax = 100

  private struct Noted: Hashable {
    let severity: DefinitionFinding.Severity
    let pointer: DocumentPointer
    let message: String
    let suggestion: String?
  }

  private var noted: [Noted] = []
  private var seen: Set<Noted> = []
  private var counts = [0, 0, 0]

  func count(_ severity: DefinitionFinding.Severity) -> Int { counts[severity.rawValue] }

  mutating func add(_ severity: DefinitionFinding.Severity, _ pointer: DocumentPointer, _ message: String, suggestion: String? = nil) {
    let finding = Noted(severity: severity, pointer: pointer, message: message, suggestion: suggestion)
    // What many places refer to is told once.
    guard !seen.contains(finding) else { return }
    counts[severity.rawValue] += 1
    guard counts[severity.rawValue] <= DefinitionFindings.keptMax else { return }
    seen.insert(finding)
    noted.append(finding)
  }

  /// All that was kept, with places, in the order of the text where that is known.
  func placed(in document: DefinitionDocument) -> [DefinitionFinding] {
    // A part that is missing is told at the place of what it is missing from.
    let pointers = noted.flatMap { [$0.pointer, DocumentPointer(Array($0.pointer.tokens.dropLast()))] }
    let positions = document.positions(pointers)
    var all = noted.enumerated().map { index, noted in
      DefinitionFinding(
        severity: noted.severity, file: document.file, pointer: noted.pointer, position: positions[index * 2] ?? positions[index * 2 + 1],
        message: noted.message, suggestion: noted.suggestion)
    }
    let end = (line: Int.max, column: Int.max)
    let keyed = all.enumerated().map { (key: $1.position.map { ($0.line, $0.column) } ?? end, index: $0) }
    all = keyed.sorted { ($0.key.0, $0.key.1, $0.index) < ($1.key.0, $1.key.1, $1.index) }.map { all[$0.index] }
    for severity in DefinitionFinding.Severity.allCases where count(severity) > DefinitionFindings.keptMax {
      let more = count(severity) - DefinitionFindings.keptMax
      all.append(
        DefinitionFinding(
          severity: severity, file: document.file, pointer: DocumentPointer(), position: nil,
          message: "there are \(more) more of severity \(severity.text); only the first \(DefinitionFindings.keptMax) are listed",
          suggestion: nil))
    }
    return all
  }
}
