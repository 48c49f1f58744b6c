// The disk tier over real files: what is stored is found whole, what is replaced or removed is not, and bounds hold.
import Foundation
import Runtime
import Testing

@testable import Cache

@Suite(.serialized) struct DiskTierTests {
  @Test func whatIsStoredIsFoundWholeAlsoAfterARestart() throws {
    let disk = DiskFixture()
    let tier = disk.open()
    let sizes = [0, 1, 1000, 128 << 10, (128 << 10) + 1, 700_000]
    var bodies: [[UInt8]] = []
    var random = SeededRandom(seed: 1)
    for (number, size) in sizes.enumerated() {
      let body = Array(noise(words: size / 8 + 1, &random).prefix(size))
      bodies.append(body)
      let outcome = tier.store(disk.key(UInt64(number)), terms: [UInt8(number)], head: Array("HTTP/1.1 200 OK".utf8), body: [body])
      #expect(outcome == .accepted)
    }
    #expect(disk.settle())
    for round in 0..<2 {
      for (number, body) in bodies.enumerated() {
        let entry = try #require(disk.entry(disk.key(UInt64(number))), "round \(round), \(body.count) bytes")
        #expect(entry.terms == [UInt8(number)])
        #expect(entry.head == Array("HTTP/1.1 200 OK".utf8))
        #expect(entry.bodyBytes == UInt64(body.count))
        let whole = disk.body(entry)
        #expect(whole == body)
      }
      if round == 0 { _ = disk.open() }
    }
  }

  @Test func textIsCompressedAndComesBackAsItWas() throws {
    let disk = DiskFixture()
    let tier = disk.open()
    let body = Array(String(repeating: "the same words again and again ", count: 20_000).utf8)
    #expect(tier.store(disk.key(1), terms: [], head: [1], body: [body]) == .accepted)
    #expect(disk.settle())
    let entry = try #require(disk.entry(disk.key(1)))
    let whole = disk.body(entry)
    #expect(whole == body)
    disk.close()
    #expect(DiskFolder.bytes(disk.options.path) < UInt64(body.count))
  }

  @Test func aKeyThatSharesAHashIsNotServedTheOthersBody() {
    let disk = DiskFixture()
    let tier = disk.open()
    _ = tier.store(disk.key(1), terms: [], head: [1], body: [[1]])
    #expect(disk.settle())
    #expect(disk.miss(DiskKey(hash: disk.key(1).hash, bytes: [9])) == .absent)
    #expect(disk.entry(disk.key(1)) != nil)
  }

  @Test func aRemovedEntryIsGoneAtOnceAndAfterARestart() {
    let disk = DiskFixture()
    let tier = disk.open()
    _ = tier.store(disk.key(1), terms: [], head: [1], body: [[1]])
    #expect(disk.settle())
    tier.remove(disk.key(1).hash)
    #expect(disk.entry(disk.key(1)) == nil)
    _ = disk.open()
    #expect(disk.miss(disk.key(1)) == .absent)
  }

  @Test func everythingIsRemovedAtOnce() {
    let disk = DiskFixture()
    let tier = disk.open()
    for number in 0..<50 { _ = tier.store(disk.key(UInt64(number)), terms: [], head: [1], body: [[1]]) }
    #expect(disk.settle())
    tier.removeAll()
    let found = (0..<50).filter { disk.entry(disk.key($0)) != nil }
    #expect(found.isEmpty)
    _ = tier.store(disk.key(7), terms: [], head: [2], body: [[2]])
    #expect(disk.settle())
    #expect(disk.entry(disk.key(7))?.head == [2])
    #expect(disk.entry(disk.key(8)) == nil)
  }

