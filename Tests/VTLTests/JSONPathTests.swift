import Testing

@testable import VTL

@Suite("JSONPath")
struct JSONPathTests {
  /// The document of Goessner's article, which Jayway's README goes by.
  static let store = """
    {"store": {"book": [
      {"category": "reference", "author": "Nigel Rees", "title": "Sayings of the Century", "price": 8.95},
      {"category": "fiction", "author": "Evelyn Waugh", "title": "Sword of Honour", "price": 12.99},
      {"category": "fiction", "author": "Herman Melville", "title": "Moby Dick", "isbn": "0-553-21311-3", "price": 8.99},
      {"category": "fiction", "author": "J. R. R. Tolkien", "title": "The Lord of the Rings", "isbn": "0-395-19395-8", "price": 22.99}],
      "bicycle": {"color": "red", "price": 19.95}}, "expensive": 10, "list": [1, 2, 3, 4], "a b": {"x-y": "z"}, "null": null,
      "tags": ["a", "b"], "texts": ["1", "02"]}
    """

  @Test(
    "finds",
    arguments: [
      ("$.store.book[*].author", #"["Nigel Rees","Evelyn Waugh","Herman Melville","J. R. R. Tolkien"]"#),
      ("$..author", #"["Nigel Rees","Evelyn Waugh","Herman Melville","J. R. R. Tolkien"]"#),
      ("$.store..price", "[8.95,12.99,8.99,22.99,19.95]"),
      ("$..book[2].title", #"["Moby Dick"]"#),
      ("$..book[-2].title", #"["Moby Dick"]"#),
      ("$..book[0,1].title", #"["Sayings of the Century","Sword of Honour"]"#),
      ("$..book[:2].price", "[8.95,12.99]"),
      ("$..book[1:2].price", "[12.99]"),
      ("$..book[-2:].price", "[8.99,22.99]"),
      ("$..book[2:].price", "[8.99,22.99]"),
      ("$..book[?(@.isbn)].price", "[8.99,22.99]"),
      ("$.store.book[?(@.price < 10)].price", "[8.95,8.99]"),
      ("$..book[?(@.price <= $['expensive'])].price", "[8.95,8.99]"),
      ("$..book[?(@.author =~ /.*REES/i)].price", "[8.95]"),
      ("$.store.book[?(@.category == 'fiction' && @.price < 10 || @.price > 20)].price", "[8.99,22.99]"),
      ("$.store.book[?(!(@.isbn) && @.category != 'fiction')].price", "[8.95]"),
      ("$.store.book[?(@.category in ['reference', 'x'])].price", "[8.95]"),
      ("$.store.book[?(@.category nin ['fiction'])].price", "[8.95]"),
      ("$.store.book[?(@.title contains 'the')].price", "[8.95,22.99]"),
      ("$.store.book[?(@.isbn size 13)].price", "[8.99,22.99]"),
      ("$.store[?(@.color)]", #"[]"#),
      ("$.store.*.color", #"["red"]"#),
      ("$.store.bicycle.*", #"["red",19.95]"#),
      ("$.list[?(@ > 2)]", "[3,4]"),
      ("$.list[?(@ == 2 || @ == '3')]", "[2,3]"),
      ("$.texts[?(@ == 1)]", #"["1"]"#),
      ("$[?(@.expensive == 10)].list[0]", "[1]"),
      ("$['a b']['x-y']", #""z""#),
      ("$['store'].bicycle['color', 'price']", #"{"color":"red","price":19.95}"#),
      ("store.bicycle.color", #""red""#),
      ("$.null", "null"),
      ("$.list.length()", "4"),
      ("$.list.sum()", "10.0"),
      ("$.list.min()", "1.0"),
      ("$.list.max()", "4.0"),
      ("$.list.avg()", "2.5"),
      ("$..price.max()", "22.99"),
      ("$.list.first()", "1"),
      ("$.list.last()", "4"),
      ("$.list.index(-2)", "3"),
      ("$.tags.concat('c', $.expensive)", #""abc""#),
      ("$.list.append(5)", "[1,2,3,4,5.0]"),
      ("$.store.bicycle.keys()", #"["color","price"]"#),
      ("$.nothing", "nothing"),
      ("$.list[9]", "nothing"),
      ("$.list.x", "nothing"),
      ("$.tags[*].x", "[]"),
      ("$..nothing", "[]"),
      ("$..book.length()", "1"),
    ])
  func finds(_ path: String, _ expected: String) throws {
    let document = try JSONDocument(lenient: Array(Self.store.utf8))
    let selection = try JSONPath(path).read(document)
    if selection.isMissing {
      #expect(expected == "nothing")
    } else {
      var printer = ValuePrinter(bytesMax: 1 << 20)
      try printer.appendJSON(selection.value ?? .null, slashes: false)
      #expect(String(decoding: printer.output, as: UTF8.self) == expected)
    }
  }

  @Test(
    "gives text as parameter mapping wants it",
    arguments: [("$.expensive", "10"), ("$.tags", #"["a","b"]"#), ("$.tags[0]", "a"), ("$.null", ""), ("$.no", "")])
  func text(_ path: String, _ expected: String) throws {
    let selection = try JSONPath(path).read(JSONDocument(lenient: Array(Self.store.utf8)))
    #expect(String(decoding: selection.text, as: UTF8.self) == expected)
  }

  @Test(
    "knows which paths lead to one value",
    arguments: [
      ("$.a[0]['b']", true), ("$['a','b']", true), ("$.a[*]", false), ("$..a", false), ("$.a[1:]", false), ("$.a[?(@.b)]", false),
      ("$['a','b'].c", false),
    ])
  func definite(_ path: String, _ isDefinite: Bool) throws { #expect(try JSONPath(path).isDefinite == isDefinite) }

  @Test(
    "refuses what is none, with its place",
    arguments: [
      ("", 1), ("$.", 3), ("$..", 4), ("$[", 3), ("$['a'", 6), ("$[a]", 3), ("$.a[?(@.b ==)]", 13), ("$.a[?(@.b = 1)]", 11), ("$.a b", 5),
      ("$.a.nope()", 5), ("$[1:2", 6), ("$[?(@.a =~ /(/)]", 13), ("$.a[?(@.b == 'x)]", 14), ("$[:]", 5),
    ])
  func refuses(_ path: String, _ column: Int) {
    let error = #expect(throws: JSONPathError.self) { try JSONPath(path) }
    #expect(error?.column == column)
  }

  @Test("refuses filters inside each other without end")
  func depth() {
    let path = String(repeating: "$[?(@.a == ", count: 200) + "1" + String(repeating: ")]", count: 200)
    #expect(throws: JSONPathError.self) { try JSONPath(path) }
    let list = "$[?(@.a in " + String(repeating: "[", count: 500) + ")]"
    #expect(throws: JSONPathError.self) { try JSONPath(list) }
    let chain = "$[?(@.a" + String(repeating: "||@.a", count: 1000) + ")]"
    #expect(throws: JSONPathError.self) { try JSONPath(chain) }
  }

  @Test("gives up on paths that find the same values again and again")
  func steps() throws {
    let document = try JSONDocument(lenient: Array((String(repeating: "[", count: 100) + String(repeating: "]", count: 100)).utf8))
    let path = try JSONPath("$" + String(repeating: "..*", count: 12))
    #expect(throws: JSONPathError.tooManySteps) { try path.read(document) }
  }
}
