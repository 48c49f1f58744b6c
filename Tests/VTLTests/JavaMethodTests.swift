import Testing

@testable import VTL

@Suite("Java methods")
struct JavaMethodTests {
  @Test(
    "of texts",
    arguments: [
      RenderCase("$s.length() $s.substring(1) $s.substring(1, 3) $s.charAt(0) $s.isEmpty() $s.empty", "5 ello el h false false"),
      RenderCase("$s.indexOf('l') $s.indexOf('l', 3) $s.indexOf('z') $s.lastIndexOf('l') $s.contains('ell')", "2 3 -1 3 true"),
      RenderCase(
        "$s.startsWith('he') $s.startsWith('l', 2) $s.endsWith('lo') $s.equals('hello') $s.equalsIgnoreCase('HELLO')",
        "true true true true true"),
      RenderCase(
        "$s.toUpperCase() $s.concat('!') $s.replace('l', 'L') $s.trim() $s.compareTo('help') $s.hashCode()",
        "HELLO hello! heLLo hello -4 99162322"),
      RenderCase("$s.equals(1) $s.toString().toString() $s.matches('h.*o') $s.matches('ell')", "false hello true false"),
      RenderCase("$s.replaceAll('[aeiou]', '<$0>') $s.replaceFirst('l(.)', '$1-') $s.replaceAll('x*', '-')", "h<e>ll<o> hel-o -h-e-l-l-o-"),
      RenderCase("$s.replaceAll('(?<v>e)', '${v}${v}') $s.replaceAll('l', '\\$') $s.replaceAll('\\p{Alpha}', '.')", "heello he$$o ....."),
      RenderCase(
        "#set($t = 'a,b,,c,,')$t.split(',') $t.split(',').size() $t.split(',', -1).size() $t.split(',', 2) $t.split('x')",
        "[a, b, , c] 4 6 [a, b,,c,,] [a,b,,c,,]"),
      RenderCase("#set($t = 'abc')$t.split('') $t.split('(?=b)');#set($e = '')$e.split(',').size()", "[a, b, c] [a, bc];1"),
      RenderCase("#set($t = 'a|b.c')$t.split('\\|')[1] $t.split(\"\\.\")[1]", "b.c c"),
      RenderCase("#set($u = 'ä😀b')$u.length() $u.substring(1, 3) $u.indexOf('b') $u.toUpperCase() $u.charAt(0)", "4 😀 3 Ä😀B ä"),
      RenderCase("$s.repeat(2) $s.join('-', ['a', 'b']) $s.valueOf(12) $s.intern().isBlank()", "hellohello a-b 12 false"),
      RenderCase(
        "$s.format('%s|%5d|%-4s|%05.1f|%x|%,d|%%|%b', 'a', 42, 'b', 3.14159, 255, 1234567, true)",
        "a|   42|b   |003.1|ff|1,234,567|%|true"),
      RenderCase("[$s.nothing()] [$s.class] [$s.getClass().forName('x')] [$s.length]", "[] [] [] []"),
    ])
  func texts(_ item: RenderCase) throws {
    let result = try rendered("#set($s = 'hello')" + item.template)
    #expect(result == item.expected)
  }

  @Test(
    "of lists",
    arguments: [
      RenderCase(
        "$l.size() $l.get(0) $l.isEmpty() $l.empty $l.contains(2) $l.contains('2') $l.indexOf('b')", "3 1 false false true false 1"),
      RenderCase("#set($x = $l.add(4))$x $l;#set($x = $l.add(0, 'z'))$l", "true [1, b, 2, 4];[z, 1, b, 2, 4]"),
      RenderCase("#set($x = $l.addAll([7, 8]))$l.subList(2, 5) $l.set(0, 'q') $l", "[2, 7, 8] 1 [q, b, 2, 7, 8]"),
      RenderCase("$l.remove(0) $l.remove('b') $l.remove('no') $l", "1 true false [2]"),
      RenderCase("#set($x = $l.clear())$l $l.size()", "[] 0"),
      RenderCase("$l.containsAll([1, 2]) $l.removeAll(['b']) $l $l.retainAll([1]) $l $l.equals([1])", "true true [1, 2] true [1] true"),
    ])
  func lists(_ item: RenderCase) throws {
    let result = try rendered("#set($l = [1, 'b', 2])" + item.template)
    #expect(result == item.expected)
  }

