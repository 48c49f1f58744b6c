// Owns: the serving process's own log: one JSON line a state change, on standard error. Never on a request's path, never a secret.
import CEpoll
import Glibc
import Runtime
import Synchronization

/// The node's log. Any thread may write; nobody ever waits for whoever reads it: what the reader does not take is dropped, and the
/// next line says how many were.
public final class NodeLog: Sendable {
  public typealias Level = Configuration.Log.Level
  public typealias Fields = KeyValuePairs<String, JSONValue>

  private let from: String
  private let descriptor: Int32
  private let time: any TimeSource
  private let least: Atomic<UInt8>
  private let dropped = Atomic<Int>(0)

  /// - Parameters:
  ///   - from: who speaks.
  ///   - level: least severity that is written.
  ///   - descriptor: stays the caller's.
  public init(
    from: String = "node", level: Level = .info, descriptor: Int32 = STDERR_FILENO, time: any TimeSource = SystemTime()
  ) {
    self.from = from
    self.descriptor = descriptor
    self.time = time
    least = Atomic(level.severity)
  }

  /// Changes the least severity, from a reload on.
  public func set(level: Level) { least.store(level.severity, ordering: .relaxed) }

  public func writes(_ level: Level) -> Bool { level.severity >= least.load(ordering: .relaxed) }

  public func debug(_ message: StaticString, _ fields: Fields = [:]) { write(.debug, message, fields) }
  public func info(_ message: StaticString, _ fields: Fields = [:]) { write(.info, message, fields) }
  public func warning(_ message: StaticString, _ fields: Fields = [:]) { write(.warning, message, fields) }
  public func error(_ message: StaticString, _ fields: Fields = [:]) { write(.error, message, fields) }

  /// - Parameters:
  ///   - message: a short sentence; what varies goes into the fields.
  ///   - fields: in the order in which they are to appear.
  public func write(_ level: Level, _ message: StaticString, _ fields: Fields) {
    guard writes(level) else { return }
    let lost = dropped.exchange(0, ordering: .relaxed)
    var all = fields.map { (key: $0.key, value: $0.value) }
    if lost > 0 { all.append((key: "lines_dropped", value: JSONValue(lost))) }
    let bytes = LogLine.bytes(time.wall(), level: level.word, from: from, message.description, all)
    if !send(bytes) { dropped.wrappingAdd(lost + 1, ordering: .relaxed) }
  }

  /// A pipe that is ready has room for PIPE_BUF bytes, and a line is no longer than that: the write does not wait.
  private func send(_ bytes: [UInt8]) -> Bool {
    var watched = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    guard poll(&watched, 1, 0) == 1, watched.revents & Int16(POLLOUT) != 0 else { return false }
    return bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) } == bytes.count
  }
}

extension Configuration.Log.Level {
  fileprivate var severity: UInt8 {
    switch self {
    case .debug: 0
    case .info: 1
    case .warning: 2
    case .error: 3
    }
  }

  fileprivate var word: StaticString {
    switch self {
    case .debug: "debug"
    case .info: "info"
    case .warning: "warn"
    case .error: "error"
    }
  }
}
