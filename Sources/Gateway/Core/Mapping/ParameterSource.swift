// Owns the right side of a REST API's parameter mapping: its grammar and its value for a message (API Gateway developer guide, "Parameter
// mapping source reference for REST APIs").

/// Which mapping an entry belongs to, and so what it may name.
public enum ParameterSide: Hashable, Sendable {
  /// `integration.request.…` from the client's request.
  case integrationRequest(IntegrationKind)
  /// `method.response.header.…` from the integration's response.
  case methodResponse
  /// `gatewayresponse.header.…` from the client's request, without its body.
  case gatewayResponse

  var fromRequest: Bool {
    switch self {
    case .integrationRequest, .gatewayResponse: true
    case .methodResponse: false
    }
  }
}

enum ParameterSource: Sendable {
  /// Header names count by case as the service has it; those that every implementation knows in any case do not.
  case header([UInt8], all: Bool, ignoresCase: Bool)
  case query([UInt8], all: Bool)
  case path([UInt8])
  case body
  /// The index among the mapping's JSON paths.
  case bodyPath(Int)
  case context(ContextVariable)
  case stageVariable(String)
  case constant(ArraySlice<UInt8>)

  /// - Parameters:
  ///   - paths: takes the JSON path of a body's part.
  ///   - body: whether bodies are among the sources.
  /// - Throws: why the text is none.
  init(_ text: String, _ side: ParameterSide, paths: inout [String]) throws(SourceRefusal) {
    let bytes = Array(text.utf8)
    if bytes.count >= 2, bytes.first == UInt8(ascii: "'"), bytes.last == UInt8(ascii: "'") {
      self = .constant(FieldText.safe(bytes[1..<(bytes.count - 1)])[...])
    } else if let name = text.dropping("context.") {
      guard let variable = ContextVariable(name) else { throw SourceRefusal("the context has no variable \"\(name)\"") }
      self = .context(variable)
    } else if let name = text.dropping("stageVariables."), !name.isEmpty {
      self = .stageVariable(name)
    } else if let rest = text.dropping(side.fromRequest ? "method.request." : "integration.response."),
      let source = try ParameterSource.part(rest, side, &paths)
    {
      self = source
    } else {
      throw SourceRefusal("\"\(text)\" is no source; write \(ParameterSource.known(side)), context.NAME, stageVariables.NAME or 'text'")
    }
  }

  private static func part(
    _ rest: String, _ side: ParameterSide, _ paths: inout [String]
  ) throws(SourceRefusal) -> ParameterSource? {
    if rest == "body" || rest.hasPrefix("body.") || rest.hasPrefix("body[") {
      if side == .gatewayResponse { throw SourceRefusal("a gateway response cannot take values from a body") }
      if rest == "body" { return .body }
      paths.append("$" + rest.dropFirst(4))
      return .bodyPath(paths.count - 1)
    }
    guard let dot = rest.firstIndex(of: ".") else { return nil }
    let name = Array(rest[rest.index(after: dot)...].utf8)
    if name.isEmpty { return nil }
    switch (rest[..<dot], side.fromRequest) {
    case ("header", _): return .header(name, all: false, ignoresCase: KnownHeaders.contains(name[...]))
    case ("multivalueheader", _): return .header(name, all: true, ignoresCase: KnownHeaders.contains(name[...]))
    case ("querystring", true): return .query(name, all: false)
    case ("multivaluequerystring", true): return .query(name, all: true)
    case ("path", true): return .path(name)
    default: return nil
    }
  }

  private static func known(_ side: ParameterSide) -> String {
    switch side {
    case .integrationRequest: "method.request.{header,multivalueheader,querystring,multivaluequerystring,path}.NAME, method.request.body"
    case .methodResponse: "integration.response.{header,multivalueheader}.NAME, integration.response.body"
    case .gatewayResponse: "method.request.{header,multivalueheader,querystring,multivaluequerystring,path}.NAME"
    }
  }

