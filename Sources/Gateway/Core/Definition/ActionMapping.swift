// Owns the grammar of HTTP API parameter mappings: `append:header.x` and what may be assigned (API Gateway developer guide,
// "Transforming API requests and responses"). What a request makes of them is compiled elsewhere.

/// What an HTTP API's mapping does to one part of a request or response.
public struct MappingAction: Hashable, Sendable {
  public enum Verb: String, Hashable, Sendable, CaseIterable {
    case append, overwrite, remove
  }

  public enum Part: Hashable, Sendable {
    case header(String)
    case querystring(String)
    case path
    case statusCode
  }

  public let verb: Verb
  public let part: Part

  /// Whether a request or a response is changed.
  public enum Side: Hashable, Sendable {
    case request
    case response
  }

  /// - Throws: why the text is none, in a sentence.
  public init(_ text: String, on side: Side) throws(MappingRefusal) {
    let (word, rest) = MappingAction.split(text, at: UInt8(ascii: ":"))
    guard let verb = Verb(rawValue: word), let rest else {
      throw MappingRefusal("\"\(text)\" does not begin with append:, overwrite: or remove:")
    }
    self.verb = verb
    let (kind, name) = MappingAction.split(rest, at: UInt8(ascii: "."))
    switch (kind, name, side) {
    case ("header", let name?, _) where MappingAction.isToken(name):
      if MappingAction.isReserved(name) { throw MappingRefusal("the header \"\(name)\" is reserved; no mapping may change it") }
      part = .header(name)
    case ("querystring", let name?, .request) where MappingSource.isName(name): part = .querystring(name)
    case ("path", nil, .request): part = .path
    case ("statuscode", nil, .response): part = .statusCode
    default:
      let known = side == .request ? "header.NAME, querystring.NAME or path" : "header.NAME or statuscode"
      throw MappingRefusal("\"\(text)\" names nothing that can be changed; after the colon stands \(known)")
    }
    if (part == .path || part == .statusCode) && verb != .overwrite {
      throw MappingRefusal("\"\(text)\": the \(kind == "path" ? "path" : "status code") can only be overwritten")
    }
  }

  /// Header fields that no mapping may touch; a name that ends in `*` stands for all that begin so (same page, "Reserved headers").
  public static let reservedHeaders = [
    "access-control-*", "apigw-*", "authorization", "connection", "content-encoding", "content-length", "content-location", "forwarded",
    "keep-alive", "origin", "proxy-authenticate", "proxy-authorization", "te", "trailers", "transfer-encoding", "upgrade", "x-amz-*",
    "x-amzn-*", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "via",
  ]

  public static func isReserved(_ header: String) -> Bool {
    let name = header.lowercased()
    return reservedHeaders.contains { $0.hasSuffix("*") ? name.hasPrefix($0.dropLast()) : name == $0 }
  }

  private static func split(_ text: String, at byte: UInt8) -> (String, String?) {
    guard let index = text.utf8.firstIndex(of: byte) else { return (text, nil) }
    return (String(text[..<index]), String(text[text.utf8.index(after: index)...]))
  }

  /// RFC 9110 section 5.6.2.
  static func isToken(_ name: String) -> Bool {
    !name.isEmpty
      && name.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
      }
  }
}

/// Why a mapping was refused.
public struct MappingRefusal: Error, Equatable, Sendable, CustomStringConvertible {
  public let description: String

  init(_ description: String) { self.description = description }
}

/// A value that an HTTP API's mapping assigns: text with variables in it, as `$request.header.a` or `x-${context.stage}-y`.
public struct MappingValue: Hashable, Sendable {
  public enum Piece: Hashable, Sendable {
    case text(String)
    case header(String)
    case querystring(String)
    case pathParameter(String)
    case path
    case body(String)
    case context(String)
    case stageVariable(String)
  }

  public let pieces: [Piece]

  /// - Throws: why the text is no value, in a sentence.
  public init(_ text: String, on side: MappingAction.Side) throws(MappingRefusal) {
    var pieces: [Piece] = []
    var literal: [UInt8] = []
    let bytes = Array(text.utf8)
    var cursor = 0
    func flush() {
      if !literal.isEmpty { pieces.append(.text(String(decoding: literal, as: UTF8.self))) }
      literal.removeAll()
    }
    while cursor < bytes.count {
      guard bytes[cursor] == UInt8(ascii: "$"), cursor + 1 < bytes.count else {
        literal.append(bytes[cursor])
        cursor += 1
        continue
      }
      let isBraced = bytes[cursor + 1] == UInt8(ascii: "{")
      let start = cursor + (isBraced ? 2 : 1)
      let end = isBraced ? bytes[start...].firstIndex(of: UInt8(ascii: "}")) : MappingValue.wordEnd(bytes, start)
      guard let end else { throw MappingRefusal("\"${\" has no \"}\" in \"\(text)\"") }
      let word = String(decoding: bytes[start..<end], as: UTF8.self)
      flush()
      pieces.append(try MappingValue.variable(word, side))
      cursor = end + (isBraced ? 1 : 0)
    }
    flush()
    self.pieces = pieces
  }

  /// A variable without braces goes to the first byte that cannot belong to one.
  private static func wordEnd(_ bytes: [UInt8], _ start: Int) -> Int {
    var cursor = start
    while cursor < bytes.count, bytes[cursor] > 0x20, bytes[cursor] != UInt8(ascii: "$"), bytes[cursor] != UInt8(ascii: ",") { cursor += 1 }
    return cursor
  }

  private static func variable(_ word: String, _ side: MappingAction.Side) throws(MappingRefusal) -> Piece {
    if let name = MappingSource.rest(word, "context."), MappingSource.isName(name) { return .context(name) }
    if let name = MappingSource.rest(word, "stageVariables."), MappingSource.isVariable(name) { return .stageVariable(name) }
    let root = side == .request ? "request." : "response."
    if let rest = MappingSource.rest(word, root) {
      if let name = MappingSource.rest(rest, "header."), MappingAction.isToken(name) { return .header(name) }
      if let path = MappingSource.rest(rest, "body."), !path.isEmpty {
        guard !path.hasPrefix("."), !path.contains(".."), !path.contains("?(") else {
          throw MappingRefusal("\"$\(word)\": recursive descent and filters cannot be used in a mapping")
        }
        return .body(path)
      }
      if side == .request {
        if let name = MappingSource.rest(rest, "querystring."), MappingSource.isName(name) { return .querystring(name) }
        if let name = MappingSource.rest(rest, "path."), MappingSource.isName(name) { return .pathParameter(name) }
        if rest == "path" { return .path }
      }
    }
    throw MappingRefusal("\"$\(word)\" is no value of a \(side == .request ? "request" : "response"), a stage or the context")
  }
}
