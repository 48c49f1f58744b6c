// Records on disk are judged by the purges made since; the history survives its own bytes, and nothing that it has forgotten counts as
// good.
import Foundation
import Testing

@testable import Cache

@Suite struct PurgeHistoryTests {
  private func key(_ path: String, _ query: String = "") -> [UInt8] {
    CacheKey(scheme: .http, authority: Array("h".utf8), path: Array(path.utf8), query: Array(query.utf8)).bytes
  }

  private func url(_ text: String, isSoft: Bool = false, stamp: Int64 = 1) throws -> Purge {
    try .url(Array(text.utf8), isSoft: isSoft, stamp: stamp)
  }

  @Test func aPurgeMeansWhatWasStoredBeforeIt() throws {
    var history = PurgeHistory(id: 1)
    let before = history.position
    history.note(try url("http://h/a"))
    history.note(try .tag(Array("t".utf8), stamp: 1))
    history.note(try .prefix(Array("http://h/p/".utf8), stamp: 1))
    let after = history.position
    let tag = CacheTags.hash(Array("t".utf8))
    for (path, tags, isMeant) in [
      ("/a", [], true), ("/b", [], false), ("/b", [tag], true), ("/b", [tag &+ 1], false), ("/b", [CacheTags.any], true),
      ("/p/x", [], true),
      ("/p", [], false),
    ] {
      #expect(history.force(key(path), tags: tags, knows: before) == (isMeant ? .gone : .none), "\(path) \(tags)")
      #expect(history.force(key(path), tags: tags, knows: after) == .none, "\(path) \(tags), stored afterwards")
    }
    #expect(history.force([1, 2, 3], tags: [], knows: before) == .gone, "bytes that are no key")
  }

  @Test func softPurgesMarkFromTheFirstAndHardOnesRemove() throws {
    var history = PurgeHistory(id: 1)
    let before = history.position
    history.note(try url("http://h/a", isSoft: true, stamp: 50))
    let between = history.position
    history.note(try url("http://h/a", isSoft: true, stamp: 90))
    #expect(history.force(key("/a"), tags: [], knows: before) == .stale(since: 50))
    #expect(history.force(key("/a"), tags: [], knows: between) == .stale(since: 50), "too short a window is on the safe side")
    #expect(history.force(key("/a"), tags: [], knows: history.position) == .none)
    history.note(try url("http://h/a"))
    #expect(history.force(key("/a"), tags: [], knows: between) == .gone)
    history.note(.all(isSoft: true, stamp: 100))
    #expect(history.force(key("/z"), tags: [], knows: between) == .stale(since: 100))
  }

  @Test func oneKeyIsMeantWithItsVariantsAndNoOther() {
    var history = PurgeHistory(id: 1)
    let before = history.position
    history.note(.key(key("/a", "?q"), stamp: 1))
    history.note(.away(stamp: 2))
    #expect(history.force(key("/a", "?q"), tags: [], knows: before) == .gone)
    #expect(history.force(key("/a", "?q") + [0, 1, 2], tags: [], knows: before) == .gone)
    #expect(history.force(key("/a"), tags: [], knows: before) == .none)
    #expect(history.force(key("/a", "?q"), tags: [], knows: history.position) == .none)
    #expect(history.lines.count == 1)
  }

  @Test func everythingGoesWithAllAndTheLinesWithIt() throws {
    var history = PurgeHistory(id: 1)
    history.note(try url("http://h/a"))
    let before = history.position
    history.note(.all(stamp: 5))
    #expect(history.lines.isEmpty)
    #expect(history.force(key("/z"), tags: [], knows: before) == .gone)
    #expect(history.force(key("/z"), tags: [], knows: history.position) == .none)
  }

  @Test func whatDoesNotFitMakesOlderRecordsGo() throws {
    var history = PurgeHistory(id: 1)
    let old = history.position
    for number in 0...PurgeHistory.prefixesMax { history.note(try .prefix(Array("http://h/\(number)/".utf8), stamp: 1)) }
    #expect(history.lines.count <= PurgeHistory.prefixesMax)
    #expect(history.force(key("/untouched"), tags: [], knows: old) == .gone)
    #expect(history.force(key("/untouched"), tags: [], knows: history.position) == .none)
    #expect(history.force(key("/\(PurgeHistory.prefixesMax)/x"), tags: [], knows: history.position - 1) == .gone)
  }

  @Test func oneOfManyWithTheSameMeaningIsKept() throws {
    var history = PurgeHistory(id: 1)
    for _ in 0..<1000 {
      history.note(try url("http://h/a"))
      history.note(try url("http://h/a", isSoft: true))
    }
    #expect(history.lines.count == 1)
    #expect(history.force(key("/a"), tags: [], knows: history.position - 2) == .gone)
  }

