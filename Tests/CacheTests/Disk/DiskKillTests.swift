// A process that writes heavily is killed at any moment, again and again: what can be read afterwards is whole and its key's own.
import Foundation
import Runtime
import Testing

@testable import Cache

@Suite struct DiskKillTests {
  /// Beside the tests' own products, or where the environment says.
  private var writer: String {
    if let path = ProcessInfo.processInfo.environment["TIDEGATE_DISK_WRITER"] { return path }
    let own = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    return own.deletingLastPathComponent().appendingPathComponent("disk-writer").path
  }

  @Test func aKilledWriterLeavesWholeEntriesOnly() throws {
    let disk = DiskFixture()
    var random = SeededRandom(seed: 6)
    var found = 0
    // Three rounds in passing; fifty where there is time.
    let rounds = isFullRun ? 50 : 3
    for round in 0..<rounds {
      let process = Process()
      let progress = Pipe()
      process.executableURL = URL(fileURLWithPath: writer)
      process.arguments = [disk.options.path, String(round)]
      process.standardOutput = progress
      try process.run()
      // The kill comes after a number of lines, and after a moment's arithmetic more, so that it meets any step of a batch.
      for _ in 0...random.below(12) { _ = try progress.fileHandleForReading.read(upToCount: 1) }
      _ = noise(words: Int(random.below(200_000)), &random)
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      _ = disk.open()
      for number in 0..<100 as Range<UInt64> {
        guard let entry = disk.entry(disk.key(number)) else { continue }
        found += 1
        let version = entry.terms.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let body = disk.body(entry)
        let isRight = body == bodyOf(key: number, version: version) && entry.head == word(number) + entry.terms
        #expect(isRight, "round \(round), key \(number): \(body?.count ?? -1) of \(entry.bodyBytes) bytes")
      }
      disk.close()
    }
    let setAside = disk.reports.all.contains { if case .setAside = $0 { true } else { false } }
    #expect(!setAside)
    #expect(found > 10 * rounds)
  }
}
