// Owns an integration's URI with its variables (API Gateway developer guide, "API Gateway stage variables reference for REST APIs" and
// "Set up an HTTP integration"): `{name}` takes an integration path parameter, `${stageVariables.name}` a stage variable. Other braces
// stand for themselves, as texts tried on the service do. What the rendered text is as a URI is the engine's to judge.

/// A URI compiled to its pieces.
public struct IntegrationURI: Sendable {
  private enum Piece: Sendable {
    case text([UInt8])
    /// The name, and whether it stands before a "?".
    case parameter([UInt8], isInPath: Bool)
    case stageVariable(String)
  }

  private let pieces: [Piece]

  /// Whether requests can change it.
  public let isConstant: Bool

  public init(_ uri: String) {
    var pieces: [Piece] = []
    var literal: [UInt8] = []
    var isInPath = true
    let bytes = Array(uri.utf8)
    let variable = Array("${stageVariables.".utf8)
    var cursor = 0
    func flush() {
      if !literal.isEmpty { pieces.append(.text(literal)) }
      literal.removeAll()
    }
    while cursor < bytes.count {
      let byte = bytes[cursor]
      let isVariable = bytes[cursor...].starts(with: variable)
      let start = isVariable ? cursor + variable.count : cursor + 1
      let isDollar = byte == UInt8(ascii: "$") && cursor + 1 < bytes.count && bytes[cursor + 1] == UInt8(ascii: "{")
      if isVariable || byte == UInt8(ascii: "{"), let end = IntegrationURI.nameEnd(bytes, start) {
        flush()
        let name = bytes[start..<end]
        pieces.append(isVariable ? .stageVariable(String(decoding: name, as: UTF8.self)) : .parameter(Array(name), isInPath: isInPath))
        cursor = end + 1
        continue
      }
      if byte == UInt8(ascii: "?") { isInPath = false }
      literal.append(byte)
      cursor += 1
      // "${" of anything else: neither sign begins a variable.
      if isDollar {
        literal.append(UInt8(ascii: "{"))
        cursor += 1
      }
    }
    flush()
    self.pieces = pieces
    isConstant = pieces.allSatisfy { if case .text = $0 { true } else { false } }
  }

  /// Where the "}" of a name of letters, digits and `._-:` stands.
  private static func nameEnd(_ bytes: [UInt8], _ start: Int) -> Int? {
    var end = start
    while end < bytes.count, isNameByte(bytes[end]) { end += 1 }
    return end > start && end < bytes.count && bytes[end] == UInt8(ascii: "}") ? end : nil
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
    default: "._-:".utf8.contains(byte)
    }
  }

  /// The URI of one request. A parameter that has no value stays as its name in braces; a stage variable becomes nothing.
  ///
  /// - Parameters:
  ///   - path: the integration's path parameters. They come percent-encoded from the client's path; of those that come from elsewhere,
  ///     what would end the path, the line or the URI is encoded here (RFC 3986 section 3.3).
  ///   - stageVariable: the value of a stage variable.
  public func render(path: [MessageField], stageVariable: (_ name: String) -> ArraySlice<UInt8>?) -> [UInt8] {
    var uri: [UInt8] = []
    for piece in pieces {
      switch piece {
      case .text(let text): uri += text
      case .stageVariable(let name): if let value = stageVariable(name) { uri += value }
      case .parameter(let name, let isInPath):
        if let value = path.last(where: { $0.name.elementsEqual(name) })?.value {
          for byte in value { PercentEncoding.append(byte, to: &uri, isSafe: PercentEncoding.isSafe(byte, isInPath: isInPath)) }
        } else {
          uri.append(UInt8(ascii: "{"))
          uri += name
          uri.append(UInt8(ascii: "}"))
        }
      }
    }
    return uri
  }
}
