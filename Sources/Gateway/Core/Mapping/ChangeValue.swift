// Owns the right side of an HTTP API's parameter mapping: text with variables in it, its grammar and its value for a message (API Gateway
// developer guide, "Transform API requests and responses for HTTP APIs").

struct ChangeValue: Sendable {
  enum Piece: Sendable {
    case text([UInt8])
    /// Of any case; several values joined by commas.
    case header([UInt8])
    /// Several values joined by commas.
    case query([UInt8])
    case pathParameter([UInt8])
    case path
    case body
    case bodyPath(Int)
    case context(ContextVariable)
    case stageVariable(String)
  }

  let pieces: [Piece]

  /// The text of a value without variables.
  var constant: [UInt8]? {
    switch pieces.count {
    case 0: return []
    case 1: if case .text(let bytes) = pieces[0] { return bytes } else { return nil }
    default: return nil
    }
  }

  /// - Parameters:
  ///   - text: `$request.header.a`, `x-${context.stage}-y` or plain text. Braces are needed where text follows; without them a variable
  ///     ends at a blank or at one of `$ , / ? & = " '` outside brackets. A "$" before anything else is text.
  ///   - root: `request.` or `response.`, whose parts the side may name.
  ///   - paths: takes the JSON path of a body's part.
  init(_ text: String, root: String, paths: inout [String]) throws(SourceRefusal) {
    var pieces: [Piece] = []
    var literal: [UInt8] = []
    let bytes = Array(text.utf8)
    var cursor = 0
    func flush() {
      if !literal.isEmpty { pieces.append(.text(literal)) }
      literal.removeAll()
    }
    while cursor < bytes.count {
      guard bytes[cursor] == UInt8(ascii: "$"), cursor + 1 < bytes.count else {
        literal.append(bytes[cursor])
        cursor += 1
        continue
      }
      let isBraced = bytes[cursor + 1] == UInt8(ascii: "{")
      let start = isBraced ? cursor + 2 : cursor + 1
      guard let end = isBraced ? bytes[start...].firstIndex(of: UInt8(ascii: "}")) : ChangeValue.bareEnd(bytes, start) else {
        throw SourceRefusal("\"${\" has no \"}\"")
      }
      let word = String(decoding: bytes[start..<end], as: UTF8.self)
      if let piece = try ChangeValue.variable(word, root, &paths) {
        flush()
        pieces.append(piece)
        cursor = isBraced ? end + 1 : end
      } else if isBraced || ChangeValue.looksLikeVariable(word) {
        throw SourceRefusal("\"\(word)\" is no variable; write \(root)header.NAME, context.NAME or stageVariables.NAME, for example")
      } else {
        literal.append(bytes[cursor])
        cursor += 1
      }
    }
    flush()
    self.pieces = pieces
  }

  private static func bareEnd(_ bytes: [UInt8], _ start: Int) -> Int? {
    let stops = Array("$,/?&=\"'".utf8)
    var brackets = 0
    for (index, byte) in bytes.enumerated().dropFirst(start) {
      if byte == UInt8(ascii: "[") { brackets += 1 }
      if byte == UInt8(ascii: "]") { brackets -= 1 }
      if brackets <= 0 && (byte <= 0x20 || stops.contains(byte)) { return index }
    }
    return bytes.count
  }

  private static func looksLikeVariable(_ word: String) -> Bool {
    ["request.", "response.", "context.", "stageVariables."].contains { word.hasPrefix($0) }
  }

  private static func variable(_ word: String, _ root: String, _ paths: inout [String]) throws(SourceRefusal) -> Piece? {
    if let name = word.dropping("context.") { return ContextVariable(name).map(Piece.context) }
    if let name = word.dropping("stageVariables."), !name.isEmpty { return .stageVariable(name) }
    guard let rest = word.dropping(root) else { return nil }
    if rest == "body" { return .body }
    if rest.hasPrefix("body.") || rest.hasPrefix("body[") {
      if rest.contains("..") || rest.contains("?(") {
        throw SourceRefusal("a mapping cannot use recursive descent and filters of JSONPath")
      }
      paths.append("$" + rest.dropFirst(4))
      return .bodyPath(paths.count - 1)
    }
    if let name = rest.dropping("header."), FieldName.isToken(Array(name.utf8)[...]) { return .header(Array(name.utf8)) }
    if root != "request." { return nil }
    if rest == "path" { return .path }
    if let name = rest.dropping("querystring."), !name.isEmpty { return .query(Array(name.utf8)) }
    if let name = rest.dropping("path."), !name.isEmpty { return .pathParameter(Array(name.utf8)) }
    return nil
  }

  /// The value for a message, where a variable that the message lacks is empty; nil if all its variables are lacking and there are some.
  func text(_ scope: some MappingScope, _ body: SelectedBody) -> [UInt8]? {
    var text: [UInt8] = []
    var variables = 0
    var found = 0
    for piece in pieces {
      if case .text(let bytes) = piece {
        text += bytes
        continue
      }
      variables += 1
      if let value = ChangeValue.value(piece, scope, body) {
        text += value
        found += 1
      }
    }
    return variables > 0 && found == 0 ? nil : text
  }

  private static func value(_ piece: Piece, _ scope: some MappingScope, _ body: SelectedBody) -> ArraySlice<UInt8>? {
    switch piece {
    case .text(let bytes): bytes[...]
    case .header(let name): joined(scope.fields.filter { $0.isNamed(name[...]) })
    case .query(let name): joined(scope.query.filter { $0.name.elementsEqual(name) })
    case .pathParameter(let name): scope.pathParameters.last { $0.name.elementsEqual(name) }?.value
    case .path: scope.path
    case .body: scope.body
    case .bodyPath(let index): body.values.indices.contains(index) ? body.values[index] : nil
    case .context(let variable): scope.context(variable)
    case .stageVariable(let name): scope.stageVariable(name)
    }
  }

  private static func joined(_ fields: [MessageField]) -> ArraySlice<UInt8>? {
    fields.isEmpty ? nil : FieldText.joined(fields.map(\.value))
  }
}