  @Test(
    "of maps",
    arguments: [
      RenderCase(
        "$m.size() $m.get('a') $m.containsKey('a') $m.containsKey('z') $m.containsValue(2) $m.isEmpty()", "2 1 true false true false"),
      RenderCase("$m.keySet() $m.values() $m.entrySet() $m.getOrDefault('z', 9)", "[a, b] [1, 2] [a=1, b=2] 9"),
      RenderCase("[$m.put('c', 3)] $m.put('c', 4) $m.putIfAbsent('a', 5) $m.remove('b') $m", "[] 3 1 2 {a=1, c=4}"),
      RenderCase("$m.putAll({'x': 1})$m.x;#set($x = $m.clear())$m [$m.nothing] [$m.size]", "1;{} [] []"),
      RenderCase("#set($m2 = {'a': 1, 'b': 2})$m.equals($m2) $m.equals('x')", "true false"),
    ])
  func maps(_ item: RenderCase) throws {
    let result = try rendered("#set($m = {'a': 1, 'b': 2})" + item.template)
    #expect(result == item.expected)
  }

  @Test(
    "of numbers and truth values",
    arguments: [
      RenderCase(
        "$n.parseInt('12') $n.intValue() $d.intValue() $n.doubleValue() $n.compareTo(3) $n.equals(7) $n.toString().length()",
        "12 7 2 7.0 1 true 1"),
      RenderCase("$n.max(3, 4) $n.min(3, 4) $n.valueOf('5') $d.parseDouble('1.5') $n.toString(8) $d.valueOf('2')", "4 3 5 1.5 8 2.0"),
      RenderCase("$b.booleanValue() $b.parseBoolean('TRUE') $b.equals(true) $b.compareTo(false) $b.toString()", "true true true 1 true"),
      RenderCase("$n.parseInt('ff', 16) $d.round() $d.floor() $d.abs(-3)", "255 3 2.0 3"),
    ])
  func numbers(_ item: RenderCase) throws {
    let result = try rendered("#set($n = 7)#set($d = 2.5)#set($b = true)" + item.template)
    #expect(result == item.expected)
  }

  @Test(
    "what fails in Java ends the rendering",
    arguments: [
      "$s.substring(9)", "$s.substring(-1)", "$s.charAt(5)", "$l.get(3)", "$l[9]", "#set($l[5] = 1)", "$n.parseInt('x')",
      "$util.parseJson('{')", "$util.urlDecode('%z')", "$s.replaceAll('l', '$9')", "$s.format('%d', 'x')", "$l.subList(1, 9)",
      "$s.replaceAll('l', 'a\\')", "$s.repeat(-1)",
    ])
  func failures(_ text: String) throws {
    let error = try renderError("#set($s = 'hello')#set($l = [1])#set($n = 1)\n" + text)
    #expect(error?.kind == .method)
    #expect(error?.line == 2)
  }

  @Test("a pattern that is none ends the rendering", arguments: ["$s.matches('(')", "#set($p = '[')$s.split($p)"])
  func badPatterns(_ text: String) throws {
    #expect(try renderError("#set($s = 'hello')" + text)?.kind == .expression)
  }

  @Test("the template that the CDK makes for Step Functions, in small")
  func stepFunctions() throws {
    var scope = StubScope(body: "{\"a\": \"it's\"}")
    scope.header = [("Accept", "*/*")]
    let text = """
      #set($inputString = '')
      #set($allParams = $input.params())
      {
          #set($inputString = "$inputString,@@body@@: $input.body")
          #set($inputString = "$inputString, @@header@@:{")
          #foreach($paramName in $allParams.header.keySet())
              #set($inputString = "$inputString @@$paramName@@: @@$util.escapeJavaScript($allParams.header.get($paramName))@@")
          #end
          #set($inputString = "$inputString }")
          #set($requestContext = "")
          #if($requestContext && !$requestContext.empty)
              no
          #end
          #set($inputString = "$inputString}")
          #set($inputString = $inputString.replaceAll("@@",'"'))
          #set($len = $inputString.length() - 1)
          "input": "{$util.escapeJavaScript($inputString.substring(1,$len)).replaceAll("\\\\'","'")}"
      }
      """
    let result = try rendered(text, scope).split(separator: "\n").map { $0.drop { $0 == " " } }.filter { !$0.isEmpty }
    #expect(
      result == [
        "{", #""input": "{\"body\": {\"a\": \"it's\"}, \"header\":{ \"Accept\": \"*\\\/*\" }}""#, "}",
      ])
  }
}
