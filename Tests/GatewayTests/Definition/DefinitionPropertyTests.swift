// Documents that differ from sound ones in a few places: whatever an import makes of them, it is said, and what was imported survives.
import Runtime
import Testing

@testable import Gateway

/// Changes a document at random: values take each other's places, members go, come twice, or get another's name.
private struct Mutation {
  var random: SeededRandom
  /// What is put in.
  let values: [JSONValue]
  let names: [String]

  init(seed: UInt64, _ document: JSONValue) {
    random = SeededRandom(seed: seed)
    var values: [JSONValue] = [
      nil, true, 0, -1, 49, 600, "", "x", "default", "200", "#", "'a'", "https://a.test", "{a}", [], [:],
      ["$ref": "#/components/schemas/A"],
      ["$ref": "#"], ["type": "object"], "$request.header.a", "append:header.a", "method.request.header.X-A",
      "integration.request.header.b",
    ]
    var names = ["", "x-other", "$ref", "default", "/a/{b}", "/{c+}", "/$default", "x-amazon-apigateway-any-method", "put"]
    Mutation.collect(document, &values, &names)
    (self.values, self.names) = (values, names)
  }

  private static func collect(_ value: JSONValue, _ values: inout [JSONValue], _ names: inout [String]) {
    values.append(value)
    for element in value.arrayValue ?? [] { collect(element, &values, &names) }
    for member in value.objectValue ?? [] {
      names.append(member.name)
      collect(member.value, &values, &names)
    }
  }

  mutating func changed(_ value: JSONValue) -> JSONValue {
    switch value {
    case .object(var members) where !members.isEmpty:
      let index = Int.random(in: 0..<members.count, using: &random)
      switch Int.random(in: 0..<12, using: &random) {
      case 0: members.remove(at: index)
      case 1: members.append(members[index])
      case 2: members[index].name = names.randomElement(using: &random) ?? ""
      case 3: members.append(JSONMember(names.randomElement(using: &random) ?? "", values.randomElement(using: &random) ?? nil))
      case 4: members.swapAt(index, 0)
      default: members[index].value = changed(members[index].value)
      }
      return .object(members)
    case .array(var elements) where !elements.isEmpty:
      let index = Int.random(in: 0..<elements.count, using: &random)
      switch Int.random(in: 0..<6, using: &random) {
      case 0: elements.remove(at: index)
      case 1: elements.append(elements[index])
      default: elements[index] = changed(elements[index])
      }
      return .array(elements)
    case .null, .bool, .number, .string, .array, .object: return values.randomElement(using: &random) ?? nil
    }
  }
}

@Suite struct DefinitionPropertyTests {
  /// Each seed is a document of its own; whoever looks for trouble lets it have thousands.
  private static let runs: UInt64 = 300

  @Test(arguments: ["rest.json", "http.json"], [DefinitionExportOptions.Format.oas30, .swagger])
  func whatWasImportedSurvives(_ name: String, _ format: DefinitionExportOptions.Format) throws {
    let sound = Sample.vectors(name)
    let kind: APIDefinition.Kind = name == "rest.json" ? .rest : .http
    var imported = 0
    for seed in 0..<DefinitionPropertyTests.runs {
      var mutation = Mutation(seed: seed, sound)
      var document = sound
      for _ in 0...Int(seed % 4) { document = mutation.changed(document) }
      let result = DefinitionImport(DefinitionDocument(file: "", root: document), DefinitionImportOptions(kind: kind))
      #expect((result.definition == nil) == !result.errors.isEmpty)
      guard let definition = result.definition else { continue }
      imported += 1
      let exported = definition.exported(DefinitionExportOptions(format: format))
      let back = DefinitionImport(DefinitionDocument(file: "", root: exported), DefinitionImportOptions(kind: kind))
      try #require(back.errors.isEmpty, "seed \(seed): \(back.errors)")
      if format == .oas30 { try #require(back.definition == definition, "seed \(seed): \(exported.text())") }
    }
    #expect(imported > DefinitionPropertyTests.runs / 20, "only \(imported) documents were any good")
  }
}
