import Testing

@testable import VTL

@Suite("Faults of templates")
struct TemplateErrorTests {
  struct Fault: CustomTestStringConvertible, Sendable {
    let template: String
    let line: Int
    let column: Int
    let kind: TemplateError.Kind

    init(_ template: String, _ line: Int, _ column: Int, _ kind: TemplateError.Kind = .syntax) {
      self.template = template
      self.line = line
      self.column = column
      self.kind = kind
    }

    var testDescription: String { template }
  }

  @Test(
    "are told with line and column",
    arguments: [
      Fault("a\n#if(true)\nb", 2, 1), Fault("#foreach($x in [1])", 1, 1), Fault("ü #end", 1, 3), Fault("#else", 1, 1),
      Fault("#foreach($x in [1])#else#end", 1, 20), Fault("#elseif(true)", 1, 1), Fault("#if true)", 1, 5), Fault("#if(true", 1, 9),
      Fault("#if()x#end", 1, 5), Fault("#set(a = 1)", 1, 6), Fault("#set($a 1)", 1, 9), Fault("#set($a = 1", 1, 12),
      Fault("#set($a == 1)", 1, 9), Fault("#set($a.b() = 1)", 1, 12), Fault("#set($a = null)", 1, 11), Fault("#set($a = foo)", 1, 11),
      Fault("#set($a = \"x)", 1, 11), Fault("#set($a = [1, )", 1, 15), Fault("#set($a = {1 2})", 1, 14), Fault("#set($a = (1 + ))", 1, 16),
      Fault("#foreach(x in [1])#end", 1, 10), Fault("#foreach($x of [1])#end", 1, 13), Fault("#macro()#end", 1, 8),
      Fault("#macro(a b)#end", 1, 10), Fault("#define(x)#end", 1, 9), Fault("${a", 1, 4), Fault("${a b}", 1, 4), Fault("$a[", 1, 4),
      Fault("$a[1", 1, 5), Fault("$a.b(1", 1, 7), Fault("$a.b(1 2)", 1, 8), Fault("#* x", 1, 1), Fault("#[[ x", 1, 1),
      Fault("\"\n#set($a = \"x $b( ${c\")", 2, 21), Fault("#include('x')", 1, 1, .refusedDirective),
      Fault("\n #parse(\"x\")", 2, 2, .refusedDirective),
      Fault("x $input.path('$.[')", 1, 9, .jsonPath), Fault("$input.json('$.a[')", 1, 7, .jsonPath),
    ])
  func places(_ fault: Fault) {
    let error = #expect(throws: TemplateError.self) { try Template(fault.template) }
    #expect(error?.line == fault.line)
    #expect(error?.column == fault.column)
    #expect(error?.kind == fault.kind)
  }

  @Test("a template that is too large is refused")
  func size() {
    let limits = TemplateLimits(sourceBytesMax: 10)
    let error = #expect(throws: TemplateError.self) { try Template("12345678901", limits: limits) }
    #expect(error?.kind == .tooLarge)
  }

  @Test(
    "what goes too deep is refused, whatever it is made of",
    arguments: [
      (String(repeating: "#if(true)", count: 5000), ""), ("#set($a = " + String(repeating: "(", count: 50_000), ""),
      ("#set($a = " + String(repeating: "[", count: 50_000), ""), ("#set($a = " + String(repeating: "!", count: 50_000), "true)"),
      ("#set($a = " + String(repeating: "- ", count: 50_000), "1)"), ("#set($a = 1" + String(repeating: "+1", count: 50_000), ")"),
      ("#set($a = true" + String(repeating: "&&true", count: 20_000), ")"), (String(repeating: "$a[", count: 50_000), ""),
      (String(repeating: "$a.b(", count: 50_000), ""), ("#set($a = " + String(repeating: "{1:", count: 50_000), ""),
      (String(repeating: "#foreach($a in [1])", count: 5000), ""), (String(repeating: "#define($a)", count: 5000), ""),
      ("#macro(m)#end" + String(repeating: "#@m()", count: 5000), ""), ("#macro(m)#end" + String(repeating: "#m(", count: 5000), ""),
      (String(repeating: "${a|", count: 50_000), ""),
    ])
  func depth(_ head: String, _ tail: String) {
    let error = #expect(throws: TemplateError.self) { try Template(head + tail) }
    #expect(error?.kind == .tooDeep || error?.kind == .syntax)
  }
}
