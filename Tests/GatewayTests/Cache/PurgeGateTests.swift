// Owns: the cases of storing and purging at once.
import Cache
import Foundation
import Glibc
import Runtime
import Testing

@testable import Gateway

@Suite struct PurgeGateTests {
  private let gate = PurgeGate()
  private let key = CacheKey(scheme: .http, authority: [0x61], path: [0x2F], query: []).bytes

  @Test func aPurgeIsNotNotedWhileAResponseThatItMeansIsBeingStored() {
    let order = Order()
    let (gate, begun, ended) = (gate, DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    gate.pass(key, [], since: gate.position) {
      Thread.detachNewThread {
        begun.signal()
        gate.note([.all(stamp: 0)])
        order.add("noted")
        ended.signal()
      }
      begun.wait()
      // A chance for the other thread to be wrong.
      for _ in 0..<10_000 { sched_yield() }
      order.add("stored")
    }
    ended.wait()
    #expect(order.all == ["stored", "noted"])
  }

  @Test func whatAPurgeHasOvertakenDoesNotPass() throws {
    let before = gate.position
    gate.note([try .tag([0x74], stamp: 50_000)])
    var passed: [String] = []
    let tag = CacheTags.hash([0x74])
    gate.pass(key, [tag], since: before) { passed.append("before") }
    gate.pass(key, [], since: before) { passed.append("another") }
    gate.pass(key, [tag], since: gate.position) { passed.append("after") }
    gate.pass(key, [tag], fetchedAt: 50_000) { passed.append("copy of before") }
    gate.pass(key, [tag], fetchedAt: 60_000) { passed.append("copy of after") }
    #expect(passed == ["another", "after", "copy of after"])
    #expect(gate.refusals == 2)
  }

  private final class Order: Sendable {
    private let held = Locked<[String]>([])
    func add(_ text: String) { held.withLock { $0.append(text) } }
    var all: [String] { held.withLock { $0 } }
  }
}
