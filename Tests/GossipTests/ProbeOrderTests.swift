import Runtime
import Testing

@testable import Gossip

@Suite struct ProbeOrderTests {
  private func ring(_ members: some Sequence<UInt64>) -> MemberRing {
    var ring = MemberRing()
    for member in members { ring.insert(MemberID(member)) }
    return ring
  }

  @Test func theRingHasEveryoneOnce() {
    for count in [2, 3, 10, 57] as [UInt64] {
      let all = ring(1...count)
      var seen: [MemberID] = []
      var at = MemberID(1)
      repeat {
        at = all.successor(of: at)!
        seen.append(at)
      } while at != MemberID(1) && seen.count <= all.members.count
      #expect(seen.sorted() == (1...count).map { MemberID($0) })
    }
    #expect(ring(1...1).successor(of: MemberID(1)) == nil)
  }

  @Test func theRingIsTheSameInWhateverOrderItIsBuilt() {
    var random = SeededRandom(seed: 9)
    let expected = ring(1...40).members
    for _ in 0..<20 {
      var built = ring((1...40).shuffled(using: &random))
      for member in [50, 60] as [UInt64] { built.insert(MemberID(member)) }
      for member in [60, 50, 60] as [UInt64] { built.remove(MemberID(member)) }
      #expect(built.members == expected)
      #expect(built.contains(MemberID(7)) && !built.contains(MemberID(50)))
      #expect(built.successors(of: MemberID(50), count: 3).count == 3, "also of one that has gone")
    }
  }

  @Test func everyMemberIsProbedByItsPredecessorEveryOtherTime() {
    let members = ring(1...20)
    for me in members.members {
      var random = SeededRandom(seed: me.value)
      var order = ProbeOrder(of: me)
      let probes = (0..<40).map { _ in order.next(among: members, &random)! }
      let successor = members.successor(of: me)
      for i in stride(from: 0, to: 40, by: 2) { #expect(probes[i] == successor) }
      #expect(!probes.contains(me))
    }
  }

  @Test func theOthersGoRoundWithoutRepeating() {
    let members = ring(1...12)
    var random = SeededRandom(seed: 5)
    var order = ProbeOrder(of: MemberID(3))
    for _ in 0..<4 {
      var round: [MemberID] = []
      for i in 0..<22 {
        let probe = order.next(among: members, &random)!
        if i % 2 == 1 { round.append(probe) }
      }
      #expect(round.sorted() == (1...12).map { MemberID($0) }.filter { $0 != MemberID(3) })
    }
  }

  @Test func whoHasGoneIsPassedOverAndWhoHasComeIsSoonProbed() {
    var random = SeededRandom(seed: 6)
    var order = ProbeOrder(of: MemberID(1))
    _ = order.next(among: ring(1...10), &random)
    _ = order.next(among: ring(1...10), &random)
    order.add(MemberID(99), &random)
    let now = ring([1, 3, 5, 7, 9, 99])
    let probes = (0..<16).compactMap { _ in order.next(among: now, &random) }
    #expect(probes.allSatisfy { now.contains($0) })
    #expect(probes.contains(MemberID(99)))
  }

  @Test func aloneThereIsNobodyToProbe() {
    var random = SeededRandom(seed: 1)
    var order = ProbeOrder(of: MemberID(1))
    for _ in 0..<3 { #expect(order.next(among: ring([1]), &random) == nil) }
  }
}