  @Test func itSurvivesItsBytesAndDamageIsSeen() throws {
    var history = PurgeHistory(id: 77)
    let before = history.position
    history.note(try url("http://h/a", isSoft: true, stamp: 9))
    history.note(try url("http://h/b"))
    history.note(try .tag(Array("t".utf8), stamp: 3))
    var bytes = history.encoded
    let late = try url("http://h/c")
    history.note(late)
    bytes += history.line(late, at: history.position)
    let read = try #require(bytes.withUnsafeBytes { PurgeHistory(decoding: $0) })
    #expect(read.id == 77 && read.position == history.position && read.life == history.life)
    for path in ["/a", "/b", "/c", "/d"] {
      for position in before...history.position {
        #expect(read.force(key(path), tags: [], knows: position) == history.force(key(path), tags: [], knows: position))
      }
    }
    for index in bytes.indices {
      var damaged = bytes
      damaged[index] ^= 0x10
      #expect(damaged.withUnsafeBytes { PurgeHistory(decoding: $0) } == nil, "byte \(index)")
    }
    for count in bytes.indices where ![history.encoded.count, PurgeHistory.headerBytes].contains(count) {
      let cut = Array(bytes.prefix(count))
      let short = cut.withUnsafeBytes { PurgeHistory(decoding: $0) }
      // A cut between two lines is a history that ends there; any other is seen.
      if let short { #expect(Array(short.encoded.dropFirst(PurgeHistory.headerBytes)).count < bytes.count) }
    }
  }

  @Test func aLifeBeginsBeyondAllPositionsOfTheOneBefore() throws {
    let folder = NSTemporaryDirectory() + "purges-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let terms = CacheTerms(requestTime: 0, responseTime: 0, freshFor: 1)
    func record(_ stamp: (history: UInt64, position: UInt64)?) throws -> DiskTerms {
      let stamp = try #require(stamp)
      return DiskTerms(flags: 200, history: stamp.history, position: stamp.position, terms: terms)
    }
    let first = DiskPurges(path: folder + "/p", fresh: 5)
    #expect(!first.isContinued && first.isKept)
    let old = try record(first.stamp)
    first.note([try url("http://h/a")], fresh: 6)
    let second = DiskPurges(path: folder + "/p", fresh: 7)
    #expect(second.isContinued)
    #expect(second.force(key("/a"), tags: [], old) == .gone)
    #expect(second.force(key("/b"), tags: [], old) == .none)
    #expect(try record(second.stamp).position > record(first.stamp).position)
    try FileManager.default.removeItem(atPath: folder + "/p")
    let third = DiskPurges(path: folder + "/p", fresh: 8)
    #expect(!third.isContinued)
    #expect(third.force(key("/b"), tags: [], old) == .gone, "of another history")
  }

  @Test func afterTooLongASilenceNothingCounts() throws {
    let folder = NSTemporaryDirectory() + "purges-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    _ = DiskPurges(path: folder + "/p", fresh: 5, silenceMax: 3_000)
    for (age, isContinued) in [(0, true), (2_900, true), (3_100, false), (-3_000, false)] {
      let date = Date(timeIntervalSinceNow: -TimeInterval(age))
      try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: folder + "/p")
      #expect(DiskPurges(path: folder + "/p", fresh: .random(in: 10 ... .max), silenceMax: 3_000).isContinued == isContinued, "\(age) s")
    }
    try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSince1970: 9)], ofItemAtPath: folder + "/p")
    #expect(DiskPurges(path: folder + "/p", fresh: 6).isContinued, "alone there is nothing to miss")
  }

  @Test func aHistoryThatCannotBeWrittenEndsAndNothingOfItCounts() throws {
    let folder = NSTemporaryDirectory() + "purges-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let missing = DiskPurges(path: folder + "/none/p", fresh: 5)
    #expect(!missing.isKept && missing.stamp == nil)
    missing.note([try url("http://h/a")], fresh: 6)
    #expect(missing.stamp == nil)
    try FileManager.default.createDirectory(atPath: folder + "/none", withIntermediateDirectories: true)
    missing.retry()
    #expect(missing.stamp?.history == 6)
  }

  @Test func termsAreReadAsTheyWereWritten() throws {
    let terms = DiskTerms(
      flags: 1 << 31, history: .max, position: 3, terms: CacheTerms(requestTime: -1, responseTime: 4, initialAge: 2, freshFor: 60))
    #expect(terms.encoded.count == DiskTerms.encodedBytes && DiskTerms.encodedBytes <= DiskLimits.termsBytes)
    #expect(DiskTerms(decoding: terms.encoded) == terms)
    for count in 0..<terms.encoded.count { #expect(DiskTerms(decoding: Array(terms.encoded.prefix(count))) == nil) }
    #expect(DiskTerms(decoding: terms.encoded + [0]) == nil)
  }
}
