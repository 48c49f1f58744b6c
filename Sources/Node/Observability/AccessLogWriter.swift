// Owns: the access log's file: opening it, emptying the lanes into it, and what happens when the disk does not take the lines. Runs on
// one thread, AccessLog's; nothing here is on a request's path.
import CEpoll
import Glibc
import Runtime

/// Why the access log cannot be opened.
public struct AccessLogFault: Error, Equatable, CustomStringConvertible {
  public let path: String
  public let errno: Int32

  public var description: String { "the access log `\(path)` cannot be opened: \(String(cString: strerror(errno)))" }
}

/// Handles of the access log's metrics.
struct AccessLogMetrics: Sendable {
  let dropped: CounterHandle
  let errors: CounterHandle

  init(_ registry: MetricRegistry) {
    dropped = made { () throws(MetricError) in
      try registry.counter("tidegate_access_log_dropped_total", help: "Lines that the access log lost because its file did not keep up.")
    }
    errors = made { () throws(MetricError) in
      try registry.counter("tidegate_access_log_errors_total", help: "Failed attempts to write or open the access log.")
    }
  }
}

/// Empties lanes into a file. Confined to one thread.
final class AccessLogWriter {
  private let path: String
  private let lanes: UnsafeMutablePointer<AccessLogLane>
  private let laneCount: Int
  private let metrics: AccessLogMetrics
  private let cells: MetricCells
  private let log: NodeLog
  private var file: Int32
  /// The lane to begin with: the one whose line the file holds the first part of, if any.
  private var next = 0
  private var isMidLine = false
  private var isFailing = false

  init(
    path: String, lanes: UnsafeMutablePointer<AccessLogLane>, count: Int, metrics: AccessLogMetrics, cells: MetricCells, log: NodeLog
  ) throws(AccessLogFault) {
    self.path = path
    self.lanes = lanes
    laneCount = count
    self.metrics = metrics
    self.cells = cells
    self.log = log
    file = try AccessLogWriter.open(path)
  }

  deinit { close(file) }

  /// Opens the file for appending; it and its folder are made if they are not there.
  private static func open(_ path: String) throws(AccessLogFault) -> Int32 {
    // Not blocking: a pipe that nobody reads must not hold up the start, nor a full one the writer.
    let flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK
    var file = Glibc.open(path, flags, 0o640)
    if file < 0 && errno == ENOENT {
      makeFolder(of: path)
      file = Glibc.open(path, flags, 0o640)
    }
    guard file >= 0 else { throw AccessLogFault(path: path, errno: errno) }
    return file
  }

  private static func makeFolder(of path: String) {
    var end = path.startIndex
    while let slash = path[end...].firstIndex(of: "/") {
      if slash > path.startIndex { mkdir(String(path[..<slash]), 0o755) }
      end = path.index(after: slash)
    }
  }

  /// Writes what waits.
  /// - Returns: false when the file did not take all of it; the rest keeps waiting.
  @discardableResult
  func drain() -> Bool {
    for step in 0..<laneCount {
      let index = (next + step) % laneCount
      let (first, second) = lanes[index].waiting()
      guard write(first, of: index), write(second, of: index) else {
        next = index
        return false
      }
      // Not after a failure: a worker that called again at once would make this thread spin on a full disk.
      lanes[index].heard()
    }
    next = 0
    return true
  }

  private func write(_ bytes: UnsafeBufferPointer<UInt8>, of lane: Int) -> Bool {
    var at = 0
    while at < bytes.count {
      let n = Glibc.write(file, bytes.baseAddress! + at, bytes.count - at)
      if n > 0 {
        at += n
        isMidLine = bytes[at - 1] != UInt8(ascii: "\n")
        lanes[lane].consume(n)
        if isFailing { recovered() }
      } else if n < 0 && errno == EAGAIN {
        return false  // a pipe whose reader is behind: no error
      } else if n == 0 || errno != EINTR {
        failed(errno)
        return false
      }
    }
    return true
  }

  private func failed(_ cause: Int32) {
    cells.add(metrics.errors)
    if isFailing { return }
    isFailing = true
    log.error("the access log cannot be written", ["file": .string(path), "cause": .string(String(cString: strerror(cause)))])
  }

  private func recovered() {
    isFailing = false
    log.info("the access log is written again", ["file": .string(path)])
  }

  /// What was logged so far goes to the old file, what comes to a new one of the same name. When that cannot be opened, the old one
  /// stays.
  func reopen() {
    drain()
    do {
      let fresh = try AccessLogWriter.open(path)
      if isMidLine { dropLine(lanes + next) }
      close(file)
      file = fresh
    } catch {
      cells.add(metrics.errors)
      log.error("the access log was not opened anew", ["file": .string(path), "cause": .string(String(cString: strerror(error.errno)))])
    }
  }

  /// The rest of a line whose beginning stands in the old file.
  private func dropLine(_ lane: UnsafeMutablePointer<AccessLogLane>) {
    isMidLine = false
    let (first, second) = lane.pointee.waiting()
    if let end = first.firstIndex(of: UInt8(ascii: "\n")) {
      lane.pointee.consume(end + 1)
    } else if let end = second.firstIndex(of: UInt8(ascii: "\n")) {
      lane.pointee.consume(first.count + end + 1)
    }
    cells.add(metrics.dropped)
  }

  /// Writes what still waits; what the file does not take now is lost, and counted.
  func finish() {
    if drain() { return }
    var lost = 0
    for index in 0..<laneCount {
      let (first, second) = lanes[index].waiting()
      for piece in [first, second] { lost += piece.count { $0 == UInt8(ascii: "\n") } }
      lanes[index].consume(first.count + second.count)
    }
    cells.add(metrics.dropped, UInt64(lost))
    log.error("lines of the access log were lost at the end", ["file": .string(path), "lines": JSONValue(lost)])
  }
}
