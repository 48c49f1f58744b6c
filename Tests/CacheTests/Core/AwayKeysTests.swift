import Testing

@testable import Cache

@Suite struct AwayKeysTests {
  private func key(_ number: Int, count: Int = 8) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: number >> (8 * min($0, 7))) } }

  @Test func aKeyIsSaidOnceWhileNobodyElseGoes() {
    var keys = AwayKeys()
    #expect(keys.note(key(1)) == .say && keys.note(key(1)) == .known && keys.note(key(2)) == .say)
    keys.depart()
    #expect(keys.note(key(1)) == .say)
  }

  @Test func beyondTheBoundAllIsSaidAtOnceAndThenNothing() {
    var keys = AwayKeys()
    for i in 0..<AwayKeys.countMax { #expect(keys.note(key(i)) == .say) }
    #expect(keys.note(key(-1)) == .sayAll)
    #expect(keys.note(key(-2)) == .known && keys.note(key(1)) == .known)
    keys.depart()
    #expect(keys.note(key(-2)) == .say)
  }

  @Test func longKeysCountByTheirBytes() {
    var keys = AwayKeys()
    var verdicts: [AwayKeys.Verdict] = []
    for i in 0..<40 { verdicts.append(keys.note(key(i, count: 40_000))) }
    #expect(verdicts.prefix(26).allSatisfy { $0 == .say } && verdicts[26] == .sayAll && verdicts[27] == .known)
  }
}
