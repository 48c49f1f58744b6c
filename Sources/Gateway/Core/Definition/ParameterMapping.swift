// Owns the grammar of REST parameter mappings: which expressions may stand on either side (API Gateway developer guide, "Amazon API
// Gateway API request and response data mapping reference"). What a request makes of them is compiled elsewhere.

/// Where a mapped value goes.
public enum MappingTarget: Hashable, Sendable {
  case integrationRequest(APIDefinition.RequestParameter.Location, String)
  case methodResponseHeader(String)
  case gatewayResponse(APIDefinition.RequestParameter.Location, String)

  /// - Returns: nil for a text that is none.
  public init?(_ text: String) {
    if let rest = MappingSource.rest(text, "integration.request."), let (location, name) = MappingTarget.located(rest) {
      self = .integrationRequest(location, name)
    } else if let name = MappingSource.rest(text, "method.response.header."), MappingSource.isName(name) {
      self = .methodResponseHeader(name)
    } else {
      return nil
    }
  }

  /// `gatewayresponse.header.NAME`, which stands in a table of its own.
  public init?(gatewayResponse text: String) {
    guard let rest = MappingSource.rest(text, "gatewayresponse."), let (location, name) = MappingTarget.located(rest) else { return nil }
    self = .gatewayResponse(location, name)
  }

  private static func located(_ rest: String) -> (APIDefinition.RequestParameter.Location, String)? {
    guard let dot = MappingSource.dots(rest, 1) else { return nil }
    let name = String(rest[dot...])
    guard let location = APIDefinition.RequestParameter.Location(rawValue: String(rest[..<dot].dropLast())) else { return nil }
    return MappingSource.isName(name) ? (location, name) : nil
  }
}

/// Where a mapped value comes from.
public enum MappingSource: Hashable, Sendable {
  /// The last value of a parameter, or, as `multivalue…`, all of them.
  case methodRequest(APIDefinition.RequestParameter.Location, String, isMultivalue: Bool)
  /// JSON path without `$.`; nil for the whole body.
  case methodRequestBody(String?)
  case integrationResponseHeader(String, isMultivalue: Bool)
  case integrationResponseBody(String?)
  case context(String)
  case stageVariable(String)
  /// Text between single quotes.
  case constant(String)

  /// - Returns: nil for a text that is none.
  public init?(_ text: String) {
    if text.utf8.count >= 2, text.hasPrefix("'"), text.hasSuffix("'") {
      self = .constant(String(text.dropFirst().dropLast()))
      return
    }
    if let name = MappingSource.rest(text, "context."), MappingSource.isName(name) {
      self = .context(name)
    } else if let name = MappingSource.rest(text, "stageVariables."), MappingSource.isVariable(name) {
      self = .stageVariable(name)
    } else if let rest = MappingSource.rest(text, "method.request.") {
      guard let source = MappingSource.part(rest, body: MappingSource.methodRequestBody, parameter: MappingSource.requestParameter)
      else { return nil }
      self = source
    } else if let rest = MappingSource.rest(text, "integration.response.") {
      guard let source = MappingSource.part(rest, body: MappingSource.integrationResponseBody, parameter: MappingSource.responseParameter)
      else { return nil }
      self = source
    } else {
      return nil
    }
  }

  private static func part(
    _ rest: String, body: (String?) -> MappingSource, parameter: (Substring, String) -> MappingSource?
  ) -> MappingSource? {
    if rest == "body" { return body(nil) }
    if let path = MappingSource.rest(rest, "body.") { return path.isEmpty ? nil : body(path) }
    // A root array is reached as `body[0]`.
    if rest.hasPrefix("body[") { return body(String(rest.dropFirst(4))) }
    guard let dot = dots(rest, 1) else { return nil }
    let name = String(rest[dot...])
    return isName(name) ? parameter(rest[..<dot].dropLast(), name) : nil
  }

  private static func requestParameter(_ kind: Substring, _ name: String) -> MappingSource? {
    switch kind {
    case "path": .methodRequest(.path, name, isMultivalue: false)
    case "querystring": .methodRequest(.querystring, name, isMultivalue: false)
    case "header": .methodRequest(.header, name, isMultivalue: false)
    case "multivaluequerystring": .methodRequest(.querystring, name, isMultivalue: true)
    case "multivalueheader": .methodRequest(.header, name, isMultivalue: true)
    default: nil
    }
  }

  private static func responseParameter(_ kind: Substring, _ name: String) -> MappingSource? {
    switch kind {
    case "header": .integrationResponseHeader(name, isMultivalue: false)
    case "multivalueheader": .integrationResponseHeader(name, isMultivalue: true)
    default: nil
    }
  }

  /// Behind the prefix, if the text has it.
  static func rest(_ text: String, _ prefix: String) -> String? { text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : nil }

  /// Behind the dot of that number.
  static func dots(_ text: String, _ count: Int) -> String.Index? {
    var left = count
    for index in text.utf8.indices where text.utf8[index] == UInt8(ascii: ".") {
      left -= 1
      if left == 0 { return text.utf8.index(after: index) }
    }
    return nil
  }

  /// AWS's message for another is "Invalid mapping expression parameter specified"; a name may not be empty or hold blanks or controls.
  static func isName(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F }
  }

  /// Stage variable names (API Gateway developer guide, "Amazon API Gateway stage variables reference"): letters, digits, underscore.
  static func isVariable(_ name: String) -> Bool {
    !name.isEmpty
      && name.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: byte == UInt8(ascii: "_")
        }
      }
  }
}
