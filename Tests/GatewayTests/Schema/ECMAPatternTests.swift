// Regular expressions of ECMA-262: what they match, what is refused.

import Testing

@testable import Gateway

@Suite struct ECMAPatternTests {
  struct Row: Sendable, CustomTestStringConvertible {
    let pattern: String
    let matches: [String]
    let differs: [String]

    init(_ pattern: String, _ matches: [String], not differs: [String] = []) {
      self.pattern = pattern
      self.matches = matches
      self.differs = differs
    }

    var testDescription: String { pattern }
  }

  static let rows: [Row] = [
    Row("", ["", "a"]),
    Row("b", ["abc"], not: ["ac"]),
    Row("^abc$", ["abc"], not: ["abc\n", "\nabc", "xabc"]),
    Row("^.$", ["a", "ä", "😀", "\t"], not: ["\n", "\r", "\u{2028}", "\u{2029}", "ab"]),
    Row("^\\d+\\D$", ["12a", "1\u{0664}"], not: ["\u{0664}a"]),
    Row("^\\w\\W$", ["_-", "aé"], not: ["éa"]),
    Row("^\\s$", [" ", "\u{FEFF}", "\u{A0}", "\u{2028}", "\u{3000}"], not: ["\u{200B}", "\u{180E}", "a"]),
    Row("^\\S$", ["a", "\u{200B}", "😀"], not: [" ", "\u{2003}"]),
    Row("^[\\s\\d]+$", ["1 2"], not: ["a"]),
    Row("^[^\\S ]$", ["\t"], not: [" ", "a"]),
    Row("^[\\w.-]+@[a-z]+$", ["a.b-c@d"], not: ["@d"]),
    Row("^[a\\-z]$", ["-"], not: ["b"]),
    Row("^[\\d-x]+$", ["1-x"], not: ["w"]),
    Row("^[]$", [], not: ["", "a"]),
    Row("^[^]$", ["a", "\n"], not: [""]),
    Row("^[]]$", [], not: ["]"]),
    Row("^[\\]]$", ["]"]),
    Row("^[[a]$", ["[", "a"]),
    Row("^\\x41\\u0042\\u{43}$", ["ABC"]),
    Row("^\\ud83d\\ude00$", ["😀"]),
    Row("^[\\ud83d\\ude00-\\u{1F610}]$", ["😁"], not: ["a"]),
    Row("^\\ud83d$", [], not: ["😀"]),
    Row("^[\\ud800-\\udfff]$", [], not: ["a", "😀"]),
    Row("^[\\ud000-\\uffff]$", ["\u{E000}"], not: ["a"]),
    Row("^\\cJ\\0\\t$", ["\n\0\t"]),
    Row("^(a)(?:b)\\1$", ["aba"], not: ["abb"]),
    Row("^(?:(a)|b)\\1$", ["aa", "b"]),
    Row("^(?<x>a|b)\\k<x>$", ["aa", "bb"], not: ["ab"]),
    Row("^(?=a)\\w{2,3}?$", ["ab", "abc"], not: ["ba", "a"]),
    Row("^(?!a)\\w(?<=b)$", ["b"], not: ["a", "c"]),
    Row("(?<!a)b", ["cb", "b"], not: ["ab"]),
    Row("^a{2}$|^b{1,}$|^c{0,1}$", ["aa", "bb", "c", ""], not: ["a", "cc"]),
    Row("^a{,2}$", ["a{,2}"], not: ["a"]),
    Row("^{a}]$", ["{a}]"]),
    Row("^\\p{L}\\P{L}\\p{Lu}$", ["ä1Ä"], not: ["ä1ä"]),
    Row("^\\p{Letter}+$", ["aé"], not: ["1"]),
    Row("^\\p{Script=Greek}\\p{sc=Grek}$", ["αβ"], not: ["ab"]),
    Row("^\\p{Script_Extensions=Latin}$", ["a"]),
    Row("^\\p{gc=Decimal_Number}[\\p{digit}]$", ["1\u{0664}"], not: ["ab"]),
    Row("^\\p{Alphabetic}\\p{ASCII}\\p{Any}$", ["éa😀"], not: ["1a "]),
    Row("^\\-\\_\\/\\#\\e\\q$", ["-_/#eq"]),
    Row("\\bfoo\\b", ["a foo!"], not: ["afoo"]),
    Row("^[\\b]$", ["\u{8}"]),
    Row("^\\7\\101\\8$", ["\u{7}A8"]),
    Row("^# \\Q.\\E$", ["# QxE"], not: ["# ."]),
    Row("^\\A\\z\\Z$", ["AzZ"], not: [""]),
    Row("^(a(b(c)))\\3$", ["abcc"]),
    Row("^(?:a+)+b$", ["aaab"], not: ["aaac"]),
  ]