  @Test func newTermsKeepTheBodyAndMeanOneStoringOnly() throws {
    let disk = DiskFixture()
    let tier = disk.open()
    var random = SeededRandom(seed: 2)
    let body = noise(words: 50_000, &random)
    _ = tier.store(disk.key(1), terms: [1], head: [1], body: [body])
    #expect(disk.settle())
    let first = try #require(disk.entry(disk.key(1)))
    let changed = Awaited<Bool>()
    tier.refresh(disk.key(1), number: first.number, terms: [2], head: [2, 2]) { changed.give($0) }
    #expect(changed.take() == true)
    let second = try #require(disk.entry(disk.key(1)))
    #expect(second.terms == [2] && second.head == [2, 2] && second.number == first.number)
    let whole = disk.body(second)
    #expect(whole == body)
    _ = tier.store(disk.key(1), terms: [3], head: [3], body: [[3]])
    let refused = Awaited<Bool>()
    tier.refresh(disk.key(1), number: first.number, terms: [4], head: [4]) { refused.give($0) }
    #expect(refused.take() == false)
    #expect(disk.entry(disk.key(1))?.terms == [3])
  }

  @Test func anAbortedStoreLeavesWhatWasThere() {
    let disk = DiskFixture()
    let tier = disk.open()
    _ = tier.store(disk.key(1), terms: [1], head: [1], body: [[1]])
    let (fill, _) = tier.begin(disk.key(1), terms: [2], head: [2])
    let accepted = [UInt8](repeating: 5, count: 400_000).withUnsafeBytes { fill?.append($0) }
    #expect(accepted == true)
    fill?.abort()
    #expect(disk.settle())
    #expect(disk.entry(disk.key(1))?.terms == [1])
    #expect(tier.statistics.pendingBytes == 0)
  }

  @Test func anEntryIsNotServedWhenItsTimeIsOver() {
    let disk = DiskFixture()
    let tier = disk.open()
    _ = tier.store(disk.key(1), terms: [], head: [1], body: [[1]], keepUntil: 1)
    #expect(disk.settle())
    #expect(disk.miss(disk.key(1)) == .expired)
  }

  @Test func aLookupThatIsNotBegunInTimeMisses() {
    let disk = DiskFixture()
    let tier = disk.open()
    _ = tier.store(disk.key(1), terms: [], head: [1], body: [[1]])
    #expect(disk.settle())
    guard case .miss(.late)? = disk.read(disk.key(1), deadline: .zero) else {
      Issue.record("a lookup of long ago was answered")
      return
    }
    #expect(tier.statistics.late == 1)
  }

  @Test func aFullWriteBehindShedsStoresAndForgetsWhatTheyReplace() {
    let disk = DiskFixture()
    disk.options.pendingBytesMax = 256 << 10
    let tier = disk.open()
    _ = tier.store(disk.key(1), terms: [1], head: [1], body: [[1]])
    #expect(disk.settle())
    let outcome = tier.store(disk.key(1), terms: [2], head: [2], body: [[UInt8](repeating: 1, count: 300 << 10)])
    #expect(outcome == .shed)
    #expect(disk.settle())
    // The newer response was not stored; the older one must not be served in its place (RFC 9111 §4).
    #expect(disk.miss(disk.key(1)) == .absent)
    #expect(tier.statistics.shed == 1)
    #expect(tier.statistics.pendingBytes == 0)
  }

  @Test func aWalkMeetsEveryEntry() {
    let disk = DiskFixture()
    let tier = disk.open()
    for number in 0..<100 { _ = tier.store(disk.key(UInt64(number)), terms: [], head: [1], body: [[1]]) }
    #expect(disk.settle())
    var met: Set<DiskKey> = []
    var position: DiskWalkPosition? = .start
    while let from = position {
      let step = Awaited<DiskWalk>()
      tier.walk(from: from, limit: 7) { step.give($0) }
      let walk = step.take()
      #expect((walk?.heads.count ?? 0) <= 7)
      for head in walk?.heads ?? [] { met.insert(head.key) }
      position = walk?.next
    }
    #expect(met.count == 100)
  }

