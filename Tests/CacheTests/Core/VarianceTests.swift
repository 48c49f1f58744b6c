import Testing

@testable import Cache

@Suite struct VarianceTests {
  @Test(
    "names of Vary (RFC 9110 §12.5.5)",
    arguments: [
      ([], []), (["Accept"], ["accept"]), (["Accept, accept"], ["accept"]), (["B", "A"], ["a", "b"]), ([" , a,, "], ["a"]), ([""], []),
      (["*"], nil), (["a, *"], nil), (["a", "*"], nil), (["a b"], nil), (["\"a\""], nil), (["a;b"], nil),
      ([(0..<17).map { "f\($0)" }.joined(separator: ",")], nil), ([String(repeating: "x", count: 129)], nil),
    ] as [([String], [String]?)])
  func names(lines: [String], expected: [String]?) {
    let variance = Variance(Fixture.response(lines.map { ("Vary", $0) }))
    switch expected {
    case nil: #expect(variance == .any)
    case let names? where names.isEmpty: #expect(variance == .none)
    case let names?: #expect(variance == .fields(names.map { Array(text: $0) }))
    }
  }

  @Test(
    "requests that match, and requests that do not (RFC 9111 §4.1)",
    arguments: [
      ("x-a", ["1"], ["1"], true), ("x-a", ["1"], ["2"], false), ("x-a", [], [], true), ("x-a", [], [""], false),
      ("x-a", ["1, 2"], ["1", "2"], true),
      ("x-a", ["1,2"], [" 1 ,  2 "], true), ("x-a", ["a b"], ["ab"], false), ("x-a", ["\"a, b\""], ["\"a,b\""], false),
      ("x-a", ["A"], ["a"], false),
      ("x-a", ["1,2"], ["2,1"], false), ("x-a", ["\"a, b"], ["\"a,b"], false), ("user-agent", ["a, b"], ["a,b"], false),
      ("cookie", ["a=1; b=2"], ["a=1", "b=2"], true), ("cookie", ["a=1,b"], ["a=1, b"], false),
      ("accept-encoding", ["gzip, br"], ["br,gzip"], true), ("accept-encoding", ["GZIP"], ["gzip"], true),
      ("accept-encoding", ["gzip;q=1.0"], ["gzip"], true),
      ("accept-encoding", ["gzip;q=0.50"], ["gzip; q=0.5"], true), ("accept-encoding", ["gzip;q=0.5"], ["gzip;q=0.6"], false),
      ("accept-encoding", ["gzip;q=0"], ["gzip"], false), ("accept-encoding", ["x-gzip"], ["gzip"], true),
      ("accept-encoding", [""], [], false),
      ("accept-encoding", ["gzip"], ["gzip, br"], false), ("accept-encoding", ["gzip;q=x"], ["gzip"], false),
      ("accept-encoding", ["gzip;q=x, br"], ["gzip;q=x,br"], true),
      ("accept-encoding", ["gzip;q=2"], ["gzip"], false), ("accept-encoding", ["gzip", "br"], ["gzip, br"], true),
      ("accept-language", ["en, de;q=0.5"], ["de;q=0.5,EN"], true), ("accept-language", ["en-GB"], ["en-gb"], true),
      ("accept-language", ["en, de"], ["de, en"], false), ("accept-language", ["en;q=0.9, de;q=0.8"], ["en;q=0.8, de;q=0.9"], false),
      ("accept-language", ["x-gzip"], ["gzip"], false),
    ] as [(String, [String], [String], Bool)])
  func matching(name: String, left: [String], right: [String], expected: Bool) {
    func key(_ values: [String]) -> [UInt8] { Variance.key([Array(text: name)], Fixture.request(values.map { (name, $0) })) }
    #expect((key(left) == key(right)) == expected)
  }

  @Test func partsOfAKeyCannotRunIntoEachOther() {
    let names = [Array(text: "a"), Array(text: "b")]
    func key(_ a: String?, _ b: String?) -> [UInt8] {
      Variance.key(names, Fixture.request([a.map { ("a", $0) }, b.map { ("b", $0) }].compactMap { $0 }))
    }
    let keys = [key("1", "2"), key("12", nil), key(nil, "12"), key("1", nil), key("", "12"), key("12", ""), key(nil, nil), key("", "")]
    #expect(Set(keys).count == keys.count)
  }
}
