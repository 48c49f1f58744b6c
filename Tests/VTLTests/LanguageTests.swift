import Testing

@testable import VTL

@Suite("The Velocity language")
struct LanguageTests {
  @Test(
    "references in every notation",
    arguments: [
      RenderCase("#set($a = \"x\")$a ${a} $!a $!{a} ${a}b", "x x x x xb"),
      RenderCase("#set($a = {\"b\": {\"c\": [1, 2]}})$a.b.c[1] ${a.b.c[0]} $a[\"b\"]['c'][-1] $a.get(\"b\").c.get(0)", "2 1 2 1"),
      RenderCase("#set($a-b = 1)$a-b", "1"),
      RenderCase("#set($a = {\"part-key\": 7})$a.part-key", "7"),
      RenderCase("#set($a = 1)$a. $a.! $a, $a", "1. 1.! 1, 1"),
      RenderCase("$ $1 $$ $. ${ $!", "$ $1 $$ $. ${ $!"),
      RenderCase("$5.00 and $_", "$5.00 and "),
      RenderCase("[$undefined] [$!undefined] [${undefined.a.b()}]", "[] [] []"),
      RenderCase("${undefined|'other'} ${undefined|\"a$undefined\"} ${undefined|3}", "other a 3"),
      RenderCase("#set($a = 5)#set($a.b = 3)$a", "5"),
      RenderCase("#set($m = {})#set($m.a = 1)#set($m[\"b\"] = 2)#set($m.c = {})#set($m.c.d = 3)$m.a $m.b $m.c.d", "1 2 3"),
      RenderCase("#set($l = [1, 2, 3])#set($l[1] = 9)#set($l[-1] = 8)$l", "[1, 9, 8]"),
      RenderCase("#set($a = \"x\")\\$a \\\\$a \\\\\\$a", "$a \\x \\$a"),
      RenderCase("\\n \\\\ \\\"", "\\n \\\\ \\\""),
    ])
  func references(_ item: RenderCase) throws {
    let result = try rendered(item.template)
    #expect(result == item.expected)
  }

  @Test(
    "conditions",
    arguments: [
      RenderCase("#if(true)a#end#if(false)b#end", "a"),
      RenderCase("#if(false)a#elseif(true)b#else c#end", "b"),
      RenderCase("#if(false)a#{else}b#{end}", "b"),
      RenderCase("#{if}(1 == 1)a#end", "a"),
      RenderCase("#if(1 < 2 && 2 <= 2 && 3 > 2 && 3 >= 3 && 1 != 2)y#end", "y"),
      RenderCase("#if(1 lt 2 and 2 le 2 and 3 gt 2 and 3 ge 3 and 1 ne 2 and 1 eq 1 and not false)y#end", "y"),
      RenderCase("#if(false || !false)y#end#if(!(true or false))n#end", "y"),
      RenderCase("#if(1 == 1.0)y#end#if(\"1\" == 1)y#end#if(true == \"true\")y#end", "yyy"),
      RenderCase("#if(\"a\" < \"b\")n#{else}y#end", "y"),
      RenderCase("#if([1, 2] == [1, 2])y#end#if({\"a\": 1} == {\"a\": 1})y#end#if([1] == [2])n#end", "yy"),
      // Recorded: a reference without value equals both an unset one and an empty text.
      RenderCase("#if($a == $null)y#end#if($a == \"\")y#end#if($a != '')n#end", "yy"),
      RenderCase("#if(\"\")y#end#if(0)y#end", "yy"),
      RenderCase("#if($unset)y#end#set($b = $unset)#if($b)y#end", "yy"),
    ])
  func conditions(_ item: RenderCase) throws {
    let result = try rendered(item.template)
    #expect(result == item.expected)
  }

  @Test(
    "loops",
    arguments: [
      RenderCase("#foreach($x in [1..3])$x#if($foreach.hasNext),#end#end", "1,2,3"),
      RenderCase("#foreach($x in [3..1])$x#end", "321"),
      RenderCase("#set($n = 2)#foreach($x in [0..$n])$x#end", "012"),
      RenderCase("#foreach($x in [\"a\", 'b'])$foreach.index$foreach.count$velocityCount$x;#end", "011a;122b;"),
      RenderCase("#foreach($x in [1, 2])$foreach.first/$foreach.last #end", "true/false false/true "),
      RenderCase("#foreach($x in [1, 2])#foreach($y in [1, 2])$foreach.parent.index$foreach.index #end#end", "00 01 10 11 "),
      RenderCase("#foreach($x in [1..5])#if($x == 3)#break#end$x#end.", "12."),
      RenderCase("#foreach($x in {\"a\": 1, \"b\": 2})$x#end", "12"),
      RenderCase("#foreach($x in $undefined)n#end#foreach($x in \"abc\")n#end#foreach($x in [])n#end.", "."),
      RenderCase("#set($x = 7)#foreach($x in [1, 2])$x#end$x", "127"),
      RenderCase("#set($a = 0)#foreach($x in [1..4])#set($a = $a + $x)#end$a", "10"),
      RenderCase("#set($m = {\"k\": \"v\"})#foreach($e in $m.entrySet())$e.key=$e.value $e.getKey()$e.getValue()#end", "k=v kv"),
      RenderCase("a#stop b", "a"),
      RenderCase("#foreach($x in [1..3])$x#if($x == 2)#stop#end#end.", "12"),
    ])
  func loops(_ item: RenderCase) throws {
    let result = try rendered(item.template)
    #expect(result == item.expected)
  }

