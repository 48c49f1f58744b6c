// Request validators: which parameters are missing, which model a body meets, and what is said.

import Runtime
import Testing

@testable import Gateway

@Suite struct RequestValidatorTests {
  static func model(_ text: String) throws -> CompiledSchema { try CompiledSchema(JSONValue.parse(text)) }

  static let keys: [(key: String, place: RequestParameter.Place?, name: String)] = [
    ("method.request.path.id", .path, "id"),
    ("method.request.querystring.filter.by", .querystring, "filter.by"),
    ("method.request.header.X-Token", .header, "X-Token"),
    ("method.request.body.x", nil, ""),
    ("method.request.path.", nil, ""),
    ("method.request.path", nil, ""),
    ("integration.request.path.id", nil, ""),
    ("", nil, ""),
  ]

  @Test(arguments: keys.indices)
  func aKeyNamesAParameter(_ row: Int) {
    let (key, place, name) = Self.keys[row]
    let parameter = RequestParameter(key: key)
    #expect(parameter?.place == place)
    if let parameter {
      #expect(parameter.name == name)
      #expect(parameter.key == key)
    }
  }

  static let requests: [(values: [String: String], missing: [String]?)] = [
    (["method.request.path.id": "1", "method.request.querystring.q": "a", "method.request.header.h": "b"], nil),
    ([:], ["h", "id", "q"]),
    (["method.request.path.id": "1", "method.request.header.h": "b"], ["q"]),
    (["method.request.path.id": "1", "method.request.querystring.q": "", "method.request.header.h": "b"], ["q"]),
    (["method.request.path.id": "1", "method.request.querystring.q": "a", "method.request.header.h": " \t"], ["h"]),
  ]

  @Test(arguments: requests.indices)
  func requiredParametersMustBeThereAndNotBlank(_ row: Int) {
    let (values, missing) = Self.requests[row]
    let required = ["querystring.q", "path.id", "header.h"].compactMap { RequestParameter(key: "method.request.\($0)") }
    let validator = RequestValidator(required: required, models: [:])
    let fault = validator.parameterFault { values[$0.key] }
    #expect(fault == missing.map { .missingParameters($0) })
    if let missing, let fault {
      #expect(fault.message == "Missing required request parameters: [\(missing.joined(separator: ", "))]")
      #expect(fault.responseType == "BAD_REQUEST_PARAMETERS")
    }
  }

  static let contentTypes: [(header: String?, model: String?)] = [
    (nil, "json"),
    ("", "json"),
    ("application/json", "json"),
    ("Application/JSON; charset=utf-8", "json"),
    (" application/json ;x=y", "json"),
    ("application/vnd.api+json", "api"),
    ("application/xml", nil),
    ("application/jsonx", nil),
    (";", "json"),
  ]

  @Test(arguments: contentTypes.indices)
  func theContentTypePicksTheModel(_ row: Int) throws {
    let (header, name) = Self.contentTypes[row]
    let json = try Self.model(#"{"type": "object"}"#)
    let api = try Self.model(#"{"type": "array"}"#)
    let other = try Self.model(#"{"type": "null"}"#)
    let validator = RequestValidator(required: [], models: ["application/json": json, "application/vnd.API+json": api])
    #expect(validator.model(contentType: header) === (name == "json" ? json : name == "api" ? api : nil))
    let withDefault = RequestValidator(
      required: [], models: ["application/json": json, "application/vnd.api+json": api, "$default": other])
    #expect(withDefault.model(contentType: header) === (name == "json" ? json : name == "api" ? api : other))
    let none = RequestValidator(required: [], models: [:])
    #expect(none.model(contentType: header) == nil)
  }

  static let bodies: [(type: String?, body: String, error: String?)] = [
    (nil, #"{"a": 1}"#, nil),
    (nil, #"{"b": 1}"#, #"[object has missing required properties (["a"])]"#),
    (nil, "", "[Unknown error parsing request body]"),
    (nil, "{", "[Unknown error parsing request body]"),
    (nil, "{}{}", "[Unknown error parsing request body]"),
    ("text/plain", "", nil),
    ("text/plain", "no JSON", nil),
  ]

  @Test(arguments: bodies.indices)
  func aBodyIsHeldAgainstItsModel(_ row: Int) throws {
    let (type, body, error) = Self.bodies[row]
    let validator = RequestValidator(required: [], models: ["application/json": try Self.model(#"{"required": ["a"]}"#)])
    let fault = Array(body.utf8).withUnsafeBytes { validator.bodyFault(contentType: type, body: $0) }
    #expect(fault?.validationError == error)
    #expect(fault?.message == (error == nil ? nil : "Invalid request body"))
    #expect(fault?.responseType == (error == nil ? nil : "BAD_REQUEST_BODY"))
  }
}
