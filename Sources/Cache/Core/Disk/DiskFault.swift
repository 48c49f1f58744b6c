// What may go wrong with the database and what follows from it, as values. The words are RocksDB's (util/status.cc: a status begins with
// its code's name); acting on them is the driver's.

/// Why the disk tier is off. Always our side's fault or the machine's; requests miss and go on.
public struct DiskFault: Error, Equatable, Sendable, CustomStringConvertible {
  public enum Kind: String, Equatable, Sendable, CaseIterable {
    /// No room on the device or in a quota.
    case full
    /// Less room on the device than the reserve: nothing failed yet.
    case short
    /// Another process, or another tier of this one, has the folder open.
    case locked
    /// Files that do not say what was written, or miss.
    case corrupt
    /// Files of a version that this build does not know.
    case unknownVersion = "unknown version"
    /// Any other answer of the device or the file system.
    case io
  }

  public var kind: Kind
  public var message: String

  public init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  /// A fault from RocksDB's message.
  /// - Parameter isOpening: at opening, a file that is missing is damage; later it may be anything.
  init(status message: String, isOpening: Bool) {
    self.message = message
    func says(_ part: String) -> Bool { message.contains(part) }
    if says("No space left") || says("Disk quota exceeded") || says("File too large") || says("NoSpace") {
      kind = .full
    } else if says("lock file") || says("lock hold by current process") || says("LOCK:") {
      kind = .locked
    } else if message.hasPrefix("Corruption") || message.hasPrefix("Not implemented") || message.hasPrefix("NotFound") {
      kind = .corrupt
    } else if isOpening && (message.hasPrefix("Invalid argument") || says("No such file")) {
      kind = .corrupt
    } else {
      kind = .io
    }
  }

  public var description: String { "\(kind.rawValue): \(message)" }

  /// What is to be done with the files before the next attempt.
  enum Remedy: Equatable {
    /// Leave them: they are another's, or will be readable later.
    case keep
    /// Delete them: room is needed, or what was missed while off cannot be known.
    case wipe
    /// Move them out of the way for whoever wants to look at them.
    case setAside
  }

  /// - Parameter isOpening: the fault came while opening, so nothing was missed by files that were in use.
  func remedy(isOpening: Bool) -> Remedy {
    switch kind {
    case .corrupt, .unknownVersion: .setAside
    case .locked: .keep
    case .full: .wipe
    case .short, .io: isOpening ? .keep : .wipe
    }
  }
}

/// When to try again: at once after a repair, then at growing intervals.
struct DiskRetry: Equatable {
  /// Nanoseconds of the shortest and the longest interval.
  static let shortest: UInt64 = 1_000_000_000
  static let longest: UInt64 = 300_000_000_000

  private(set) var failures = 0

  /// The tier failed.
  /// - Returns: nanoseconds to wait before the next attempt.
  mutating func failed() -> UInt64 {
    let wait = min(DiskRetry.shortest << UInt64(min(failures, 20)), DiskRetry.longest)
    failures += 1
    return wait
  }

  /// The tier worked for long enough: the next failure begins anew.
  mutating func held() { failures = 0 }
}
