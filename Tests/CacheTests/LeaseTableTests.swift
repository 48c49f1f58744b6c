// Owns: the cases of copies that are given for a moment, and of those that what is stale overtakes.
import Testing

@testable import Cache

/// A table that can be asked within an expectation.
private final class Leases {
  private var table = LeaseTable()

  func grant(_ key: UInt64, to node: UInt64, now: Int64) -> Bool { table.grant(key, to: node, now: now) }
  func take(_ key: UInt64, now: Int64) -> [UInt64] { table.take(key, now: now) }
  var count: Int { table.count }
}

@Suite struct LeaseTableTests {
  @Test func holdersAreTakenOnceAndNotWhenTheirTimeIsOver() {
    let leases = Leases()
    #expect(leases.grant(1, to: 10, now: 0) && leases.grant(1, to: 11, now: 100) && leases.grant(1, to: 11, now: 150))
    #expect(leases.grant(2, to: 12, now: 0))
    #expect(leases.take(1, now: 260).sorted() == [11], "the first has ended")
    #expect(leases.take(1, now: 260).isEmpty)
    #expect(leases.take(2, now: LeaseTable.milliseconds) == [12], "longer than it may be used")
  }

  @Test func thereIsABoundOnKeysAndHolders() {
    let leases = Leases()
    for key in 0..<UInt64(LeaseTable.countMax) { #expect(leases.grant(key, to: 1, now: 0)) }
    #expect(!leases.grant(.max, to: 1, now: 0) && leases.grant(0, to: 2, now: 0))
    #expect(leases.grant(.max, to: 1, now: 1_000), "those that are over make room")
    #expect(leases.count == 1)
    for node in 0..<UInt64(LeaseTable.holdersMax - 1) { #expect(leases.grant(.max, to: node + 2, now: 1_000)) }
    #expect(!leases.grant(.max, to: 1_000, now: 1_000))
  }
}

@Suite struct StaleLedgerTests {
  @Test func aCopyOfWhatWasFetchedBeforeOrAtAboutThatTimeIsOvertaken() {
    var ledger = StaleLedger()
    ledger.note(1, now: 100_000)
    #expect(ledger.isOvertaken(1, fetchedAt: 0) && ledger.isOvertaken(1, fetchedAt: 100_000 + PurgeLedger.clockMargin))
    #expect(!ledger.isOvertaken(1, fetchedAt: 100_001 + PurgeLedger.clockMargin) && !ledger.isOvertaken(2, fetchedAt: 0))
    ledger.note(1, now: 50_000)
    #expect(ledger.isOvertaken(1, fetchedAt: 100_000), "a clock that was set back")
  }

  @Test func whatIsForgottenOvertakesEverythingUntilThen() {
    var ledger = StaleLedger()
    for key in 0...UInt64(StaleLedger.countMax) { ledger.note(key, now: Int64(key)) }
    let last = Int64(StaleLedger.countMax) - 1
    #expect(ledger.isOvertaken(.max, fetchedAt: last + PurgeLedger.clockMargin))
    #expect(!ledger.isOvertaken(.max, fetchedAt: last + PurgeLedger.clockMargin + 1))
  }
}
