// What the disk tier does when its device is short of room or full: it gives room away, turns itself off in time, outlives the worst case.
import Foundation
import Runtime
import Testing

@testable import Cache

/// A small file system of its own, in memory.
private final class SmallDevice {
  let path: String

  init?(megabytes: Int) {
    path = NSTemporaryDirectory() + "tidegate-device-\(UUID().uuidString)"
    mkdir(path, 0o755)
    if mount("tmpfs", path, "tmpfs", 0, "size=\(megabytes)m") != 0 { return nil }
  }

  deinit {
    umount2(path, Int32(MNT_DETACH))
    rmdir(path)
  }

  var freeBytes: UInt64 { DiskFolder.freeBytes(path) ?? 0 }

  /// Takes all room but so many bytes at once, as another process would.
  func fill(leaving bytes: UInt64) {
    let file = open(path + "/another", O_CREAT | O_WRONLY, 0o644)
    var taken: UInt64 = 0
    // In steps, since the tier takes room meanwhile and a step that does not fit takes nothing.
    while freeBytes > bytes {
      let free = freeBytes
      let step = min(free > bytes ? free - bytes : 1, 1 << 20)
      if posix_fallocate(file, off_t(taken), off_t(step)) == 0 { taken += step }
    }
    close(file)
  }

  func clear() { unlink(path + "/another") }
}

@Suite(.serialized, .enabled(if: geteuid() == 0, "mounting needs root")) struct DiskRoomTests {
  private func store(_ tier: DiskTier, _ disk: DiskFixture, _ number: UInt64, _ ballast: inout Ballast) -> DiskStoring {
    let outcome = tier.store(disk.key(number), terms: [], head: [1], body: [ballast.next(120_000)])
    _ = disk.settle()
    return outcome
  }

  private func firstFault(_ disk: DiskFixture) -> DiskFault.Kind? {
    let off = disk.reports.first { if case .off = $0 { true } else { false } }
    if case .off(let fault, _)? = off { return fault.kind }
    return nil
  }

  /// Comes back, empty, and works.
  private func expectReturn(_ tier: DiskTier, _ disk: DiskFixture) {
    // Whatever is asked meanwhile is answered: a miss.
    #expect(disk.entry(disk.key(1)) == nil)
    let again = disk.reports.on(times: 2)
    #expect(again)
    #expect(disk.entry(disk.key(1)) == nil)
    #expect(tier.store(disk.key(1), terms: [], head: [7], body: [[7]]) == .accepted)
    #expect(disk.settle())
    #expect(disk.entry(disk.key(1))?.head == [7])
  }

  @Test func aTierWithoutAReserveGoesOffOnAFullDeviceAndComesBackEmpty() throws {
    let device = try #require(SmallDevice(megabytes: 16))
    let disk = DiskFixture(bytesMax: 64 << 20, in: device.path)
    disk.options.reserveBytes = 0
    let tier = disk.open()
    var ballast = Ballast(seed: 5, bytes: 120_000)
    var number: UInt64 = 0
    while tier.statistics.faults == 0 && number < 1000 {
      number += 1
      _ = store(tier, disk, number, &ballast)
    }
    #expect(firstFault(disk) == .full)
    expectReturn(tier, disk)
    disk.close()
  }

  @Test func theOldestEntriesGoBeforeTheReserveIsTouched() throws {
    let device = try #require(SmallDevice(megabytes: 32))
    let disk = DiskFixture(bytesMax: 64 << 20, in: device.path)
    disk.options.reserveBytes = 4 << 20
    let tier = disk.open()
    var ballast = Ballast(seed: 6, bytes: 120_000)
    var least = UInt64.max
    for number in 1...400 as ClosedRange<UInt64> {
      let outcome = store(tier, disk, number, &ballast)
      #expect(outcome == .accepted)
      least = min(least, device.freeBytes)
    }
    // What is in memory when the room is looked at goes into the reserve.
    #expect(least >= disk.options.reserveBytes / 2, "\(least) bytes were free")
    #expect(tier.statistics.faults == 0 && tier.statistics.dropped > 0)
    #expect(disk.entry(disk.key(400)) != nil)
    disk.close()
  }

  @Test func aDeviceThatAnotherFillsTurnsTheTierOffUntilThereIsRoom() throws {
    let device = try #require(SmallDevice(megabytes: 32))
    let disk = DiskFixture(bytesMax: 64 << 20, in: device.path)
    disk.options.reserveBytes = 8 << 20
    let tier = disk.open()
    var ballast = Ballast(seed: 7, bytes: 120_000)
    #expect(store(tier, disk, 1, &ballast) == .accepted)
    device.fill(leaving: 3 << 20)
    var number: UInt64 = 1
    while tier.statistics.faults == 0 && number < 1000 {
      number += 1
      _ = store(tier, disk, number, &ballast)
    }
    #expect(firstFault(disk) == .short)
    #expect(device.freeBytes > 2 << 20)
    device.clear()
    expectReturn(tier, disk)
    disk.close()
  }

  @Test func aDeviceThatIsFullAtOnceDoesNotEndTheProcess() throws {
    let device = try #require(SmallDevice(megabytes: 32))
    var random = SeededRandom(seed: 8)
    var ballast = Ballast(seed: 9, bytes: 120_000)
    for _ in 0..<(isFullRun ? 30 : 1) {
      let disk = DiskFixture(bytesMax: 64 << 20, in: device.path)
      disk.options.reserveBytes = 0
      let tier = disk.open()
      let moment = random.below(80)
      for number in 0..<160 as Range<UInt64> {
        _ = tier.store(disk.key(number), terms: [], head: [1], body: [ballast.next(120_000)])
        if number == moment { device.fill(leaving: random.below(256 << 10)) }
      }
      #expect(disk.settle())
      #expect(firstFault(disk) == .full)
      disk.close()
      device.clear()
    }
  }

  @Test func whatWasSetAsideGoesFirst() throws {
    let device = try #require(SmallDevice(megabytes: 32))
    let disk = DiskFixture(bytesMax: 64 << 20, in: device.path)
    disk.options.reserveBytes = 4 << 20
    let broken = disk.options.path + "-broken-7"
    mkdir(broken, 0o755)
    let file = open(broken + "/000001.blob", O_CREAT | O_WRONLY, 0o644)
    posix_fallocate(file, 0, 12 << 20)
    close(file)
    let tier = disk.open()
    #expect(access(broken, F_OK) == 0)
    device.fill(leaving: 6 << 20)
    var ballast = Ballast(seed: 10, bytes: 120_000)
    for number in 1...4 as ClosedRange<UInt64> { _ = store(tier, disk, number, &ballast) }
    #expect(access(broken, F_OK) != 0)
    #expect(tier.statistics.faults == 0)
    #expect(disk.entry(disk.key(1)) != nil)
    disk.close()
  }
}
