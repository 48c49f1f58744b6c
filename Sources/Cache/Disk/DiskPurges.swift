// The purge history in its file: what was purged stays purged over a restart. A history that cannot be kept, or read, ends: another begins,
// and what was stored under the old one counts as gone.
import Glibc
import Runtime

/// Purges that records on disk are judged against.
///
/// SAFETY: (@unchecked Sendable) the history is behind its lock; the descriptor is used by whoever purges, one thread at a time.
public final class DiskPurges: @unchecked Sendable {
  /// Bytes of a file that is read: twice the longest history.
  private static let fileBytesMax = 1 << 28
  /// Appended bytes after which the file is written anew, if it is then twice as long as it need be.
  private static let rewriteBytes = 4 << 20

  private struct State {
    var history: PurgeHistory
    /// Whether the file says all that the history does.
    var isKept = false
    /// Purges of this life.
    var noted: UInt64 = 0
  }

  public let path: String
  private let state: Locked<State>
  private var descriptor: Int32 = -1
  private var wholeBytes = 0
  private var fileBytes = 0

  /// Takes over what was kept, and begins a new life.
  /// - Parameters:
  ///   - fresh: the id of a history that begins.
  ///   - silenceMax: seconds since the last sign of life after which what was kept does not count; nil for any time.
  public init(path: String, fresh: UInt64, silenceMax: UInt64? = nil) {
    self.path = path
    let isTold = silenceMax.map { DiskPurges.silence(path) <= $0 } ?? true
    var history = (isTold ? DiskPurges.read(path) : nil) ?? PurgeHistory(id: fresh)
    isContinued = history.id != fresh
    history.beginLife()
    state = Locked(State(history: history))
    retry()
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Whether records of an earlier life may be good.
  public let isContinued: Bool

  // MARK: from any thread

  /// Leaves a sign of life: the file's time.
  public func touch() { utimes(path, nil) }

  /// What a record that is stored now is to bear; nil while no history can be kept.
  public var stamp: (history: UInt64, position: UInt64)? {
    state.withLock { $0.isKept ? ($0.history.id, $0.history.position) : nil }
  }

  /// Purges that have been noted in this life of the process.
  public var noted: UInt64 { state.withLock { $0.noted } }

  public var isKept: Bool { state.withLock { $0.isKept } }

  /// What becomes of a record.
  public func force(_ key: [UInt8], tags: [UInt64], _ terms: DiskTerms) -> PurgeForce {
    state.withLock { state in
      guard state.isKept, terms.history == state.history.id else { return .gone }
      return state.history.force(key, tags: tags, knows: terms.position)
    }
  }

  /// The next position, for what is no purge and does not outlive the process.
  public func advance() -> UInt64 { state.withLock { $0.history.advance() } }

  public func raiseFloor(to position: UInt64) { state.withLock { $0.history.raiseFloor(to: position) } }

  // MARK: from the thread that purges

  /// Notes purges; when it returns, they are kept, or else what was stored so far is gone.
  /// - Parameter fresh: the id of the history that begins if this one cannot be kept.
  /// - Returns: false when a new history had to begin.
  @discardableResult
  public func note(_ purges: [Purge], fresh: UInt64) -> Bool {
    let (lines, wasKept) = state.withLock { state in
      state.noted += UInt64(purges.count)
      var lines: [UInt8] = []
      for purge in purges {
        state.history.note(purge)
        lines += state.history.line(purge, at: state.history.position)
      }
      return (lines, state.isKept)
    }
    if wasKept && append(lines) { return true }
    begin(fresh)
    return false
  }

  /// Tries to write what could not be written.
  public func retry() {
    if isKept { return }
    let history = state.withLock { $0.history }
    guard rewrite(history) else { return }
    // What was purged meanwhile is not in the file, so it may not be relied on.
    state.withLock { if $0.history.position == history.position && $0.history.id == history.id { $0.isKept = true } }
  }

  private func begin(_ fresh: UInt64) {
    state.withLock { state in
      var history = PurgeHistory(id: fresh, position: state.history.position)
      history.beginLife()
      state.history = history
      state.isKept = false
    }
    // Even a full disk lets a file go; without it the old history cannot come back.
    if descriptor >= 0 { close(descriptor) }
    descriptor = -1
    unlink(path)
    retry()
  }

  private func append(_ lines: [UInt8]) -> Bool {
    guard DiskPurges.write(lines, to: descriptor), fdatasync(descriptor) == 0 else { return false }
    fileBytes += lines.count
    if fileBytes - wholeBytes > DiskPurges.rewriteBytes && fileBytes > 2 * wholeBytes {
      // The file as it is says all; a shorter one is no matter of right or wrong.
      _ = rewrite(state.withLock { $0.history })
    }
    return true
  }

  /// Puts a file with the whole history in the place of the old one, which stays if that fails.
  private func rewrite(_ history: PurgeHistory) -> Bool {
    let bytes = history.encoded
    let fresh = path + ".new"
    let file = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0o640)
    if file < 0 { return false }
    guard DiskPurges.write(bytes, to: file), fdatasync(file) == 0, rename(fresh, path) == 0 else {
      close(file)
      unlink(fresh)
      return false
    }
    if descriptor >= 0 { close(descriptor) }
    descriptor = file
    (wholeBytes, fileBytes) = (bytes.count, bytes.count)
    return true
  }

  private static func write(_ bytes: [UInt8], to file: Int32) -> Bool {
    var done = 0
    while done < bytes.count {
      // SAFETY: the array outlives the call, and the rest of it begins at `done`.
      let count = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress! + done, $0.count - done) }
      if count < 0 && errno == EINTR { continue }
      if count <= 0 { return false }
      done += count
    }
    return true
  }

  /// Seconds since the last sign of life. A clock that was set back says nothing: then they are many.
  private static func silence(_ path: String) -> UInt64 {
    var status = Glibc.stat()
    guard stat(path, &status) == 0 else { return .max }
    let now = SystemTime().wall().nanoseconds / 1_000_000_000
    let last = UInt64(max(status.st_mtim.tv_sec, 0))
    return last > now + clockMargin ? .max : now - min(last, now)
  }
  private static let clockMargin: UInt64 = 60

  private static func read(_ path: String) -> PurgeHistory? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    if file < 0 { return nil }
    defer { close(file) }
    var status = Glibc.stat()
    guard fstat(file, &status) == 0, status.st_size <= fileBytesMax else { return nil }
    var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
    var done = 0
    while done < bytes.count {
      // SAFETY: as above.
      let count = bytes.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress! + done, $0.count - done) }
      if count < 0 && errno == EINTR { continue }
      if count <= 0 { return nil }
      done += count
    }
    return bytes.withUnsafeBytes { PurgeHistory(decoding: $0) }
  }
}
