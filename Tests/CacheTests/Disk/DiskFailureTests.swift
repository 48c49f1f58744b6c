// What the disk tier does when the disk or its files fail: it turns itself off, says why, comes back, and serves nothing wrong.
import Foundation
import Runtime
import Testing

@testable import Cache

@Suite(.serialized) struct DiskFailureTests {
  /// A closed database with a hundred entries.
  private func filled() -> DiskFixture {
    let disk = DiskFixture()
    let tier = disk.open()
    for number in 0..<100 as Range<UInt64> {
      let body = bodyOf(key: number, version: 1)
      while tier.store(disk.key(number), terms: [1], head: word(number), body: [body]) != .accepted { _ = disk.settle() }
    }
    _ = disk.settle()
    disk.close()
    return disk
  }

  @Test(arguments: ["MANIFEST", "CURRENT"]) func aDatabaseThatCannotBeOpenedIsSetAsideAndRebuiltEmpty(part: String) {
    let disk = filled()
    for file in disk.files(part) { disk.damage(file, from: 0) }
    let tier = disk.open()
    let aside = disk.reports.first { if case .setAside = $0 { true } else { false } }
    guard case .setAside(let path, let fault)? = aside else {
      Issue.record("nothing was set aside")
      return
    }
    #expect(path == disk.options.path + "-broken-1")
    #expect(fault.kind == .corrupt)
    #expect(disk.miss(disk.key(1)) == .absent)
    #expect(tier.store(disk.key(1), terms: [], head: [1], body: [[1]]) == .accepted)
    #expect(disk.settle())
    #expect(disk.entry(disk.key(1)) != nil)
  }

  @Test func oneDatabaseAtMostIsKeptAside() {
    let disk = filled()
    for _ in 0..<4 {
      for file in disk.files("CURRENT") { disk.damage(file) }
      _ = disk.open()
      disk.close()
    }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: disk.folder)) ?? []
    #expect(Set(names) == ["db", "db-broken-4"])
  }

  @Test(arguments: [".sst", ".blob", ".log"]) func damagedFilesNeverYieldAWrongBody(suffix: String) {
    let disk = filled()
    let files = disk.files(suffix)
    #expect(!files.isEmpty)
    for file in files { disk.damage(file) }
    _ = disk.open()
    var whole = 0
    for number in 0..<100 as Range<UInt64> {
      guard let entry = disk.entry(disk.key(number)), let body = disk.body(entry) else { continue }
      whole += 1
      let isRight = body == bodyOf(key: number, version: 1) && entry.head == word(number)
      #expect(isRight, "entry \(number) is not what was stored")
    }
    // Damage over half of every file was met somewhere.
    #expect(whole < 100)
  }

  @Test func anUnknownLayoutIsSetAside() throws {
    let disk = filled()
    let (database, generations) = try DiskDatabase.open(disk.options)
    try database.setNote(LayoutNote.key, [99])
    for generation in generations { if let handle = generation.takeHandle() { database.destroy(handle: handle) } }
    database.close()
    _ = disk.open()
    let aside = disk.reports.first { if case .setAside(_, let fault) = $0 { fault.kind == .unknownVersion } else { false } }
    #expect(aside != nil)
  }

  @Test func aFolderInUseIsLeftAloneAndSaysSo() {
    let disk = DiskFixture()
    let tier = disk.open()
    _ = tier.store(disk.key(1), terms: [], head: [1], body: [[1]])
    #expect(disk.settle())
    let reports = Reports()
    let second = DiskTier(disk.options) { reports.add($0) }
    let off = reports.first { if case .off = $0 { true } else { false } }
    guard case .off(let fault, _)? = off else {
      Issue.record("a second tier opened the same folder")
      return
    }
    second.close()
    #expect(fault.kind == .locked)
    #expect(fault.message.contains("in use by another process"))
    #expect(disk.entry(disk.key(1)) != nil)
  }

  @Test func aTierThatMissedARemovalWhileOffComesBackEmpty() {
    let disk = DiskFixture()
    let tier = disk.open()
    _ = tier.store(disk.key(1), terms: [], head: [1], body: [[1]])
    #expect(disk.settle())
    let reports = Reports()
    let second = DiskTier(disk.options) { reports.add($0) }
    let off = reports.first { if case .off = $0 { true } else { false } }
    #expect(off != nil)
    second.remove(disk.key(2).hash)
    disk.close()
    #expect(reports.waitUntilOn())
    let answer = Awaited<Bool>()
    second.read(disk.key(1), deadline: .distantFuture) {
      if case .hit = $0 { answer.give(true) } else { answer.give(false) }
    }
    #expect(answer.take() == false)
    second.close()
  }
}
