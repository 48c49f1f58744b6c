// Whatever bytes come, the hearts of mapping and integration answer with a value of bounded size: seeded random texts of each grammar's
// own characters, and long runs of one of them.

import Testing

@testable import Gateway

@Suite struct HostileInputTests {
  static let pieces = [
    "{", "}", "[", "]", ":", ",", "\"", "'", "\\", "$", "${", "$context.", "error.message", "stage", "stageVariables.", "method.request.",
    "header.", "body", "path.", "statusCode", "200", "-", "/", "%", "%2", "+", "=", "&", "?", "#", " ", "\n", "*", "text", "\u{E9}",
  ]

  static func randomBytes(_ random: inout SeededRandom) -> [UInt8] {
    var bytes: [UInt8] = []
    for _ in 0..<Int.random(in: 0...40, using: &random) {
      if Int.random(in: 0..<8, using: &random) == 0 {
        bytes.append(UInt8.random(in: 0...255, using: &random))
      } else if let piece = pieces.randomElement(using: &random) {
        bytes += Array(piece.utf8)
      }
    }
    return bytes
  }

  /// Reads the bytes as everything that reads them.
  func read(_ bytes: [UInt8]) {
    let slice = bytes[...]
    let text = String(decoding: bytes, as: UTF8.self)
    let field = MessageField(name: Array("id".utf8)[...], value: slice)
    let message = TestMessage(fields: [field], query: [field], pathParameters: [field], path: slice, body: slice)
    _ = MockStatus.read(slice)
    _ = BinaryMediaTypes([text, "image/*"]).contains(slice)
    _ = TemplateTable([(text, "text")]).choice(contentType: slice, .never)
    let decoded = Base64Text.decode(slice)
    if let decoded { #expect(Base64Text.decode(Base64Text.encode(decoded[...])[...]) == decoded) }
    #expect(UTF8Repair.isValid(UTF8Repair.repaired(slice)))
    let uri = IntegrationURI(text).render(path: [field]) { _ in slice }
    #expect(uri.count <= (text.utf8.count + 1) * (bytes.count * 3 + 1))
    let template = SubstitutionTemplate(text).render(message)
    #expect(template.count <= (text.utf8.count + 1) * (bytes.count + 1))
    for source in [text, "method.request." + text, "'" + text + "'"] {
      let map = try? ParameterMap(
        [("integration.request.header.A", source), ("integration.request.header." + text, "'a'")], .integrationRequest(.http),
        selectors: PlainSelectors())
      check((try? map?.apply(message))?.headers ?? [])
    }
    let changes = try? ChangeMap(
      [("append:header.A", text), ("overwrite:path", text), ("append:querystring.a", "${request.header.id}")], .request,
      selectors: PlainSelectors()
    ).apply(message)
    check((changes ?? []).headers([]))
    let query = QueryText.parameters(slice)
    #expect(query.map { $0.count <= bytes.count } ?? true)
  }

  private func check(_ fields: [MessageField]) {
    for field in fields {
      #expect(FieldName.isToken(field.name))
      #expect(field.value.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 })
    }
  }

  @Test(arguments: 0..<8 as Range<UInt64>)
  func randomTextsAreValues(_ seed: UInt64) {
    var random = SeededRandom(seed: seed)
    for _ in 0..<400 { read(Self.randomBytes(&random)) }
  }

  @Test(arguments: pieces)
  func longRunsAreValues(_ piece: String) { read(Array(String(repeating: piece, count: 2000).utf8)) }
}
