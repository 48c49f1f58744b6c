// Formats where they are asserted: texts that are in them and texts that are not.

import Runtime
import Testing

@testable import Gateway

@Suite struct SchemaFormatTests {
  struct Row: Sendable, CustomTestStringConvertible {
    let format: SchemaFormat
    let valid: [String]
    let invalid: [String]

    var testDescription: String { format.rawValue }
  }

  static let rows: [Row] = [
    Row(
      format: .dateTime,
      valid: [
        "1985-04-12T23:20:50.52Z", "1996-12-19t16:39:57-08:00", "1990-12-31T23:59:60Z", "1990-12-31T15:59:60-08:00",
        "2020-02-29T00:00:00+00:00",
      ],
      invalid: [
        "1985-04-12 23:20:50Z", "1985-04-12T23:20:50", "1990-12-31T23:58:60Z", "2021-02-29T00:00:00Z", "1985-04-12T24:00:00Z",
        "1985-04-12T23:20:50.Z", "1985-4-12T23:20:50Z", "1985-04-12T23:20:50+24:00", "", "2020-01-01T00:00:00Zx", "১985-04-12T23:20:50Z",
      ]),
    Row(
      format: .date, valid: ["2024-02-29", "0000-01-31"], invalid: ["2023-02-29", "2024-13-01", "2024-00-10", "2024-01-32", "24-01-01"]),
    Row(
      format: .time, valid: ["08:30:06Z", "08:30:06.283185+01:30", "23:59:60z"],
      invalid: ["08:30:06", "8:30:06Z", "08:60:00Z", "22:59:60Z"]),
    Row(
      format: .duration, valid: ["P4Y", "P1Y2M3DT4H5M6S", "PT36H", "P3W", "P1YT1S", "PT1H1M"],
      invalid: ["P", "PT", "P1YT", "P1D2H", "P2D1Y", "P1Y1W", "4Y", "PT1D", "P1Y2D", "P1", "PT1H2S"]),
    Row(
      format: .email, valid: ["joe@example.com", "a.b+c@d", "\"joe bloggs\"@example.com", "joe@[127.0.0.1]", "joe@[IPv6:::1]"],
      invalid: ["joe", "@d", "a@", ".a@b.c", "a..b@c.d", "a@b..c", "a@[127.0.0.300]", "a b@c.d", "joë@example.com", "a@b@c"]),
    Row(format: .idnEmail, valid: ["실례@실례.테스트"], invalid: ["실례"]),
    Row(
      format: .hostname, valid: ["a", "example.com", "xn--4gbwdl.xn--wgbh1c", "a-1.b", "A", "a--b", "r3---sn-x.example"],
      invalid: ["", "-a", "a-", "a..b", "a_b", ".a", "a.", "é.com", "xn--X", "xn--07jt588aibza", String(repeating: "a", count: 64)]),
    Row(
      format: .idnHostname,
      valid: [
        "실례.테스트", "실례。테스트", "a-b.c", "ß", "l\u{B7}l", "α\u{375}β", "א׳ב", "ァ・", "漢字", "٠١", "۰۱",
        "क्\u{200D}ष", "क्\u{200C}ष", "بي\u{200C}بي",
        "xn--ihqwcrb4cv8a8dqg056pqjye", "〇", "点看", String(repeating: "례", count: 20),
      ],
      invalid: [
        "", "a..b", "〮한국", "실〮례", "-실", "실-", "aa--실", "\u{903}hello", "\u{300}a", "a\u{B7}l", "\u{B7}l", "α\u{375}S", "A׳ב",
        "abc・", "٠۰", "क\u{200D}ष",
        "\u{200D}",
        "ـ", "Ä", "a b", "☃", "xn--X", "xn--a", String(repeating: "례", count: 60),
      ]),
    Row(
      format: .ipv4, valid: ["0.0.0.0", "192.168.10.255"],
      invalid: ["256.0.0.1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.4 ", "0x1.2.3.4", "1..2.3"]),
    Row(
      format: .ipv6,
      valid: ["::", "::1", "1::", "1:2:3:4:5:6:7:8", "1:2::7:8", "::ffff:192.168.0.1", "1:2:3:4:5:6:1.2.3.4", "1::3:4:5:6:7:8"],
      invalid: [
        "", ":", ":1", "1:", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "::g", "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3",
        "1:2:3:4:5:6:7:8::", ":::",
      ]),
    Row(
      format: .uri, valid: ["http://a/b?c#d", "urn:a:b", "http://[::1]:80/", "a:", "ftp://u:p@h/%20", "ldap://[2001:db8::7]/c=GB?o?one"],
      invalid: ["", "a", "//a/b", "http://a b", "http://[::1", "http://a/%2", "http://a/\\", "1a:b", "http://a:x/", "http://é/"]),
    Row(format: .uriReference, valid: ["", "a", "//a/b", "#x", "?y", "../a"], invalid: ["a b", "\\a", "a[b", "1:a"]),
    Row(format: .iri, valid: ["http://é/ü"], invalid: ["é", "http://a b"]),
    Row(format: .iriReference, valid: ["é"], invalid: ["é b"]),
    Row(
      format: .uriTemplate, valid: ["http://a/{b}{?c,d*}{e:3}", "", "{+a.b}"],
      invalid: ["{", "}", "{}", "{a", "{a:0}", "a b", "{a:12345}", "%2"]),
    Row(format: .jsonPointer, valid: ["", "/", "/a~0b~1", "/a//b"], invalid: ["a", "/~", "/~2", "#/a"]),
    Row(format: .relativeJSONPointer, valid: ["0", "1/a", "12#"], invalid: ["", "/a", "01", "-1", "1a", "1##"]),
    Row(format: .regex, valid: ["^a[b]$", ""], invalid: ["(", "\\a", "a**"]),
    Row(
      format: .uuid, valid: ["2EB8AA08-AA98-11EA-B4AA-73B441D16380"],
      invalid: ["2eb8aa08aa9811eab4aa73b441d16380", "2eb8aa08-aa98-11ea-b4aa-73b441d1638g", ""]),
    Row(format: .base64, valid: ["", "YWI=", "YQ==", "YWJj"], invalid: ["YWI", "Y===", "YW=j", "YW-j"]),
    Row(format: .mac, valid: ["00:1a:2B:3c:4d:5e"], invalid: ["00-1a-2b-3c-4d-5e", "00:1a:2b:3c:4d"]),
    Row(
      format: .md5, valid: ["d41d8cd98f00b204e9800998ecf8427e"],
      invalid: ["d41d8cd98f00b204e9800998ecf8427", "z41d8cd98f00b204e9800998ecf8427e"]),
  ]

  @Test(arguments: rows)
  func aFormatHolds(_ row: Row) {
    for text in row.valid { #expect(row.format.holds(text), "\(text)") }
    for text in row.invalid {
      #expect(!row.format.holds(text), "\(text)")
      #expect(!row.format.complaint(text).isEmpty)
    }
  }

  @Test func aFormatDecidesOnlyWhereItIsAsked() throws {
    let document = try JSONValue.parse(#"{"format": "ipv4"}"#)
    var options = SchemaOptions()
    #expect(try CompiledSchema(document, options: options).isValid("a"))
    options.assertsFormats = true
    #expect(try !CompiledSchema(document, options: options).isValid("a"))
    #expect(try CompiledSchema(document, options: options).isValid(1))
  }

  @Test func aDraftKnowsItsFormats() {
    #expect(SchemaFormat("date", draft: .draft4) == nil)
    #expect(SchemaFormat("date", draft: .draft7) == .date)
    #expect(SchemaFormat("md5", draft: .draft4) == .md5)
    #expect(SchemaFormat("md5", draft: .draft7) == nil)
    #expect(SchemaFormat("int64", draft: .draft2020) == nil)
  }
}