  @Test func theFolderStaysWithinTheLimit() {
    let disk = DiskFixture(bytesMax: 32 << 20)
    let tier = disk.open()
    var random = SeededRandom(seed: 3)
    var ballast = Ballast(seed: 4, bytes: 320_000)
    var most: UInt64 = 0
    // Three times the limit, of all sizes, each piece followed by a look at the folder.
    var written: UInt64 = 0
    var number: UInt64 = 0
    while written < 3 * disk.options.bytesMax {
      for _ in 0..<16 {
        let body = ballast.next(Int(random.below(random.below(4) == 0 ? 320_000 : 8000)))
        written += UInt64(body.count)
        number += 1
        let outcome = tier.store(disk.key(number), terms: [], head: [1, 2, 3], body: [body])
        #expect(outcome == .accepted)
      }
      #expect(disk.settle())
      most = max(most, DiskFolder.bytes(disk.options.path))
    }
    #expect(most <= disk.options.bytesMax / 10 * 11, "the folder took \(most) bytes")
    #expect(most >= disk.options.bytesMax / 10 * 8, "the folder took \(most) bytes only")
    #expect(disk.entry(disk.key(number)) != nil)
    #expect(disk.miss(disk.key(1)) == .absent)
    #expect(tier.statistics.dropped > 0)
  }

  @Test func aBodyThatIsBeingReadOutlivesItsGenerationForAWhileAndThenBreaksOffWithoutHarm() throws {
    let disk = DiskFixture(bytesMax: 32 << 20)
    let tier = disk.open()
    var random = SeededRandom(seed: 4)
    let body = noise(words: 60_000, &random)
    _ = tier.store(disk.key(1), terms: [], head: [1], body: [body])
    #expect(disk.settle())
    let entry = try #require(disk.entry(disk.key(1)))
    var ballast = Ballast(seed: 9, bytes: 240_000)
    for number in 0..<250 {
      let other = ballast.next(240_000)
      _ = tier.store(disk.key(UInt64(1000 + number)), terms: [], head: [1], body: [other])
      #expect(disk.settle())
    }
    // Nothing of the body can be left: what is read is a refusal, never other bytes.
    let whole = disk.body(entry)
    #expect(whole == nil)
    #expect(DiskFolder.bytes(disk.options.path) <= disk.options.bytesMax / 10 * 11)
  }

  @Test func whatIsHitOutlivesItsGenerationAndWhatIsRemovedStaysRemoved() throws {
    let disk = DiskFixture(bytesMax: 32 << 20)
    let tier = disk.open()
    var random = SeededRandom(seed: 7)
    let body = noise(words: 40_000, &random)
    for number in 1...2 as ClosedRange<UInt64> { _ = tier.store(disk.key(number), terms: [], head: [1], body: [body]) }
    #expect(disk.settle())
    tier.remove(disk.key(2).hash)
    var ballast = Ballast(seed: 10, bytes: 400_000)
    for number in 0..<250 as Range<UInt64> {
      let other = ballast.next(400_000)
      _ = tier.store(disk.key(1000 + number), terms: [], head: [1], body: [other])
      #expect(disk.settle())
      let entry = try #require(
        disk.entry(disk.key(1)), "lost after \(number) stores, \(String(describing: disk.miss(disk.key(1)))), \(tier.statistics)")
      #expect(disk.miss(disk.key(2)) == .absent)
      if number % 50 == 0 {
        let whole = disk.body(entry)
        #expect(whole == body)
      }
    }
    #expect(tier.statistics.rescues > 0)
    #expect(tier.statistics.dropped > 16)
  }

  @Test func aBodyThatArrivesWhileGenerationsBeginIsWhole() throws {
    let disk = DiskFixture(bytesMax: 64 << 20)
    let tier = disk.open()
    var random = SeededRandom(seed: 8)
    let body = noise(words: 100_000, &random)
    let (fill, _) = tier.begin(disk.key(1), terms: [9], head: [1])
    var ballast = Ballast(seed: 11, bytes: 240_000)
    var offset = 0
    while offset < body.count {
      let piece = Array(body[offset..<min(offset + 100_000, body.count)])
      let accepted = piece.withUnsafeBytes { fill?.append($0) }
      #expect(accepted == true)
      offset += piece.count
      for number in 0..<10 {
        let other = ballast.next(240_000)
        _ = tier.store(disk.key(UInt64(1000 + number)), terms: [], head: [1], body: [other])
      }
      #expect(disk.settle())
    }
    #expect(tier.statistics.generations > 2)
    #expect(disk.entry(disk.key(1)) == nil)
    let outcome = fill?.commit()
    #expect(outcome == .accepted)
    #expect(disk.settle())
    _ = disk.open()
    let entry = try #require(disk.entry(disk.key(1)))
    let whole = disk.body(entry)
    #expect(whole == body)
  }
}
