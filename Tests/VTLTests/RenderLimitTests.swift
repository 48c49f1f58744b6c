import Testing

@testable import VTL

@Suite("Bounds of renderings")
struct RenderLimitTests {
  @Test("a loop ends after its rounds, and says so")
  func rounds() throws {
    let template = try Template("#foreach($x in [1..5000])x#end")
    let result = try template.render(with: StubScope())
    #expect(result.bytes.count == 1000)
    #expect(result.isTruncated)
    let body = "[" + Array(repeating: "1", count: 1001).joined(separator: ",") + "]"
    let loop = try Template("#foreach($x in $input.path('$'))x#end").render(with: StubScope(body: body))
    #expect(loop.bytes.count == 1000 && loop.isTruncated)
    let short = try Template("#foreach($x in [1..1000])x#end").render(with: StubScope())
    #expect(short.bytes.count == 1000 && !short.isTruncated)
  }

  @Test(
    "work has an end",
    arguments: [
      "#foreach($a in [1..1000])#foreach($b in [1..1000])#foreach($c in [1..1000])#set($x = 1)#end#end#end",
      "#set($l = [1..3000000])", "#set($l = [1..9223372036854775807])", "#set($l = [-9223372036854775807..9223372036854775807])",
      "#set($l = [1])#foreach($a in [1..1000])#set($x = $l.addAll($l))#end",
      "#set($s = 'a')#foreach($a in [1..1000])#set($x = $s.matches('(a|aa)+(b|c|[d-f])'))#set($s = \"${s}aaaa\")#end",
      "#set($l = [1..1000])#foreach($a in [1..1000])#foreach($b in [1..1000])#set($x = $l.contains(-1))#end#end",
      "#set($l = [1..1000])#set($k = [1..1000])#foreach($a in [1..1000])#foreach($b in [1..1000])#if($l == $k)#end#end#end",
    ])
  func steps(_ text: String) throws {
    let error = try renderError(text, limits: TemplateLimits(stepsMax: 50_000, regexStepsMax: 5000))
    #expect(error?.kind == .tooManySteps)
  }

  @Test(
    "texts have an end",
    arguments: [
      "#foreach($a in [1..1000])$!s#set($s = \"$!{s}${s}xxxxxxxxxxxxxxxx\")#end",
      "#set($s = 'xxxxxxxxxx')$s.repeat(999999999)", "#set($s = 'x')#foreach($a in [1..1000])#set($s = $s + $s)#end",
      "#set($s = 'x')#foreach($a in [1..1000])#set($s = $s.concat($s))#end",
      "#set($s = 'xxxx')#foreach($a in [1..1000])#set($s = $s.replaceAll('x', 'xxxx'))#end",
      "#set($s = 'xxxx')#foreach($a in [1..1000])#set($s = $s.replace('x', 'xxxx'))#end",
      "#set($l = ['xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'])#foreach($a in [1..1000])#set($l = [$l, $l])#end$l",
    ])
  func output(_ text: String) throws {
    let kind = try renderError(text, limits: TemplateLimits(stepsMax: 50_000, outputBytesMax: 1 << 18))?.kind
    #expect(kind == .tooMuchOutput || kind == .tooManySteps || kind == .tooDeep)
  }

  @Test(
    "depth has an end",
    arguments: [
      "#macro(m)#m()#end#m()", "#define($d)$d#end$d", "#define($d)#if(\"$d\" == 1)#end#end$d", "#set($t = '#evaluate($t)')#evaluate($t)",
      "#macro(a)#b()#end#macro(b)#a()#end#a()", "#set($l = [])#set($x = $l.add($l))$l", "#set($m = {})#set($m.m = $m)$m",
      "#set($l = [])#set($k = [])#set($x = $l.add($l))#set($x = $k.add($k))#if($l == $k)#end",
      "#macro(m)#@m()$bodyContent#end#end#m()",
    ])
  func depth(_ text: String) throws {
    let kind = try renderError(text, limits: TemplateLimits(stepsMax: 200_000))?.kind
    #expect(kind == .tooDeep || kind == .tooManySteps)
  }

  @Test(
    "what a template nests without end is freed without end",
    arguments: [
      "#set($l = [$l])", "#set($m = {\"a\": $m})", "#set($k = [])#set($x = $k.add($l))#set($l = $k)", "#m($g)",
      "#set($n = {})#set($n.a = $m)#set($m = $n.entrySet())", "#set($n = [$l, 1])#set($l = $n.subList(0, 1))",
    ])
  func nesting(_ step: String) throws {
    let loops = "#macro(m $p)#define($g)x#end#end#foreach($a in [1..1000])#foreach($b in [1..40])\(step)#end#end."
    #expect(try rendered(loops) == ".")
  }

  @Test("the deepest template that is let through renders")
  func deepest() throws {
    let count = TemplateLimits().depthMax / 2 - 2
    let text = String(repeating: "#if(true)", count: count) + "x" + String(repeating: "#end", count: count)
    #expect(try rendered(text) == "x")
    let sum = "#set($a = 1" + String(repeating: " + 1", count: 390) + ")$a"
    #expect(try rendered(sum) == "391")
  }

  @Test("a body that goes too deep is refused")
  func body() throws {
    let deep = String(repeating: "[", count: 100_000)
    #expect(try renderError("$input.path('$')", StubScope(body: deep))?.kind == .unprocessableBody)
    #expect(try renderError("$util.parseJson($input.body)", StubScope(body: deep))?.kind == .method)
  }

  @Test("objects with many members are found through, and written out, without end in sight only once")
  func wide() throws {
    let names = (0..<2000).map { "\"k\($0)\":\($0)" }.joined(separator: ",")
    let text = "#set($r = $input.path('$'))#foreach($i in [0..999])#set($k = \"k$i\")$r.get($k)#end"
    #expect(try rendered(text, StubScope(body: "{\(names)}")) == (0..<1000).map(String.init).joined())
  }

  @Test("one template serves many threads at once")
  func threads() async throws {
    let template = try Template("#set($x = $input.path('$.a'))$x.replaceAll('[0-9]', '#') $context.requestId")
    await withTaskGroup(of: String?.self) { group in
      for index in 0..<32 {
        group.addTask {
          var scope = StubScope(body: "{\"a\": \"v\(index)\"}")
          scope.contextValues[.requestId] = .text("r\(index)")
          return (try? template.render(with: scope)).map { String(decoding: $0.bytes, as: UTF8.self) }
        }
      }
      var results = Set<String?>()
      for await result in group { results.insert(result) }
      #expect(results.count == 32 && !results.contains(nil))
    }
  }
}