  /// The value for a message; nil where it lacks the source. Of several values of one name the last counts; those of a multi-value header
  /// are joined by commas, and of a multi-value query parameter this is the last.
  func value(_ scope: some MappingScope, _ body: SelectedBody) -> ArraySlice<UInt8>? {
    switch self {
    case .header(let name, let all, let ignoresCase):
      func isIt(_ field: MessageField) -> Bool { ignoresCase ? field.isNamed(name[...]) : field.name.elementsEqual(name) }
      guard let last = scope.fields.lastIndex(where: isIt) else { return nil }
      if !all || scope.fields.firstIndex(where: isIt) == last { return scope.fields[last].value }
      return FieldText.joined(scope.fields.filter(isIt).map(\.value))
    case .query(let name, _): return scope.query.last { $0.name.elementsEqual(name) }?.value
    case .path(let name): return scope.pathParameters.last { $0.name.elementsEqual(name) }?.value
    case .body: return body.text
    case .bodyPath(let index): return body.values.indices.contains(index) ? body.values[index] : nil
    case .context(let variable): return scope.context(variable)
    case .stageVariable(let name): return scope.stageVariable(name)
    case .constant(let bytes): return bytes
    }
  }

  /// Calls `use` with each value: several only of a multi-value query parameter.
  func forEachValue(
    _ scope: some MappingScope, _ selected: SelectedBody, _ use: (ArraySlice<UInt8>) throws(MappingFailure) -> Void
  ) throws(MappingFailure) {
    if case .query(let name, true) = self {
      for parameter in scope.query where parameter.name.elementsEqual(name) { try use(parameter.value) }
    } else if let value = value(scope, selected) {
      try use(value)
    }
  }
}

/// Why a source was refused, in a sentence.
struct SourceRefusal: Error {
  let message: String

  init(_ message: String) { self.message = message }
}

/// The body of a message as one mapping sees it.
struct SelectedBody {
  /// Without the blanks around it; "{}" for an empty one (recorded).
  var text: ArraySlice<UInt8> = []
  /// What each JSON path of the mapping found.
  var values: [ArraySlice<UInt8>?] = []

  init() {}

  /// - Throws: `invalidJSON` where the body begins like JSON and is none. A body of other text is no JSON and has no parts.
  init(_ body: ArraySlice<UInt8>, _ selector: any BodySelector) throws(MappingFailure) {
    let trimmed = ASCII.trimmed(body)
    text = trimmed.isEmpty ? Array("{}".utf8)[...] : trimmed
    guard text.first == UInt8(ascii: "{") || text.first == UInt8(ascii: "[") else { return }
    switch selector.select(in: text) {
    case .invalid: throw .invalidJSON
    case .values(let found): values = found
    }
  }
}

/// Text that may stand in a header field.
enum FieldText {
  /// The bytes with each control character as a space, as RFC 9110 section 5.5 has it for those that would end the line, and without
  /// blanks around them.
  static func safe(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    ASCII.trimmed(bytes).map { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F ? 0x20 : $0 }
  }

  /// Several values of one name as one (RFC 9110 section 5.3, as the service does it, without a blank).
  static func joined(_ values: [ArraySlice<UInt8>]) -> ArraySlice<UInt8> {
    if values.count == 1 { return values[0] }
    return Array(values.joined(separator: CollectionOfOne(UInt8(ascii: ","))))[...]
  }

  static func isSafe(_ bytes: ArraySlice<UInt8>) -> Bool {
    if let first = bytes.first, ASCII.isBlank(first) { return false }
    if let last = bytes.last, ASCII.isBlank(last) { return false }
    return bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }
  }
}

extension String {
  /// What is behind the prefix, if the text has it.
  func dropping(_ prefix: String) -> String? { hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil }
}

/// Names that a client's field has in any case: the service writes these as they are registered, whatever the client wrote (recorded:
/// `authorization` arrives as `Authorization`), and HTTP/2 sends them in lower case (RFC 9113 section 8.2).
enum KnownHeaders {
  private static let table = ByteTable<Bool>(
    [
      "Access-Control-Allow-Credentials", "Access-Control-Allow-Headers", "Access-Control-Allow-Methods", "Access-Control-Allow-Origin",
      "Access-Control-Expose-Headers", "Access-Control-Max-Age", "Access-Control-Request-Headers", "Access-Control-Request-Method",
      "Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Accept-Ranges", "Age", "Allow", "Authorization",
      "Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Location", "Content-MD5", "Content-Range",
      "Content-Type", "Cookie", "Date", "ETag", "Expires", "Forwarded", "From", "Host", "If-Match", "If-Modified-Since",
      "If-None-Match", "If-Range", "If-Unmodified-Since", "Last-Modified", "Link", "Location", "Max-Forwards", "Origin", "Pragma",
      "Range", "Referer", "Retry-After", "Set-Cookie", "User-Agent", "Vary", "Via", "WWW-Authenticate", "X-Api-Key",
      "X-Amzn-Trace-Id", "X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto",
    ].map { ($0, true) })

  static func contains(_ name: ArraySlice<UInt8>) -> Bool { table[name] != nil }
}
