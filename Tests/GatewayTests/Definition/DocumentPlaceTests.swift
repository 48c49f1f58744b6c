import Runtime
import Testing

@testable import Gateway

@Suite struct DocumentPlaceTests {
  private func place(_ tokens: [String], in bytes: [UInt8]) -> DocumentPosition? {
    DocumentLocator.positions(of: [DocumentPointer(tokens)], in: bytes)[0]
  }

  @Test(arguments: [
    ("#", [String]()), ("#/a/b", ["a", "b"]), ("#/a~1b/m~0n", ["a/b", "m~n"]), ("#/%7Bid%7D/", ["{id}", ""]), ("#/~01", ["~1"]),
  ])
  func aFragmentIsAPointer(_ text: String, _ tokens: [String]) throws {
    let pointer = try #require(DocumentPointer(fragment: text))
    #expect(pointer.tokens == tokens)
    #expect(DocumentPointer(fragment: "#" + pointer.description) == pointer)
  }

  @Test(arguments: ["", "a", "/a", "#a", "#%", "#/%4", "#/%+4", "#/%zz", "#/%FF"]) func otherTextIsNone(_ text: String) {
    #expect(DocumentPointer(fragment: text) == nil)
  }

  private static let text =
    "{\"a\": [1, {\"b\\u0063\": \"x,\\\"]}\"},\n  [[], {}], -1.5e3],\n \"é\": {\"a\": null}, \"a\\/b\": true, \"a\": 7}"

  @Test(arguments: [
    ([String](), 1, 1), (["é"], 3, 7), (["é", "a"], 3, 13), (["a/b"], 3, 28), (["a"], 3, 39),
  ])
  func aPlaceInJSONIsFoundAgain(_ tokens: [String], _ line: Int, _ column: Int) {
    let found = place(tokens, in: Array(DocumentPlaceTests.text.utf8))
    #expect(found == DocumentPosition(line: line, column: column))
  }

  @Test(arguments: [(["0"], 1, 2), (["1", "bc"], 1, 17), (["2"], 2, 3), (["2", "1"], 2, 8), (["3"], 2, 13)])
  func elementsAndEscapedNamesAreFoundAgain(_ tokens: [String], _ line: Int, _ column: Int) {
    let text = "[1, {\"b\\u0063\": \"x,\\\"]}\"},\n  [[], {}], -1.5e3]"
    #expect(place(tokens, in: Array(text.utf8)) == DocumentPosition(line: line, column: column))
  }

  @Test(arguments: [["b"], ["a", "0"], ["é", "b"], ["é", "a", "x"], ["-1"]]) func whatIsNotThereHasNoPlace(_ tokens: [String]) {
    #expect(place(tokens, in: Array(DocumentPlaceTests.text.utf8)) == nil)
  }

  @Test(arguments: ["", "{", "{\"a", "{\"a\"", "{\"a\":", "{\"a\": [", "[1,", "[\u{1}", "{\"a\":\u{1}", "{\"a\\", "[\"\\"])
  func aTextThatIsCutOffHasNoPlaceEither(
    _ text: String
  ) {
    for tokens in [["a"], ["a", "0"], ["1"], ["0", "0"]] {
      _ = place(tokens, in: Array(text.utf8))
    }
    #expect(place(["zzz"], in: Array(text.utf8)) == nil)
  }

  @Test func manyPlacesAreFoundAtOnce() {
    let text = "{\"b\": [1,\n 2], \"a\": {\"c\": 3}}"
    let pointers = [["a", "c"], ["b", "1"], ["x"], [], ["b"], ["a", "c"]].map { DocumentPointer($0) }
    let found = DocumentLocator.positions(of: pointers, in: Array(text.utf8))
    #expect(found.map { $0?.line } == [2, 2, nil, 1, 1, 2])
    #expect(found.map { $0?.column } == [17, 2, nil, 1, 7, 17])
  }

  @Test func namesWithValuesKeepTheirOrder() {
    var values: NamedValues<Int> = ["b": 1, "a": 2, "b": 3]
    #expect(values.names == ["b", "a"] && values["b"] == 3)
    values["c"] = 4
    values["b"] = nil
    #expect(values.names == ["a", "c"] && values["c"] == 4 && values["b"] == nil)
    #expect(values == ["a": 2, "c": 4] && values != ["c": 4, "a": 2])
  }
}
