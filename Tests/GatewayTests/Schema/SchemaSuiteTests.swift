// JSON-Schema-Test-Suite (json-schema.org), which is not part of this repository: TIDEGATE_JSON_SCHEMA names a folder with `remotes` and
// any of `tests-draft4`, `tests-draft6`, `tests-draft7`, `tests-draft2019-09` and `tests-draft2020-12`, laid out as the suite's own.

import Foundation
import Runtime
import Testing

@testable import Gateway

enum SchemaSuite {
  static let folder: URL? = ProcessInfo.processInfo.environment["TIDEGATE_JSON_SCHEMA"].map { URL(fileURLWithPath: $0) }

  static let drafts: [(name: String, draft: SchemaDraft)] = [
    ("draft4", .draft4), ("draft6", .draft6), ("draft7", .draft7), ("draft2019-09", .draft2019), ("draft2020-12", .draft2020),
  ]

  static func parse(_ file: URL) throws -> JSONValue {
    // The suite has text with halves of surrogate pairs in it.
    try JSONValue.parse(Array(try Data(contentsOf: file)), surrogates: .replace)
  }

  /// The files below a folder, by their path in it.
  static func files(_ folder: URL) -> [(path: String, file: URL)] {
    guard let walk = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil) else { return [] }
    return walk.compactMap { $0 as? URL }.filter { $0.pathExtension == "json" }.map { file in
      (String(file.standardizedFileURL.path.dropFirst(folder.standardizedFileURL.path.count + 1)), file)
    }.sorted { $0.0 < $1.0 }
  }

  /// What the suite expects at `http://localhost:1234/`.
  static func registry() throws -> SchemaRegistry {
    var registry = SchemaRegistry()
    guard let folder else { return registry }
    for (path, file) in files(folder.appendingPathComponent("remotes")) {
      registry.add(try parse(file), at: "http://localhost:1234/\(path)")
    }
    return registry
  }
}

@Suite(.enabled(if: SchemaSuite.folder != nil, "the suite is not part of the repository; TIDEGATE_JSON_SCHEMA names its folder"))
struct SchemaSuiteTests {
  @Test(arguments: SchemaSuite.drafts.indices)
  func everyRequiredCaseHolds(_ draft: Int) throws { try run(draft, isOptional: false) }

  @Test(arguments: SchemaSuite.drafts.indices)
  func everyOptionalCaseHolds(_ draft: Int) throws { try run(draft, isOptional: true) }

  private func run(_ index: Int, isOptional: Bool) throws {
    let (name, draft) = SchemaSuite.drafts[index]
    let registry = try SchemaSuite.registry()
    let folder = try #require(SchemaSuite.folder).appendingPathComponent("tests-\(name)")
    var total = 0
    var passed = 0
    for (path, file) in SchemaSuite.files(folder) where path.hasPrefix("optional/") == isOptional {
      var options = SchemaOptions()
      options.draft = draft
      options.assertsFormats = path.hasPrefix("optional/format/")
      for group in try SchemaSuite.parse(file).arrayValue ?? [] {
        let title = "\(name) \(path): \(group["description"]?.stringValue ?? "")"
        let document = try #require(group["schema"])
        let schema: CompiledSchema?
        do {
          schema = try CompiledSchema(document, registry: registry, options: options)
        } catch {
          schema = nil
          Issue.record("\(title): \(error)")
        }
        for test in group["tests"]?.arrayValue ?? [] {
          total += 1
          guard let schema, let value = test["data"], let expected = test["valid"]?.boolValue else { continue }
          let found = schema.isValid(value)
          let failures = schema.failures(of: value)
          passed += found == expected ? 1 : 0
          #expect(found == expected, "\(title): \(test["description"]?.stringValue ?? "")")
          #expect((failures == nil) == found && failures?.messages.isEmpty != true, "\(title): \(failures?.text ?? "")")
        }
      }
    }
    if total > 0 { print("\(name) \(isOptional ? "optional" : "required"): \(passed)/\(total)") }
  }
}
