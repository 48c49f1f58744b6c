// Owns: the cases of telling code from comments and strings.
import Testing

@Suite struct SourceTextTests {
  static let cases: [(text: String, code: String, comment: String)] = [
    ("let a = 1 // why", "let a = 1 ", "// why"),
    ("a /* b /* c */ d */ e", "a  e", "/* b /* c */ d */"),
    (#"say("await // no")"#, "say()", ""),
    (#"say("a \(await now) b")"#, "say(await now)", ""),
    (#"say("a \(f("x", (await y))) b")"#, "say(f(, (await y)))", ""),
    (##"say(#"a " \(b) \#(c) "#)"##, "say(c)", ""),
    (#"say("a \" b") // c"#, "say() ", "// c"),
    ("a(\"\"\"\n  await \"x\"\n  \"\"\")\nb", "a(\n\n)\nb", ""),
    (##"let n = #"\"# // c"##, "let n =  ", "// c"),
    ("\"open\nnext", "\nnext", ""),
    ("", "", ""),
  ]

  @Test(arguments: cases.indices) func codeAndCommentAreToldApart(_ index: Int) {
    let sample = SourceTextTests.cases[index]
    let source = SourceText(sample.text)
    // What was left out became spaces, so they do not count.
    let spaceless = { (text: String) in text.filter { $0 != " " && $0 != "\n" } }
    #expect(spaceless(source.lines.map(\.code).joined()) == spaceless(sample.code))
    #expect(spaceless(source.lines.map(\.comment).joined()) == spaceless(sample.comment))
    #expect(source.lines.map(\.raw).joined(separator: "\n") == sample.text)
  }

  @Test func wordsKnowTheirNeighbours() {
    let words = SourceText.words(Array("x.random(in: y)".utf8))
    #expect(words.map(\.text) == ["x", "random", "in", "y"])
    #expect(words[1].before == UInt8(ascii: ".") && words[1].after == UInt8(ascii: "("))
    #expect(words[0].before == 0 && words[3].after == UInt8(ascii: ")"))
  }

  @Test func columnsStayWhereTheyAre() {
    let line = SourceText(#"a("b") // c"#).lines[0]
    #expect(line.code == "a(   ) " + "    ")
    #expect(line.comment == "       // c")
  }
}
