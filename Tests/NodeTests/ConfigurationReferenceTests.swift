import Foundation
import Testing

@testable import Node

@Suite struct ConfigurationReferenceTests {
  /// Writes the file anew when TIDEGATE_WRITE_REFERENCE is set.
  private func expectSame(_ generated: String, _ path: String) throws {
    if ProcessInfo.processInfo.environment["TIDEGATE_WRITE_REFERENCE"] != nil {
      try generated.write(toFile: ConfigurationVectors.root + "/" + path, atomically: true, encoding: .utf8)
    }
    let written = ConfigurationVectors.text(path)
    #expect(written == generated, "\(path) is older than ConfigurationTable; run this test with TIDEGATE_WRITE_REFERENCE=1")
  }

  @Test func theReferenceSaysWhatTheTableSays() throws {
    try expectSame(ConfigurationReference.markdown(), "docs/reference/configuration.md")
  }

  @Test func theSchemaSaysWhatTheTableSays() throws {
    let schema = ConfigurationReference.jsonSchema()
    try expectSame(schema, "docs/reference/configuration.schema.json")
    let parsed = try #require(JSONSerialization.jsonObject(with: Data(schema.utf8)) as? [String: Any])
    let properties = try #require(parsed["properties"] as? [String: Any])
    #expect(Set(properties.keys) == Set(ConfigurationTable.root.keys.map(\.name)))
    #expect(parsed["required"] as? [String] == ["listeners"])
  }

  @Test func everySectionAndKeyIsExplainedOnce() {
    let tables = ConfigurationReference.tables()
    #expect(Set(tables.map { ConfigurationReference.anchor($0.name) }).count == tables.count)
    for table in tables {
      #expect(table.doc.hasSuffix("."), "\(table.name)")
      #expect(Set(table.keys.map(\.name)).count == table.keys.count, "\(table.name)")
      for key in table.keys {
        #expect(key.doc.hasSuffix("."), "\(table.name).\(key.name)")
        #expect(!(key.required && key.fallback != nil), "\(table.name).\(key.name) is required and has a default")
      }
    }
  }

  @Test func everyLinkOfTheReferenceHasItsHeading() {
    let text = ConfigurationReference.markdown()
    let anchors = Set(ConfigurationReference.tables().map { ConfigurationReference.anchor($0.name) })
    let links = text.components(separatedBy: "](#").dropFirst().map { $0.prefix { $0 != ")" } }
    #expect(links.count > 20)
    for link in links { #expect(anchors.contains(String(link))) }
  }

  @Test func theDocumentOfEveryKeyGivesEveryKey() throws {
    var checker = ConfigurationChecker(file: "every-key.yaml", environment: [:], checkFiles: false)
    let tree = try #require(try YAMLTree.compose(ConfigurationVectors.good("every-key").utf8))
    var given: [String: Set<String>] = [:]
    func visit(_ value: CheckedValue) {
      switch value.content {
      case .section(let section):
        for (key, value) in section.values where value.given {
          given[section.table.name, default: []].insert(key)
          visit(value)
        }
      case .list(let items): for item in items { visit(item) }
      case .map(let members): for member in members { visit(member.value) }
      case .text, .integer, .number, .flag, .duration, .size, .faulty: break
      }
    }
    visit(checker.check(tree, .section(ConfigurationTable.root), at: ""))
    #expect(checker.faults == [])
    for table in ConfigurationReference.tables() {
      let known = Set(table.keys.filter { !ConfigurationReference.isRefused($0) }.map(\.name))
      #expect(known.subtracting(given[table.name] ?? []) == [], "\(table.name)")
    }
  }
}
