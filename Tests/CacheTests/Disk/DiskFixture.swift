// What the tests of the disk tier share: a folder of their own, answers waited for, bodies that tell whose they are.
import Foundation
import Runtime

@testable import Cache

/// Something that comes from another thread.
// SAFETY: (@unchecked Sendable) written before the semaphore is signalled, read after it was waited for.
final class Awaited<Value>: @unchecked Sendable {
  private let semaphore = DispatchSemaphore(value: 0)
  private var value: Value?

  func give(_ value: Value) {
    self.value = value
    semaphore.signal()
  }

  /// - Returns: nil after half a minute.
  func take() -> Value? { semaphore.wait(timeout: .now() + 30) == .success ? value : nil }
}

/// Reports of a tier, in order, each waited for.
// SAFETY: (@unchecked Sendable) the list is touched under the condition's lock only.
final class Reports: @unchecked Sendable {
  private let condition = NSCondition()
  private var list: [DiskReport] = []

  func add(_ report: DiskReport) {
    condition.lock()
    list.append(report)
    condition.broadcast()
    condition.unlock()
  }

  /// The first report that matches, now or within half a minute.
  func first(where matches: (DiskReport) -> Bool) -> DiskReport? {
    let deadline = Date(timeIntervalSinceNow: 30)
    condition.lock()
    defer { condition.unlock() }
    while true {
      if let found = list.first(where: matches) { return found }
      if !condition.wait(until: deadline) { return nil }
    }
  }

  /// Whether the tier has been on so many times, now or within half a minute.
  func on(times: Int) -> Bool {
    let deadline = Date(timeIntervalSinceNow: 30)
    condition.lock()
    defer { condition.unlock() }
    while list.count(where: { if case .on = $0 { true } else { false } }) < times {
      if !condition.wait(until: deadline) { return false }
    }
    return true
  }

  var all: [DiskReport] {
    condition.lock()
    defer { condition.unlock() }
    return list
  }

  func waitUntilOn() -> Bool { first { if case .on = $0 { true } else { false } } != nil }
}

/// Whether there is time for what is usually cut short: many rounds, and a device that has to be waited for.
let isFullRun = ProcessInfo.processInfo.environment["TIDEGATE_FULL"] == "1"

final class DiskFixture {
  /// In memory where there is room: devices that others use too would set the tests' pace.
  private static let parent: String = {
    let memory = "/dev/shm"
    let hasRoom = access(memory, W_OK) == 0 && (DiskFolder.freeBytes(memory) ?? 0) >= 1 << 30
    return hasRoom && !isFullRun ? memory : NSTemporaryDirectory()
  }()

  let folder: String
  var options: DiskOptions
  let reports = Reports()
  private(set) var tier: DiskTier?

  init(bytesMax: UInt64 = 64 << 20, in parent: String = DiskFixture.parent) {
    folder = parent + (parent.hasSuffix("/") ? "" : "/") + "tidegate-disk-\(UUID().uuidString)"
    options = DiskOptions(path: folder + "/db", bytesMax: bytesMax)
    mkdir(folder, 0o755)
  }

  deinit {
    tier?.close()
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// A tier over the folder; the one before is closed. Waits until it is on.
  func open(waits: Bool = true) -> DiskTier {
    tier?.close()
    let reports = Reports()
    let all = self.reports
    let opened = DiskTier(options) {
      reports.add($0)
      all.add($0)
    }
    tier = opened
    if waits { precondition(reports.waitUntilOn(), "the tier did not open") }
    return opened
  }

  func close() {
    tier?.close()
    tier = nil
  }

  func key(_ number: UInt64) -> DiskKey { DiskKey(hash: DiskHash(high: number, low: number &* 7), bytes: word(number)) }

  /// Waits until the writer has done all that was asked for before.
  func settle() -> Bool {
    let done = Awaited<Bool>()
    tier?.remove(DiskHash(high: .max, low: .max)) { done.give(true) }
    return done.take() ?? false
  }

  func read(_ key: DiskKey, deadline: MonotonicTime = .distantFuture) -> DiskAnswer? {
    let answer = Awaited<DiskAnswer>()
    tier?.read(key, deadline: deadline) { answer.give($0) }
    return answer.take()
  }

  func entry(_ key: DiskKey) -> DiskEntry? {
    if case .hit(let entry) = read(key) { entry } else { nil }
  }

  func miss(_ key: DiskKey) -> DiskMiss? {
    if case .miss(let why) = read(key) { why } else { nil }
  }

  /// The whole body; nil if it broke off.
  func body(_ entry: DiskEntry) -> [UInt8]? {
    var body = entry.first
    guard let cursor = entry.rest else { return body }
    while true {
      let chunk = Awaited<DiskChunk>()
      cursor.next { chunk.give($0) }
      switch chunk.take() {
      case .bytes(let bytes): body += bytes
      case .end: return body
      case .broken, nil: return nil
      }
    }
  }

  /// Files of the database, as paths.
  func files(_ suffix: String) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: options.path)) ?? []
    return names.filter { $0.hasSuffix(suffix) || $0.hasPrefix(suffix) }.map { options.path + "/" + $0 }
  }

  /// Overwrites half of a file, from its first quarter's end or from where it is said.
  func damage(_ file: String, from start: UInt64? = nil) {
    guard let handle = FileHandle(forUpdatingAtPath: file), let end = try? handle.seekToEnd() else { return }
    try? handle.seek(toOffset: start ?? end / 4)
    try? handle.write(contentsOf: Data(repeating: 0xA5, count: Int(max(end / 2, 1))))
    try? handle.close()
  }
}

func word(_ value: UInt64) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }

/// A body that nothing compresses, of a version of a key; the writer that is killed makes the same.
func bodyOf(key: UInt64, version: UInt64) -> [UInt8] {
  var random = SeededRandom(seed: key &* 1_000_003 &+ version)
  return noise(words: Int(random.below(36_000)), &random)
}

func noise(words: Int, _ random: inout SeededRandom) -> [UInt8] {
  [UInt8](unsafeUninitializedCapacity: words * 8) { buffer, count in
    // SAFETY: every word stored lies within the capacity asked for.
    let bytes = UnsafeMutableRawBufferPointer(buffer)
    for index in 0..<words { bytes.storeBytes(of: random.next(), toByteOffset: index * 8, as: UInt64.self) }
    count = words * 8
  }
}

/// Bodies that nothing compresses and of which no two are equal, cheaply made: they are there for the room they take.
struct Ballast {
  private var bytes: [UInt8]
  private var number: UInt64 = 0

  init(seed: UInt64, bytes: Int) {
    var random = SeededRandom(seed: seed)
    self.bytes = noise(words: bytes / 8 + 1, &random)
  }

  mutating func next(_ count: Int) -> [UInt8] {
    number += 1
    for (index, byte) in word(number).enumerated() { bytes[index] = byte }
    return Array(bytes.prefix(count))
  }
}
