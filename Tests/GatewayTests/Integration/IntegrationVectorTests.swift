// The shared vectors of bodies, MOCK statuses, URIs and passthrough behaviours (vectors/aws, files 09, 16 and 19).

import Runtime
import Testing

@testable import Gateway

@Suite(.enabled(if: AWSVectors.arePresent, "the shared vectors are absent; set TIDEGATE_VECTORS to their folder"))
struct IntegrationVectorTests {
  /// What a body becomes, or nil for 500; `template` where it goes through one.
  struct Outcome: Equatable {
    var body: ArraySlice<UInt8>?
    var isTemplate = false
  }

  @Test func bodiesAreConvertedAsRecorded() throws {
    for row in try AWSVectors.cases("09_binary_media") {
      let types = BinaryMediaTypes((row["binaryMediaTypes"]?.arrayValue ?? []).compactMap(\.stringValue))
      let outcome = try row["direction"]?.stringValue == "request" ? request(row, types) : response(row, types)
      let expected = try #require(row["expected"])
      if expected["status"]?.intValue == 500 {
        #expect(outcome.body == nil, "\(row.id)")
      } else {
        #expect(outcome.body == (expected["backendReceived"] ?? expected).body, "\(row.id)")
        #expect(!outcome.isTemplate, "\(row.id)")
      }
    }
  }

  private func request(_ row: JSONValue, _ types: BinaryMediaTypes) throws -> Outcome {
    let integration = try #require(row["integration"])
    let request = try #require(row["request"])
    let contentType = request["headers"]?.header("content-type")
    let templates = TemplateTable((integration["requestTemplates"]?.texts ?? []).map { ($0.0, $0.1) })
    let isTemplate = templates.choice(contentType: contentType, .whenNoMatch) == .template(0)
    let handling = integration["contentHandling"]?.stringValue.flatMap(ContentHandling.init)
    let conversion = ContentConversion.request(isBinary: types.contains(contentType), handling)
    return Outcome(body: conversion.apply(to: try #require(request.body), beforeTemplate: isTemplate), isTemplate: isTemplate)
  }

  private func response(_ row: JSONValue, _ types: BinaryMediaTypes) throws -> Outcome {
    let accept = row["request"]?["headers"]?.header("accept")
    let backend = try #require(row["backend"])
    if let returned = backend["returns"] {
      let conversion = ContentConversion.functionResponse(
        isBase64Encoded: returned["isBase64Encoded"]?.boolValue ?? false, acceptsBinary: types.contains(accept))
      return Outcome(body: conversion.apply(to: try #require(returned["body"]?.bytes)))
    }
    let integrationResponse = try #require(row["integrationResponse"])
    let templates = TemplateTable((integrationResponse["responseTemplates"]?.texts ?? []).map { ($0.0, $0.1) })
    let isTemplate = templates.choice(accept: accept) == .template(0)
    let conversion = ContentConversion.response(
      isBinary: types.contains(backend["contentType"]?.bytes), acceptsBinary: types.contains(accept),
      integrationResponse["contentHandling"]?.stringValue.flatMap(ContentHandling.init))
    return Outcome(body: conversion.apply(to: try #require(backend.body), beforeTemplate: isTemplate), isTemplate: isTemplate)
  }

  @Test func statusesOfMocksAreReadAsTried() throws {
    let rows = try AWSVectors.cases("16_param_mapping_uri_mock_unit").filter { $0["renderedRequestTemplate"] != nil }
    try #require(!rows.isEmpty)
    for row in rows {
      let status = MockStatus.read(try #require(row["renderedRequestTemplate"]?.bytes))
      #expect(status == row["expected"]?["integrationStatus"]?.intValue.map { Int($0) }, "\(row.id)")
    }
  }

  @Test func variablesOfURIsAreFilledInAsDocumented() throws {
    let rows = try AWSVectors.cases("16_param_mapping_uri_mock_unit").filter { $0["uri"] != nil }
    try #require(!rows.isEmpty)
    for row in rows {
      let uri = IntegrationURI(try #require(row["uri"]?.stringValue))
      let path = (row["pathParameters"]?.texts ?? []).map { MessageField($0.0, $0.1) }
      let rendered = uri.render(path: path) { row["stageVariables"]?[$0]?.bytes }
      #expect(String(decoding: rendered, as: UTF8.self) == row["expected"]?.stringValue, "\(row.id)")
    }
  }

  @Test func passthroughBehavioursHold() throws {
    let rows = try AWSVectors.cases("19_doc_tables").filter { $0["passthroughBehavior"] != nil }
    try #require(!rows.isEmpty)
    for row in rows {
      let templates = TemplateTable((row["requestTemplates"]?.arrayValue ?? []).compactMap(\.stringValue).map { ($0, "text") })
      let behavior = try #require(row["passthroughBehavior"]?.stringValue.flatMap(PassthroughBehavior.init))
      let choice = templates.choice(contentType: row["contentType"]?.bytes, behavior)
      if row["expected"]?["status"]?.intValue == 415 {
        #expect(choice == .unsupportedMediaType, "\(row.id)")
      } else {
        #expect(choice == (row["expected"]?["action"] == "passthrough" ? .passthrough : .template(0)), "\(row.id)")
      }
    }
  }
}
