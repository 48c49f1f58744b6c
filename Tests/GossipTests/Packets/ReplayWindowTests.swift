import Runtime
import Testing

@testable import Gossip

@Suite struct ReplayWindowTests {
  @Test("against a set of all that was seen", arguments: UInt64(0)..<20)
  func model(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var counter = seed % 2 == 0 ? 0 : UInt64.max - 200_000
    var window = ReplayWindow(first: counter)
    var seen: Set<UInt64> = [counter]
    var newest = counter
    for _ in 0..<4_000 {
      switch random.below(10) {
      case 0: counter = newest &+ random.below(9_000)
      case 1...5: counter = newest &+ random.below(4)
      default: counter = newest - min(newest, random.below(5_000))
      }
      if counter < newest && newest - counter > UInt64.max / 2 { counter = .max }
      let isOld = counter <= newest && newest - counter >= UInt64(ReplayWindow.width)
      let isFresh = window.isFresh(counter)
      #expect(isFresh == (!isOld && !seen.contains(counter)), "\(counter) after \(newest)")
      guard isFresh else { continue }
      window.mark(counter)
      seen.insert(counter)
      newest = max(newest, counter)
      #expect(window.newest == newest)
    }
  }

  @Test func theLastOneInsideIsToldFromTheFirstOneOutside() {
    var window = ReplayWindow(first: 10)
    window.mark(10 + UInt64(ReplayWindow.width) - 1)
    #expect(!window.isFresh(10) && window.isFresh(11))
    window.mark(11 + UInt64(ReplayWindow.width))
    #expect(!window.isFresh(11) && window.isFresh(12), "11 was never seen, and is too old to say so")
  }

  @Test func aLeapOverTheWholeWindowForgetsIt() {
    var window = ReplayWindow(first: 0)
    for counter in UInt64(1)..<5_000 { window.mark(counter) }
    window.mark(1 << 60)
    #expect(window.isFresh((1 << 60) - 1) && window.isFresh((1 << 60) - 4_031) && !window.isFresh((1 << 60) - 4_032))
  }
}
