// What a record on disk is worth when the cluster has changed since, and who shares a lookup.
import Foundation
import Runtime
import Testing

@testable import Cache
@testable import Gateway

@Suite struct DiskCacheTests {
  private let folder = NSTemporaryDirectory() + "disk-cache-\(UUID().uuidString)"

  private func member(_ number: UInt64, endpoint: UInt64?) -> CacheMember {
    CacheMember(name: "n\(number)", node: StableHash.avalanche(number), weight: 1, endpoint: endpoint)
  }

  private func placement(_ others: [UInt64], leaving: [UInt64] = []) -> CachePlacement {
    CachePlacement(
      [member(0, endpoint: nil)] + others.map { member($0, endpoint: $0) }, leaving: leaving.map { member($0, endpoint: $0) },
      me: StableHash.avalanche(0))
  }

  private func key(_ number: Int) -> [UInt8] {
    CacheKey(scheme: .http, authority: Array("h".utf8), path: Array("/\(number)".utf8), query: []).bytes
  }

  private func withDisk(_ body: (DiskCache) throws -> Void) throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let disk = DiskCache(CacheDisk(folder: folder + "/cache", bytes: CacheDisk.bytesMin)) { _ in }
    defer { disk.tier.close() }
    try body(disk)
  }

  private func terms(_ disk: DiskCache) throws -> DiskTerms {
    let stamp = try #require(disk.purges.stamp)
    return DiskTerms(
      flags: 200, history: stamp.history, position: stamp.position, terms: CacheTerms(requestTime: 0, responseTime: 0, freshFor: 60))
  }

  @Test func whatBelongedToOthersMeanwhileIsNotUsed() throws {
    try withDisk { disk in
      let crowd = placement([1, 2, 3, 4])
      let before = try terms(disk)
      disk.place(on: crowd)
      disk.place(on: placement([]))
      let after = try terms(disk)
      var (kept, lost) = (0, 0)
      for number in 0..<200 {
        let isMine = crowd.rank(key(number), count: CacheService.keepersMax).contains { $0.endpoint == nil }
        let judged = disk.judge(before, key: key(number), tags: [], now: 0)
        #expect((judged != nil) == isMine)
        #expect(disk.judge(after, key: key(number), tags: [], now: 0) != nil, "stored since")
        if isMine { kept += 1 } else { lost += 1 }
      }
      #expect(kept > 0 && lost > 0)
    }
  }

  @Test func lookupsOfOneKeyAreOneAndEndWhenSomethingNewerIsKnown() throws {
    try withDisk { disk in
      let (primary, variant) = (key(1), key(1) + [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
      let first = try #require(disk.join(variant, of: primary) { _ in })
      #expect(disk.join(variant, of: primary) { _ in } == nil)
      let other = try #require(disk.join(key(2), of: key(2)) { _ in })
      for name in [primary, variant] {
        let lookup = name == primary ? first : try #require(disk.join(variant, of: primary) { _ in })
        disk.expire(name)
        #expect(disk.isExpired(lookup) && !disk.isExpired(other))
        #expect(!disk.end(lookup).isGood)
      }
      let next = try #require(disk.join(variant, of: primary) { _ in })
      let last = try #require(disk.join(key(3), of: key(3)) { _ in })
      disk.expireAll()
      #expect(disk.isExpired(last) && disk.isExpired(next))
      #expect(!disk.end(last).isGood && !disk.end(next).isGood)
      let again = try #require(disk.join(variant, of: primary) { _ in })
      let (isGood, waiting) = disk.end(again)
      #expect(isGood && waiting.count == 1)
      #expect(!disk.end(other).isGood)
    }
  }
}