  @Test(
    "arithmetic and texts",
    arguments: [
      RenderCase("#set($a = 7 / 2)$a;#set($a = 7 % 4)$a;#set($a = 7.0 / 2)$a", "3;3;3.5"),
      RenderCase("#set($a = 2 + 3 * 4 - 1)$a;#set($b = (2 + 3) * 4)$b", "13;20"),
      RenderCase("#set($a = 5)#set($b = $a - 1)$b;#set($c = -$a)$c", "4;-5"),
      RenderCase("#set($a = 1)#set($a = 1 / 0)$a", "1"),
      RenderCase("#set($a = 9223372036854775807 + 1)$a", "9.223372036854776E18"),
      RenderCase(
        "#set($a = 100000000000 + 1)$a;#set($b = 123456789012345678901234567890)$b", "100000000001;123456789012345678901234567890"),
      RenderCase("#set($a = 4.5e-3)$a;#set($a = 4.5e055)$a;#set($a = 1e7)$a;#set($a = 100.0)$a", "0.0045;4.5E55;1.0E7;100.0"),
      RenderCase("#set($a = \"x\" + 1 + 2.5)$a;#set($a = 1 + \"x\")$a", "x12.5;1x"),
      RenderCase("#set($a = \"b\")#set($s = \"[$a ${a}c #if(true)d#end]\")$s", "[b bc d]"),
      RenderCase("#set($a = 'no $b #if')$a", "no $b #if"),
      RenderCase("#set($a = \"say \"\"hi\"\"\")$a;#set($b = 'it''s')$b", "say \"hi\";it's"),
      RenderCase("#set($a = \"\\u0041\\n\")$a", "A\\n"),
      RenderCase("#set($a = \"a\n\" + \"b\")$a", "a\nb"),
      RenderCase("#set($l = [1, \"a\", [2], {}, true])$l", "[1, a, [2], {}, true]"),
      // A map that a template writes is a HashMap, whose order is that of its buckets.
      RenderCase("#set($m = {\"zebra\": 1, \"apple\": 2, \"b\": 3, \"a\": 4})$m", "{zebra=1, apple=2, a=4, b=3}"),
    ])
  func expressions(_ item: RenderCase) throws {
    let result = try rendered(item.template)
    #expect(result == item.expected)
  }

  @Test(
    "macros, defined blocks, evaluated texts",
    arguments: [
      RenderCase("#macro(hi $n)Hi $n!#end#hi(\"a\")#hi('b')", "Hi a!Hi b!"),
      RenderCase("#hi(1, 2)#macro(hi $a $b)${a}-${b}#end", "1-2"),
      RenderCase("#macro(hi $a $b)${a}/${b}#end#hi(1 2)#hi(3)", "1/23/"),
      RenderCase("#macro(hi $a $b = 5)${a}/${b}#end#hi(1)", "1/5"),
      RenderCase("#macro(m)x#end#m #m() #{m}()y #{m}z", "x x xy xz"),
      RenderCase("#macro(walk $n)$n#if($n > 0)#set($k = $n - 1)#walk($k)#end#end#walk(3)", "3210"),
      RenderCase("#macro(box)[$!bodyContent]#end#@box()in#end.", "[in]."),
      RenderCase("#define($d)<$x>#end#set($x = 1)$d#set($x = 2)$d \"$d\"", "<1><2> \"<2>\""),
      RenderCase("#define($d)a#end#set($s = \"$d$d\")$s.length()", "2"),
      RenderCase("#set($t = '#set($y = 3)$y#if($y == 3)!#end')#evaluate($t)$y", "3!3"),
      RenderCase("#evaluate(\"#macro(late)L#end\")#evaluate('#late()')", "L"),
      RenderCase("#unknown(1) #fff a#b #1 # #", "#unknown(1) #fff a#b #1 # #"),
      RenderCase("#literal()#if($x)#end", "#if($x)"),
    ])
  func macros(_ item: RenderCase) throws {
    let result = try rendered(item.template)
    #expect(result == item.expected)
  }

  @Test(
    "white space goes with directives as in Velocity 1.7",
    arguments: [
      RenderCase("a\n  #set($x = 1)\nb", "a\nb"),
      RenderCase("a #set($x = 1) b", "a b"),
      RenderCase("#if(true)  \n  a\n#end  \nb", "  a\nb"),
      RenderCase("  #if(true)\n  a\n  #else\n  b\n  #end\nc", "    a\n  c"),
      RenderCase("#foreach($x in [1, 2])\n$x\n#end\n.", "1\n2\n."),
      RenderCase("a ## comment\nb", "a b"),
      RenderCase("a #* comment\n *#\nb", "a \nb"),
      RenderCase("#** formal *#a", "a"),
      RenderCase("#[[ $a #if ]]#", " $a #if "),
      RenderCase("#if(true)\r\na\r\n#end\r\nb", "a\r\nb"),
      RenderCase("#macro(m)\nx\n#end\n#m()\ny", "x\ny"),
      RenderCase("\\#if \\#end \\\\#if(true)x#end \\#nothing", "#if #end \\x \\#nothing"),
    ])
  func whiteSpace(_ item: RenderCase) throws {
    let result = try rendered(item.template)
    #expect(result == item.expected)
  }

  @Test(
    "Velocity's own rules for references without value",
    arguments: [
      RenderCase("$a $!a ${a.b} #if($a)n#{else}y#end", "$a  ${a.b} y"),
      RenderCase("\\$a #set($a = 1)\\$a", "\\$a$a"),
      RenderCase("#set($a = 1)#set($a = $b)$a", "$a"),
      RenderCase("#set($a = 1)$a-b", "1-b"),
      RenderCase("#if($null == $null)y#end#if($null == \"\")n#end", "y"),
    ])
  func stockRules(_ item: RenderCase) throws {
    let result = try rendered(item.template, dialect: .velocity)
    #expect(result == item.expected)
  }
}
