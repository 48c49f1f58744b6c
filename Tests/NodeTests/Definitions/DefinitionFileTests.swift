import Gateway
import Runtime
import Testing

@testable import Node

@Suite struct DefinitionFileTests {
  private func read(_ text: String, _ file: String = "api.yaml") throws -> DefinitionDocument {
    try DefinitionFile.document(Array(text.utf8), file: file)
  }

  @Test func scalarsAreWhatTheCoreSchemaSays() throws {
    let text = """
      text: plain words
      quoted: "1.0"
      single: 'true'
      version: 1.0
      count: -12
      exponent: 1e3
      yes: yes
      flag: true
      nothing:
      tilde: ~
      account: 000000000000
      hex: 0x1F
      plus: +5
      200: status
      block: |
        a
        b
      list: [1, two, null]
      """
    let root = try read(text).root
    #expect(root["text"] == "plain words" && root["quoted"] == "1.0" && root["single"] == "true")
    #expect(root["version"] == .number("1.0") && root["count"] == -12 && root["exponent"] == .number("1e3"))
    #expect(root["yes"] == "yes" && root["flag"] == true && root["nothing"] == .some(.null) && root["tilde"] == .some(.null))
    #expect(root["account"] == "000000000000" && root["hex"] == "0x1F" && root["plus"] == "+5")
    #expect(root["200"] == "status" && root["block"] == "a\nb\n" && root["list"] == [1, "two", nil])
  }

  @Test func aDocumentOfYAMLTellsFaultsByLineAndColumn() throws {
    let text = """
      openapi: 3.0.1
      info:
        title: T
      paths:
        /pets:
          get:
            x-amazon-apigateway-integration:
              type: mock
              timeoutInMillis: 5
      """
    let result = DefinitionImport(try read(text), DefinitionImportOptions(kind: .rest))
    let error = try #require(result.errors.first)
    #expect(error.description.hasPrefix("api.yaml:9:9: /paths/~1pets/get/x-amazon-apigateway-integration/timeoutInMillis: "))
  }

  @Test func aKeyThatStandsTwiceIsTold() throws {
    let result = DefinitionImport(try read("openapi: 3.0.1\ninfo: {title: T}\npaths: {}\npaths: {}"), DefinitionImportOptions(kind: .rest))
    #expect(result.errors.map(\.message) == ["\"paths\" stands twice in an OpenAPI document"])
  }

  @Test(arguments: [
    ("a.json", "{\"a\": [1, 2}", 1, 12), ("a.txt", "  {'key:value}", 1, 4), ("a.yaml", "a: b: c", 1, 5), ("a.yaml", "? [a]\n: b", 1, 3),
    ("a.yaml", "a: &x 1\nb:\n  <<: *x", 3, 3), ("a.yaml", "a: !Sub b", 1, 4), ("a.yaml", "a: *nothing", 1, 4),
  ])
  func aTextThatIsNoDocumentIsToldByItsPlace(_ file: String, _ text: String, _ line: Int, _ column: Int) {
    #expect { try read(text, file) } throws: { error in
      (error as? DefinitionFileFault)?.position == DocumentPosition(line: line, column: column)
    }
  }

  @Test func anEmptyFileHoldsNoDocument() {
    #expect(throws: DefinitionFileFault(file: "a.yaml", position: nil, reason: "holds no document")) { try read("", "a.yaml") }
  }

  @Test func aFileOfMoreThanSixMebibytesIsRefused() {
    let bytes = [UInt8](repeating: 0x20, count: DefinitionDocument.bytesMax + 1)
    #expect(throws: DefinitionFileFault.self) { try DefinitionFile.document(bytes, file: "big.json") }
  }

  @Test func aliasesThatMultiplyAreRefused() {
    var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in 1...9 { text += "a\(level): &a\(level) [\((0..<10).map { _ in "*a\(level - 1)" }.joined(separator: ", "))]\n" }
    #expect { try read(text) } throws: { "\($0)".contains("once its aliases are expanded") }
  }

  @Test func nestingIsBounded() {
    #expect(throws: DefinitionFileFault.self) { try read(String(repeating: "[", count: 200) + String(repeating: "]", count: 200)) }
    #expect(throws: DefinitionFileFault.self) {
      try read(String(repeating: "[", count: 200) + String(repeating: "]", count: 200), "a.json")
    }
  }

  @Test func aByteOrderMarkIsPassedOver() throws {
    #expect(try read("\u{FEFF}{\"a\": 1}", "a.json").root == ["a": 1])
    #expect(try read("\u{FEFF}a: 1").root == ["a": 1])
  }
}
