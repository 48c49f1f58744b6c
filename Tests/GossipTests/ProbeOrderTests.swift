import Runtime
import Testing

@testable import Gossip

@Suite struct ProbeOrderTests {
  private func cluster(_ count: UInt64) -> [MemberID] { (1...count).map { MemberID($0) } }

  @Test func theRingHasEveryoneOnce() {
    for count in [2, 3, 10, 57] as [UInt64] {
      let members = cluster(count)
      var seen: [MemberID] = []
      var at = members[0]
      repeat {
        at = ProbeOrder.successor(of: at, among: members)!
        seen.append(at)
      } while at != members[0] && seen.count <= members.count
      #expect(seen.sorted() == members)
    }
    #expect(ProbeOrder.successor(of: MemberID(1), among: cluster(1)) == nil)
  }

  @Test func everyMemberIsProbedByItsPredecessorEveryOtherTime() {
    let members = cluster(20)
    for me in members {
      var random = SeededRandom(seed: me.value)
      var order = ProbeOrder(of: me)
      let probes = (0..<40).map { _ in order.next(among: members, &random)! }
      let successor = ProbeOrder.successor(of: me, among: members)
      for i in stride(from: 0, to: 40, by: 2) { #expect(probes[i] == successor) }
      #expect(!probes.contains(me))
    }
  }

  @Test func theOthersGoRoundWithoutRepeating() {
    let members = cluster(12)
    var random = SeededRandom(seed: 5)
    var order = ProbeOrder(of: MemberID(3))
    for _ in 0..<4 {
      var round: [MemberID] = []
      for i in 0..<22 {
        let probe = order.next(among: members, &random)!
        if i % 2 == 1 { round.append(probe) }
      }
      #expect(round.sorted() == members.filter { $0 != MemberID(3) })
    }
  }

  @Test func whoHasGoneIsPassedOverAndWhoHasComeIsSoonProbed() {
    var random = SeededRandom(seed: 6)
    var order = ProbeOrder(of: MemberID(1))
    _ = order.next(among: cluster(10), &random)
    _ = order.next(among: cluster(10), &random)
    let fewer = cluster(10).filter { $0.value % 2 == 1 }
    order.add(MemberID(99), &random)
    let now = fewer + [MemberID(99)]
    let probes = (0..<16).compactMap { _ in order.next(among: now, &random) }
    #expect(probes.allSatisfy(now.contains))
    #expect(probes.contains(MemberID(99)))
  }

  @Test func aloneThereIsNobodyToProbe() {
    var random = SeededRandom(seed: 1)
    var order = ProbeOrder(of: MemberID(1))
    for _ in 0..<3 { #expect(order.next(among: [MemberID(1)], &random) == nil) }
  }
}