  @Test(arguments: rows)
  func anExpressionMatches(_ row: Row) throws {
    let pattern = try SchemaPattern(row.pattern)
    let matcher = try #require(PatternMatcher())
    for text in row.matches { #expect(matcher.match(pattern, text) == .matches, "\(text.debugDescription)") }
    for text in row.differs { #expect(matcher.match(pattern, text) == .differs, "\(text.debugDescription)") }
  }

  static let refused: [(pattern: String, reason: String, offset: Int)] = [
    ("(", "a group is not closed", 1), (")", "')' closes no group", 0), ("a**", "nothing to repeat", 2), ("*a", "nothing to repeat", 0),
    ("a++", "nothing to repeat", 2), ("a|?", "nothing to repeat", 2), ("^*", "nothing to repeat", 1), ("[a", "a class is not closed", 0),
    ("[z-a]", "out of order", 2), ("a{2,1}", "out of order", 1), ("a{70000}", "more than 65535", 1), ("\\", "ends the expression", 0),
    ("[\\", "ends the expression", 1), ("(?x)", "no such kind of group", 0), ("(?>a)", "no such kind of group", 0),
    ("(?<a", "not complete", 0), ("(?<>a)", "not complete", 0), ("(?<a b>c)", "none may have", 4),
    ("(?<a>b)\\k<c>", "no group of that name", 7),
    ("\\c1", "needs a letter", 0), ("\\p{}", "not complete", 0), ("\\p{L", "not complete", 0), ("\\p{a-b}", "none may have", 4),
    ("\\p{gc=Foo}", "no category", 0), ("\\p{x=y}", "no property", 0), ("\\p{NoSuchThing}", "property", 0), ("(?<=a*)b", "lookbehind", 0),
    ("(*ACCEPT)", "nothing to repeat", 1), ("(?R)", "no such kind of group", 0), ("a{1}{2}", "nothing to repeat", 4),
  ]

  @Test(arguments: refused.indices)
  func aBrokenExpressionIsRefused(_ row: Int) {
    let (pattern, reason, offset) = Self.refused[row]
    let error = #expect(throws: ECMAPatternError.self) { try SchemaPattern(pattern) }
    #expect(error?.reason.contains(reason) == true, "\(error?.reason ?? "")")
    #expect(error?.offset == offset)
  }

  @Test(arguments: ["\\a", "\\Z", "a{", "}", "]", "\\1", "[\\d-x]", "(?=a)*", "\\08"])
  func annexBIsNotStrict(_ pattern: String) {
    #expect(throws: Never.self) { try ECMAPattern.translated(pattern) }
    #expect(throws: ECMAPatternError.self) { try ECMAPattern.translated(pattern, isStrict: true) }
  }

  @Test func aMatchThatTakesTooLongIsGivenUp() throws {
    let pattern = try SchemaPattern("^(\\w+\\s?)*$")
    let matcher = try #require(PatternMatcher())
    #expect(matcher.match(pattern, String(repeating: "a", count: 60) + "!") == .exhausted)
    #expect(matcher.match(pattern, "a b c") == .matches)
    // What is linear goes through, however long.
    let long = String(repeating: "ab1 ", count: 50_000)
    #expect(matcher.match(try SchemaPattern("^(?:[a-z0-9]+ )*$"), long) == .matches)
    #expect(matcher.match(try SchemaPattern("^[^x]*$"), long) == .matches)
  }
}
