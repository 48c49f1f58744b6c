// The grammar of route keys, as tables: what is accepted means what it says, what is refused says why and where.

import Testing

@testable import Gateway

@Suite struct RouteKeyTests {
  struct Accepted: Sendable {
    let text: String
    let method: RouteMethod
    let segments: [RouteKey.Segment]
  }

  static let accepted: [Accepted] = [
    Accepted(text: "GET /", method: .get, segments: []),
    Accepted(text: "GET /pets", method: .get, segments: [.literal("pets")]),
    Accepted(text: "HEAD /pets/{id}", method: .head, segments: [.literal("pets"), .parameter("id")]),
    Accepted(text: "POST /{a}/{b}", method: .post, segments: [.parameter("a"), .parameter("b")]),
    Accepted(text: "PUT /v1.0/a_b-c:d", method: .put, segments: [.literal("v1.0"), .literal("a_b-c:d")]),
    Accepted(text: "PATCH /{a.b_c:d-e}", method: .patch, segments: [.parameter("a.b_c:d-e")]),
    Accepted(text: "DELETE /...", method: .delete, segments: [.literal("...")]),
    Accepted(text: "OPTIONS /{proxy+}", method: .options, segments: [.greedy("proxy")]),
    Accepted(text: "ANY /files/{rest+}", method: .any, segments: [.literal("files"), .greedy("rest")]),
    Accepted(text: "GET /pets/{Id}/{id}", method: .get, segments: [.literal("pets"), .parameter("Id"), .parameter("id")]),
  ]

  @Test(arguments: accepted)
  func aKeyIsParsed(_ row: Accepted) throws {
    let key = try RouteKey(row.text)
    #expect(key.method == row.method)
    #expect(key.segments == row.segments)
    #expect(key.text == row.text)
    #expect(!key.isDefault)
  }

  @Test func theDefaultKeyHasNoPath() throws {
    let key = try RouteKey("$default")
    #expect(key.isDefault)
    #expect(key.segments.isEmpty)
    #expect(!key.isGreedy)
  }

  struct Refused: Sendable {
    let text: String
    let reason: RouteKeyError.Reason
    let position: Int
  }

  static let refused: [Refused] = [
    Refused(text: "", reason: .empty, position: 0),
    Refused(text: "get /pets", reason: .unknownMethod("get"), position: 0),
    Refused(text: "TRACE /pets", reason: .unknownMethod("TRACE"), position: 0),
    Refused(text: " /pets", reason: .unknownMethod(""), position: 0),
    Refused(text: "/pets", reason: .unknownMethod("/pets"), position: 0),
    Refused(text: "$connect", reason: .unknownSelector("$connect"), position: 0),
    Refused(text: "$default ", reason: .unknownSelector("$default "), position: 0),
    Refused(text: "GET", reason: .missingPath, position: 3),
    Refused(text: "GET ", reason: .missingPath, position: 4),
    Refused(text: "GET  /pets", reason: .pathWithoutSlash, position: 4),
    Refused(text: "GET pets", reason: .pathWithoutSlash, position: 4),
    Refused(text: "GET //", reason: .emptySegment, position: 5),
    Refused(text: "GET /a//b", reason: .emptySegment, position: 7),
    Refused(text: "GET /pets/", reason: .trailingSlash, position: 9),
    Refused(text: "GET /a/./b", reason: .dotSegment, position: 7),
    Refused(text: "GET /a/..", reason: .dotSegment, position: 7),
    Refused(text: "GET /a b", reason: .invalidCharacter(0x20), position: 6),
    Refused(text: "GET /a%20b", reason: .invalidCharacter(0x25), position: 6),
    Refused(text: "GET /~user", reason: .invalidCharacter(0x7E), position: 5),
    Refused(text: "GET /caf\u{E9}", reason: .invalidCharacter(0xC3), position: 8),
    Refused(text: "GET /a?b=c", reason: .invalidCharacter(0x3F), position: 6),
    Refused(text: "GET /pets/{id}.json", reason: .partialParameter, position: 14),
    Refused(text: "GET /pets/v{id}", reason: .partialParameter, position: 11),
    Refused(text: "GET /a}", reason: .partialParameter, position: 6),
    Refused(text: "GET /{a}{b}", reason: .partialParameter, position: 8),
    Refused(text: "GET /{a}}", reason: .partialParameter, position: 8),
    Refused(text: "GET /{a", reason: .unclosedParameter, position: 5),
    Refused(text: "GET /{a/b}", reason: .unclosedParameter, position: 5),
    Refused(text: "GET /{}", reason: .emptyParameterName, position: 5),
    Refused(text: "GET /{+}", reason: .emptyParameterName, position: 5),
    Refused(text: "GET /{a b}", reason: .invalidCharacter(0x20), position: 7),
    Refused(text: "GET /{a++}", reason: .invalidCharacter(0x2B), position: 7),
    Refused(text: "GET /{{a}", reason: .invalidCharacter(0x7B), position: 6),
    Refused(text: "GET /{proxy+}/tail", reason: .greedyNotLast, position: 5),
    Refused(text: "GET /{proxy+}/", reason: .greedyNotLast, position: 5),
    Refused(text: "GET /a/{id}/b/{id}", reason: .repeatedParameter("id"), position: 15),
    Refused(text: "GET /{id}/{id+}", reason: .repeatedParameter("id"), position: 11),
  ]

  @Test(arguments: refused)
  func aFaultHasAReasonAndAPosition(_ row: Refused) {
    let error = #expect(throws: RouteKeyError.self) { try RouteKey(row.text) }
    #expect(error?.reason == row.reason)
    #expect(error?.position == row.position)
    #expect(error?.description.hasPrefix("route key \"\(row.text)\", byte \(row.position): ") == true)
  }

  @Test func theLimitsHold() throws {
    var limits = RouteLimits()
    limits.segmentsMax = 2
    limits.keyBytesMax = 12
    _ = try RouteKey("GET /a/{b}", limits: limits)
    let deep = #expect(throws: RouteKeyError.self) { try RouteKey("GET /a/b/c", limits: limits) }
    #expect(deep?.reason == .tooManySegments(max: 2))
    #expect(deep?.position == 9)
    let long = #expect(throws: RouteKeyError.self) { try RouteKey("GET /abcdefgh", limits: limits) }
    #expect(long?.reason == .tooLong(bytesMax: 12))
  }

  @Test func theDeepestKeyIsAccepted() throws {
    let path = "/{first}" + String(repeating: "/a", count: 62) + "/{rest+}"
    #expect(try RouteKey("GET " + path).segments.count == 64)
  }
}
