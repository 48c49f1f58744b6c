import Runtime
import Testing

@testable import Cache

@Suite struct FillTests {
  private func key(_ text: String) -> [UInt8] { Array(text.utf8) }

  private func head() -> Fill.Head {
    let terms = CacheTerms(
      requestTime: 0, responseTime: 0, initialAge: 0, freshFor: 60, staleWhileRevalidate: 0, staleIfError: 0, flags: [])
    return Fill.Head(status: 200, text: key("HTTP/1.1 200 OK\r\n"), terms: terms, length: nil, variance: .none, variant: [])
  }

  private func fill(_ table: FillTable, _ name: String, of primary: String? = nil) throws -> Fill {
    guard case .lead(let fill) = table.join(key(name), of: key(primary ?? name)) else { throw NoLeader() }
    return fill
  }

  private struct NoLeader: Error {}

  private func bytes(_ progress: FillProgress) -> String? {
    guard case .body(let pieces, _) = progress else { return nil }
    return String(decoding: pieces.flatMap(\.bytes), as: UTF8.self)
  }

  private func add(_ fill: Fill, _ text: String) -> Int { key(text).withUnsafeBytes { fill.append($0) } }

  @Test func whoComesFirstLeadsAndOthersFollow() throws {
    let table = FillTable()
    let first = try fill(table, "a")
    guard case .follow(let same) = table.join(key("a"), of: key("a")) else { return #expect(Bool(false), "a second leader") }
    #expect(same === first)
    table.end(first)
    let next = try fill(table, "a")
    #expect(next !== first && table.count == 1)
  }

  @Test func aFollowerTakesWhatItHasNotYet() throws {
    let fill = try fill(FillTable(), "a")
    let told = Locked(0)
    let listener = fill.listen { told.withLock { $0 += 1 } }
    guard case .waiting = fill.progress(behind: 0, listener) else { return #expect(Bool(false), "progress without a head") }
    fill.begin(head())
    let counts = [add(fill, "one"), add(fill, "two")]
    #expect(
      counts == [3, 6] && bytes(fill.progress(behind: 0, listener)) == "onetwo" && bytes(fill.progress(behind: 1, listener)) == "two")
    fill.complete()
    guard case .body(let rest, true) = fill.progress(behind: 2, listener) else { return #expect(Bool(false), "no end") }
    #expect(rest.isEmpty && told.withLock { $0 } == 4)
    fill.leave(listener)
    #expect(!fill.isRefused && fill.keepsAll)
  }

  @Test func aBodyThatIsNotKeptIsLetGoOfWhenAllHaveIt() throws {
    let fill = try fill(FillTable(), "a")
    let slow = fill.listen {}
    let quick = fill.listen {}
    fill.begin(head())
    fill.stopKeeping()
    _ = add(fill, String(repeating: "x", count: Fill.heldMax))
    let resumed = Locked(0)
    let isCrowded = fill.isCrowded { resumed.withLock { $0 += 1 } }
    #expect(fill.claim(through: 1, quick))
    #expect(isCrowded && resumed.withLock { $0 } == 0 && fill.pieces.count == 1)
    #expect(fill.claim(through: 1, slow))
    #expect(resumed.withLock { $0 } == 1 && fill.pieces.isEmpty)
    // Who comes when the beginning is gone has to ask for itself.
    guard case .refused(.notShared) = fill.progress(behind: 0, fill.listen {}) else {
      return #expect(Bool(false), "served from the middle")
    }
  }

  private func addMegabytes(_ fill: Fill, _ count: Int) {
    for i in 0..<(16 * count) { [UInt8](repeating: UInt8(i), count: 1 << 16).withUnsafeBytes { _ = fill.append($0) } }
  }

  private func isDismissed(_ fill: Fill, _ taken: Int, _ listener: UInt64) -> BodyPrefix? {
    guard case .dismissed(let prefix) = fill.progress(behind: taken, listener) else { return nil }
    return prefix
  }

  @Test func whoIsTooSlowForOthersIsLetGoOf() throws {
    let fill = try fill(FillTable(), "a")
    let told = Locked(0)
    let (slow, quick) = (fill.listen { told.withLock { $0 += 1 } }, fill.listen {})
    fill.begin(head())
    addMegabytes(fill, 1)
    #expect(fill.claim(through: 3, slow))
    fill.stopKeeping()
    addMegabytes(fill, 1)
    #expect(fill.isCrowded {} && fill.dismissSlowest(), "nobody waits: all are equally slow")
    #expect(fill.claim(through: 32, quick))
    let before = told.withLock { $0 }
    let room = Locked(0)
    #expect(fill.isCrowded { room.withLock { $0 += 1 } } && !fill.dismissSlowest())
    #expect(told.withLock { $0 } == before + 1 && room.withLock { $0 } == 1)
    var taken = BodyPrefix()
    for i in 0..<3 { [UInt8](repeating: UInt8(i), count: 1 << 16).withUnsafeBytes { taken.extend($0) } }
    #expect(isDismissed(fill, 3, slow) == taken && isDismissed(fill, 32, quick) == nil)
    #expect(!fill.claim(through: 4, slow), "what it was about to take it is to fetch")
    #expect(fill.isWatched && !fill.isCrowded {} && fill.pieces.isEmpty)
    fill.leave(quick)
    #expect(!fill.isWatched, "nobody takes what still comes")
  }

  @Test func whoHoldsUpALeaderThatWaitsIsLetGoOf() throws {
    let fill = try fill(FillTable(), "a")
    let (slow, quick) = (fill.listen {}, fill.listen {})
    fill.begin(head())
    fill.stopKeeping()
    addMegabytes(fill, 1)
    let room = Locked(0)
    #expect(fill.isCrowded { room.withLock { $0 += 1 } })
    // Less than the leader begins to wait at, more than it goes on at.
    #expect(fill.claim(through: 4, slow) && fill.dismissSlowest() && fill.claim(through: 16, quick))
    #expect(room.withLock { $0 } == 0 && !fill.dismissSlowest() && room.withLock { $0 } == 1)
    #expect(isDismissed(fill, 4, slow) != nil)
  }

  @Test func whoTakesALittleAtATimeIsKnownByWhatItHas() throws {
    let fill = try fill(FillTable(), "a")
    let (slow, quick) = (fill.listen {}, fill.listen {})
    fill.begin(head())
    fill.stopKeeping()
    var (sent, taken) = (0, 0)
    for _ in 0..<5 {
      addMegabytes(fill, 1)
      sent += 16
      taken += 14
      #expect(fill.claim(through: taken, slow))
      #expect(fill.claim(through: sent, quick))
    }
    addMegabytes(fill, 1)
    #expect(fill.claim(through: sent + 16, quick))
    #expect(fill.isCrowded {} && !fill.dismissSlowest())
    var prefix = BodyPrefix()
    for i in 0..<taken { [UInt8](repeating: UInt8(i % 16), count: 1 << 16).withUnsafeBytes { prefix.extend($0) } }
    #expect(isDismissed(fill, taken, slow) == prefix)
  }

  @Test func whatMadeAKeyStaleReachesTheFillsOfItsVariants() throws {
    let table = FillTable()
    let plain = try fill(table, "a")
    let variant = try fill(table, "a-gzip", of: "a")
    let other = try fill(table, "b")
    table.detach(key("a"))
    #expect(plain.isExpired && variant.isExpired && !other.isExpired && table.count == 1)
    _ = try fill(table, "a")
    _ = try fill(table, "a-gzip", of: "a")
  }

  @Test func whatMadeAKeyStaleReachesAFillThatTakesNoFollowersAnyMore() throws {
    let table = FillTable()
    let first = try fill(table, "a")
    table.withdraw { _ in true }
    let second = try fill(table, "a")
    #expect(table.count == 1)
    table.end(first)
    table.detach(key("a"))
    #expect(!first.isExpired && second.isExpired)
    let third = try fill(table, "a")
    table.withdraw { _ in true }
    table.detach(key("a"))
    #expect(third.isExpired)
  }

  @Test func aNodeInDoubtKeepsNothingThatIsOnItsWay() throws {
    let table = FillTable()
    let (one, other) = (try fill(table, "a"), try fill(table, "b"))
    table.withdraw { $0 === one }
    table.detachAll()
    #expect(one.isExpired && other.isExpired && table.count == 0)
    #expect(try fill(table, "b") !== other)
  }

  @Test func whatIsNotSharedIsRememberedForAWhile() {
    let table = FillTable()
    table.noteUnshared(key("a"), until: 1_000)
    let before = table.isUnshared(key("a"), now: 999)
    let after = table.isUnshared(key("a"), now: 1_000)
    #expect(before && !after)
    table.noteUnshared(key("a"), until: 1_000)
    table.noteShared(key("a"))
    let forgotten = table.isUnshared(key("a"), now: 0)
    #expect(!forgotten)
  }
}
