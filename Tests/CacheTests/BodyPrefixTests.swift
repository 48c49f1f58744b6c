import Runtime
import Testing

@testable import Cache

@Suite struct BodyPrefixTests {
  private func prefix(_ pieces: [ArraySlice<UInt8>]) -> BodyPrefix {
    var prefix = BodyPrefix()
    for piece in pieces { Array(piece).withUnsafeBytes { prefix.extend($0) } }
    return prefix
  }

  @Test(arguments: 1...200 as ClosedRange<UInt64>) func howItIsCutDoesNotCount(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let body = (0..<Int(random.below(400))).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    func cut() -> [ArraySlice<UInt8>] {
      var (pieces, at): ([ArraySlice<UInt8>], Int) = ([], 0)
      while at < body.count {
        let end = min(body.count, at + Int(random.below(40)))
        pieces.append(body[at..<end])
        at = end
      }
      return pieces
    }
    let one = prefix(cut())
    #expect(one == prefix(cut()) && one == prefix([body[...]]) && one.count == body.count)
    if body.isEmpty { return }
    var other = body
    other[Int(random.below(UInt64(body.count)))] ^= UInt8(1 + random.below(255))
    #expect(prefix([other[...]]) != one && prefix([body.dropLast()]) != one && prefix([body + [0]]) != one)
  }
}
