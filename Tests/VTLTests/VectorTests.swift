import Foundation
import Runtime
import Testing

@testable import VTL

/// Cases recorded from the live service, and others of its kind, from the folder that TIDEGATE_VECTORS names. They are no part of this
/// repository.
@Suite("Vectors", .enabled(if: Vectors.folder != nil))
struct VectorTests {
  @Test("01 and 02: templates as the service renders them", arguments: Vectors.cases(["01_", "02_"]))
  func recorded(_ vector: Vector) throws {
    let outcome = try vector.run()
    let expected = vector.value["expected"] ?? .null
    #expect(outcome.status == expected["status"]?.intValue.map { Int($0) })
    if let text = expected["bodyText"]?.stringValue { #expect(outcome.body == text) }
    if let json = expected["bodyJson"] {
      let body = try JSONValue.parse(outcome.body.trimmingCharacters(in: .whitespacesAndNewlines))
      #expect(Vectors.sorted(body) == Vectors.sorted(json))
    }
    for header in expected["headers"]?.objectValue ?? [] {
      #expect(outcome.headers[header.name] == header.value.stringValue)
    }
  }

  @Test("16 and 19: single templates", arguments: Vectors.cases(["16_", "19_"]).filter { $0.value["template"] != nil })
  func single(_ vector: Vector) throws {
    let body = vector.value["body"]?.stringValue ?? ""
    #expect(try rendered(vector.value["template"]?.stringValue ?? "", StubScope(body: body)) == vector.value["expected"]?.stringValue)
  }

  /// Velocity's own test suite sets some variables in Java; here templates do.
  private static let prelude = [
    "velocity-pedantic": "#set($stringarray = ['first element', 'second element'])",
    "velocity-logical": "#set($name = 'jason')#set($name2 = 'jason')#set($name3 = 'geoge')#set($templatenumber1 = 999)",
  ]

  @Test("20: Velocity's own templates, by its rules", arguments: Vectors.cases(["20_"]))
  func velocity(_ vector: Vector) throws {
    // The suite's number object is a number by way of a property.
    let text = (vector.value["template"]?.stringValue ?? "").replacingOccurrences(of: "$templatenumber1.AsNumber", with: "$templatenumber1")
    let result = try rendered((Self.prelude[vector.id] ?? "") + text, dialect: .velocity)
    #expect(result == vector.value["expected"]?.stringValue)
  }
}

struct Vector: CustomTestStringConvertible, Sendable {
  let id: String
  let value: JSONValue

  var testDescription: String { id }

  struct Outcome {
    var status: Int?
    var headers: [String: String] = [:]
    var body: String
  }

  /// Goes the way of a request: request template, backend, response template.
  func run() throws -> Outcome {
    if let template = value["template"]?.stringValue { return try runEcho(template) }
    let integration = value["openapi"].flatMap(Vectors.integration) ?? value
    var scope = StubScope(body: requestBody)
    scope.path = pathParameters
    for part in (value["request"]?["query"]?.stringValue ?? "").split(separator: "&") {
      let pair = part.split(separator: "=", maxSplits: 1).map(String.init)
      scope.querystring.append((pair[0], pair.count > 1 ? pair[1] : ""))
    }
    for member in value["request"]?["headers"]?.objectValue ?? [] { scope.header.append((member.name, member.value.stringValue ?? "")) }
    for member in value["stageVariables"]?.objectValue ?? [] { scope.stageVariables.append((member.name, member.value.stringValue ?? "")) }
    var outcome = Outcome(status: 200, body: requestBody)
    if let template = integration["requestTemplates"]?["application/json"]?.stringValue {
      let result = try Template(template).render(with: scope)
      outcome.body = String(decoding: result.bytes, as: UTF8.self)
      scope.overrides = result.overrides
    }
    let backend = value["backend"]
    if let answer = backend?["bodyJson"] ?? backend?["returns"] { outcome.body = Vectors.text(answer) }
    let responses = integration["responseTemplates"] ?? integration["responses"]?["default"]?["responseTemplates"]
    if let template = responses?["application/json"]?.stringValue {
      scope.body = backend == nil ? [] : Array(outcome.body.utf8)[...]
      let result = try Template(template).render(with: scope)
      outcome.body = String(decoding: result.bytes, as: UTF8.self)
      scope.overrides = result.overrides
    }
    if let status = scope.overrides.responseStatus { outcome.status = status }
    for header in scope.overrides.responseHeaders { outcome.headers[header.name] = header.values.joined(separator: ",") }
    return outcome
  }

  /// A request template in front of a function that gives back what it got.
  private func runEcho(_ template: String) throws -> Outcome {
    let payload = value["payload"]?.stringValue ?? ""
    do {
      let event = try Template(template).render(with: StubScope(body: payload)).bytes
      let value = event.isEmpty ? JSONValue.object([]) : try JSONValue.parse(event)
      return Outcome(status: 200, body: Vectors.text(value))
    } catch let error as RenderError where error.kind == .unprocessableBody {
      return Outcome(status: 400, body: "Could not process payload")
    }
  }

  private var requestBody: String {
    guard let request = value["request"] else { return "" }
    return request["bodyText"]?.stringValue ?? request["bodyJson"].map(Vectors.text) ?? ""
  }

  private var pathParameters: [(String, String)] {
    let names = (value["path"]?.stringValue ?? openAPIPath).split(separator: "/")
    let parts = (value["request"]?["path"]?.stringValue ?? "").split(separator: "/")
    return zip(names, parts).compactMap { name, part in
      name.hasPrefix("{") ? (String(name.dropFirst().dropLast()), String(part)) : nil
    }
  }

  private var openAPIPath: String { value["openapi"]?["paths"]?.objectValue?.first?.name ?? "" }
}

enum Vectors {
  static let folder = ProcessInfo.processInfo.environment["TIDEGATE_VECTORS"]

  static func cases(_ prefixes: [String]) -> [Vector] {
    guard let folder, let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else { return [] }
    return names.sorted().filter { name in prefixes.contains { name.hasPrefix($0) } }.flatMap { name -> [Vector] in
      guard let data = FileManager.default.contents(atPath: folder + "/" + name), let file = try? JSONValue.parse([UInt8](data)) else {
        return []
      }
      return (file["cases"]?.arrayValue ?? []).map { Vector(id: $0["id"]?.stringValue ?? "?", value: $0) }
    }
  }

  static func text(_ value: JSONValue) -> String {
    var writer = JSONWriter()
    writer.write(value)
    return String(decoding: writer.bytes, as: UTF8.self)
  }

  /// With members in one order, so that two values can be compared.
  static func sorted(_ value: JSONValue) -> JSONValue {
    switch value {
    case .object(let members): .object(members.map { JSONMember($0.name, sorted($0.value)) }.sorted { $0.name < $1.name })
    case .array(let elements): .array(elements.map(sorted))
    default: value
    }
  }

  /// The integration of the one method that an OpenAPI document has.
  static func integration(_ document: JSONValue) -> JSONValue? {
    document["paths"]?.objectValue?.first?.value.objectValue?.first?.value["x-amazon-apigateway-integration"]
  }
}
