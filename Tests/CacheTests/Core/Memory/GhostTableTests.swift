import Runtime
import Testing

@testable import Cache

@Suite struct GhostTableTests {
  @Test func whatWasEvictedIsKnownOnce() {
    var ghost = GhostTable(cellsWanted: 64, windowBytes: 1 << 20)
    ghost.remember(0x1234_5678_9ABC_DEF1, bytes: 1000)
    let answers = [ghost.take(0x1234_5678_9ABC_DEF1), ghost.take(0x1234_5678_9ABC_DEF1), ghost.take(7)]
    #expect(answers == [true, false, false])
  }

  @Test("a fingerprint is forgotten when the window's bytes have gone by", arguments: [(90, true), (200, false)])
  func window(kibibytes: Int, isKnown: Bool) {
    var ghost = GhostTable(cellsWanted: 4096, windowBytes: 100 << 10)
    var random = SeededRandom(seed: 1)
    let mark = random.next()
    ghost.remember(mark, bytes: 0)
    for _ in 0..<kibibytes { ghost.remember(random.next(), bytes: 1024) }
    let answer = ghost.take(mark)
    #expect(answer == isKnown)
  }

  @Test func aFullPlaceForgetsItsOldest() {
    var ghost = GhostTable(cellsWanted: 16, windowBytes: 1 << 30)
    let names = (1...5).map { UInt64($0) << 40 }
    for name in names { ghost.remember(name, bytes: 4096) }
    let known = names.map { ghost.take($0) }
    #expect(known == [false, true, true, true, true])
  }

  @Test("its size is a power of two and as stated", arguments: [(0, 16), (16, 16), (17, 32), (1000, 1024)])
  func size(wanted: Int, cells: Int) { #expect(GhostTable.byteCount(cellsWanted: wanted) == cells * 8) }
}
