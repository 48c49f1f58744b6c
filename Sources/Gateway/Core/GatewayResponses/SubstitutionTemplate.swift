// Owns the language of gateway responses' templates: text in which variables are replaced, and nothing else; it is not VTL (API Gateway
// developer guide, "Gateway responses for REST APIs in API Gateway": "supporting only simple variable substitutions").

/// A template compiled to its pieces.
public struct SubstitutionTemplate: Sendable {
  private enum Piece: Sendable {
    case text([UInt8])
    case context(ContextVariable)
    case stageVariable(String)
    case parameter(ParameterSource)
  }

  private let pieces: [Piece]

  /// - Parameter text: `$context.NAME`, `$stageVariables.NAME` and `$method.request.{header,querystring,path}.NAME`, each also as
  ///   `${…}`, are variables; everything else is text.
  public init(_ text: String) {
    var pieces: [Piece] = []
    var literal: [UInt8] = []
    let bytes = Array(text.utf8)
    var cursor = 0
    while cursor < bytes.count {
      if bytes[cursor] == UInt8(ascii: "$"), let (piece, end) = SubstitutionTemplate.variable(bytes, cursor + 1) {
        if !literal.isEmpty { pieces.append(.text(literal)) }
        literal.removeAll()
        pieces.append(piece)
        cursor = end
      } else {
        literal.append(bytes[cursor])
        cursor += 1
      }
    }
    if !literal.isEmpty { pieces.append(.text(literal)) }
    self.pieces = pieces
  }

  /// The variable behind a "$", and where the text goes on.
  private static func variable(_ bytes: [UInt8], _ start: Int) -> (Piece, end: Int)? {
    let isBraced = start < bytes.count && bytes[start] == UInt8(ascii: "{")
    let first = isBraced ? start + 1 : start
    var end = first
    while end < bytes.count, isNameByte(bytes[end]) { end += 1 }
    if isBraced && (end == bytes.count || bytes[end] != UInt8(ascii: "}")) { return nil }
    // A full stop behind a variable ends a sentence.
    while !isBraced, end > first, bytes[end - 1] == UInt8(ascii: ".") { end -= 1 }
    guard let piece = piece(String(decoding: bytes[first..<end], as: UTF8.self)) else { return nil }
    return (piece, isBraced ? end + 1 : end)
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
    default: "._-".utf8.contains(byte)
    }
  }

  private static func piece(_ word: String) -> Piece? {
    if let name = word.dropping("context.") { return ContextVariable(name).map(Piece.context) }
    if let name = word.dropping("stageVariables."), !name.isEmpty { return .stageVariable(name) }
    var paths: [String] = []
    if word.hasPrefix("method.request."), let source = try? ParameterSource(word, .gatewayResponse, paths: &paths) {
      return .parameter(source)
    }
    return nil
  }

  /// The text for a request. A variable that has no value is left out; values stand as they are.
  public func render(_ scope: some MappingScope) -> [UInt8] {
    var text: [UInt8] = []
    for piece in pieces {
      switch piece {
      case .text(let bytes): text += bytes
      case .context(let variable): text += scope.context(variable) ?? []
      case .stageVariable(let name): text += scope.stageVariable(name) ?? []
      case .parameter(let source): text += source.value(scope, SelectedBody()) ?? []
      }
    }
    return text
  }
}
