// Owns: what templates override of requests and responses (API Gateway developer guide, "Override your API's request and response
// parameters and status codes"), as a value that goes from one template of a request to the next and to who sends the messages.
import Runtime

/// `$context.requestOverride` and `$context.responseOverride` after a rendering.
public struct TemplateOverrides: Equatable, Sendable {
  /// `header`, `path` and `querystring`, and whatever else templates left there; nil if none wrote to it.
  public var request: JSONValue?
  /// `header` and `status`, and whatever else; nil if none wrote to it.
  public var response: JSONValue?

  public init(request: JSONValue? = nil, response: JSONValue? = nil) {
    self.request = request
    self.response = response
  }

  public var isEmpty: Bool { request == nil && response == nil }

  /// Names and values of request headers; several where a template gave a list.
  public var requestHeaders: [(name: String, values: [String])] { Self.entries(request?["header"]) }
  public var requestPath: [(name: String, values: [String])] { Self.entries(request?["path"]) }
  public var requestQuerystring: [(name: String, values: [String])] { Self.entries(request?["querystring"]) }
  public var responseHeaders: [(name: String, values: [String])] { Self.entries(response?["header"]) }

  /// The status that replaces the response's, written as a number or as the text of one; nil if there is none or it is none.
  public var responseStatus: Int? {
    switch response?["status"] {
    case .number(let text): Int(text)
    case .string(let text): Int(text)
    default: nil
    }
  }

  private static func entries(_ map: JSONValue?) -> [(name: String, values: [String])] {
    guard case .object(let members) = map else { return [] }
    return members.map { member in
      guard case .array(let elements) = member.value else { return (member.name, [text(member.value)]) }
      return (member.name, elements.map(text))
    }
  }

  private static func text(_ value: JSONValue) -> String {
    switch value {
    case .null: return ""
    case .bool(let isTrue): return isTrue ? "true" : "false"
    case .number(let text), .string(let text): return text
    case .array, .object:
      var writer = JSONWriter()
      writer.write(value)
      return String(decoding: writer.bytes, as: UTF8.self)
    }
  }
}
