import Foundation
import Glibc
import Runtime
import Testing

@testable import Node

/// A folder that goes when the test does, a registry, a log that goes into a pipe, and a writer before lanes.
final class WriterFixture {
  let folder: String
  let registry = MetricRegistry()
  let cells = MetricCells()
  let metrics: AccessLogMetrics
  let said = Pipe()
  let log: NodeLog
  let lanes: LaneFixture

  init(lanes count: Int = 1, capacity: Int = 1 << 16) {
    var template = Array("/tmp/tidegate-log-XXXXXX".utf8CString)
    folder = mkdtemp(&template).map { String(cString: $0) } ?? ""
    metrics = AccessLogMetrics(registry)
    log = NodeLog(descriptor: said.fileHandleForWriting.fileDescriptor, time: ManualTime())
    lanes = LaneFixture(capacity: capacity, count: count)
  }

  deinit {
    cells.deallocate()
    try? FileManager.default.removeItem(atPath: folder)
  }

  func writer(_ path: String? = nil) throws -> AccessLogWriter {
    try AccessLogWriter(
      path: path ?? file("access.log"), lanes: lanes.lanes, count: lanes.count, metrics: metrics, cells: cells, log: log)
  }

  func file(_ name: String) -> String { "\(folder)/\(name)" }

  /// The first MiB of a file; nil when there is none.
  func text(_ name: String = "access.log") -> String? {
    let descriptor = open(file(name), O_RDONLY)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let count = read(descriptor, &bytes, bytes.count)
    return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
  }

  var dropped: UInt64 { cells.value(metrics.dropped) }
  var errors: UInt64 { cells.value(metrics.errors) }

  /// Lines of the node's log so far.
  var sayings: Int {
    let descriptor = said.fileHandleForReading.fileDescriptor
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    let count = read(descriptor, &bytes, bytes.count)
    return count <= 0 ? 0 : bytes[..<count].count { $0 == UInt8(ascii: "\n") }
  }
}

@Suite("The writer of the access log")
struct AccessLogWriterTests {
  @Test("all lanes go into the file, at its end")
  func drains() throws {
    let fixture = WriterFixture(lanes: 3)
    try "before\n".write(toFile: fixture.file("access.log"), atomically: true, encoding: .utf8)
    let writer = try fixture.writer()
    for i in 0..<3 { #expect(fixture.lanes.append("lane \(i)\n", lane: i)) }
    #expect(writer.drain())
    #expect(fixture.text() == "before\nlane 0\nlane 1\nlane 2\n")
    #expect(writer.drain())
    #expect(fixture.errors == 0 && fixture.dropped == 0 && fixture.sayings == 0)
  }

  @Test("folders that are missing are made; a path that cannot be opened is a fault that names it")
  func opens() throws {
    let fixture = WriterFixture()
    _ = try fixture.writer(fixture.file("a/b/access.log"))
    #expect(fixture.text("a/b/access.log") == "")
    let fault = #expect(throws: AccessLogFault.self) { _ = try fixture.writer("/dev/null/access.log") }
    #expect(fault?.path == "/dev/null/access.log")
    #expect(fault?.errno == ENOTDIR)
  }

  @Test("after a rotation, what was logged before is in the old file and what comes in the new one")
  func rotates() throws {
    let fixture = WriterFixture()
    let writer = try fixture.writer()
    #expect(fixture.lanes.append("first\n"))
    rename(fixture.file("access.log"), fixture.file("access.log.1"))
    #expect(fixture.lanes.append("second\n"))
    writer.reopen()
    #expect(fixture.lanes.append("third\n"))
    #expect(writer.drain())
    #expect(fixture.text("access.log.1") == "first\nsecond\n")
    #expect(fixture.text() == "third\n")
  }

  @Test("a file that cannot be opened anew leaves the old one in use")
  func keepsTheOldFile() throws {
    let fixture = WriterFixture()
    let writer = try fixture.writer(fixture.file("logs/access.log"))
    rename(fixture.file("logs"), fixture.file("moved"))
    try "in the way".write(toFile: fixture.file("logs"), atomically: true, encoding: .utf8)
    writer.reopen()
    #expect(fixture.errors == 1)
    #expect(fixture.sayings == 1)
    #expect(fixture.lanes.append("still here\n"))
    #expect(writer.drain())
    #expect(fixture.text("moved/access.log") == "still here\n")
  }

  @Test("a full disk keeps the lines waiting, is counted each time and reported once; lines it never took are counted as lost")
  func fullDisk() throws {
    let fixture = WriterFixture(lanes: 2)
    let writer = try fixture.writer("/dev/full")
    for lane in 0..<2 { for i in 0..<5 { #expect(fixture.lanes.append("line \(i)\n", lane: lane)) } }
    for attempt in 1...3 {
      #expect(!writer.drain())
      #expect(fixture.errors == UInt64(attempt))
    }
    #expect(fixture.sayings == 1)
    #expect(fixture.dropped == 0)
    writer.finish()
    #expect(fixture.dropped == 10)
    #expect(fixture.lanes.take(lane: 0).isEmpty)
  }

  @Test("a pipe whose reader is slow gets whole lines in order, however its writes are cut")
  func slowReader() throws {
    let fixture = WriterFixture(lanes: 2, capacity: 1 << 18)
    let path = fixture.file("pipe")
    mkfifo(path, 0o600)
    let reader = open(path, O_RDONLY | O_NONBLOCK)
    defer { close(reader) }
    let writer = try fixture.writer(path)
    var expected: [Set<Int>] = [[], []]
    for i in 0..<4000 {
      for lane in 0..<2 where fixture.lanes.append("{\"lane\":\(lane),\"i\":\(i)}\n", lane: lane) { expected[lane].insert(i) }
    }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1000)
    #expect(!writer.drain(), "the pipe takes less than that")
    while true {
      let count = read(reader, &buffer, buffer.count)
      if count > 0 { bytes += buffer[..<count] } else if writer.drain() && read(reader, &buffer, 0) <= 0 && count <= 0 { break }
      writer.drain()
    }
    while case let count = read(reader, &buffer, buffer.count), count > 0 { bytes += buffer[..<count] }
    var next = [0, 0]
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      let value = try JSONValue.parse(Array(line))
      let lane = Int(try #require(value["lane"]?.intValue))
      #expect(value["i"]?.intValue == Int64(next[lane]))
      next[lane] += 1
    }
    #expect(next == expected.map(\.count))
    #expect(fixture.errors == 0 && fixture.sayings == 0)
  }

  @Test("a line that was cut goes on where it was, whatever other lanes have meanwhile")
  func cutLine() throws {
    let fixture = WriterFixture(lanes: 2, capacity: 1 << 18)
    let path = fixture.file("pipe")
    mkfifo(path, 0o600)
    let reader = open(path, O_RDONLY | O_NONBLOCK)
    defer { close(reader) }
    let writer = try fixture.writer(path)
    let long = String(repeating: "x", count: 100_000) + "\n"
    #expect(fixture.lanes.append(long, lane: 1))
    #expect(!writer.drain(), "the pipe takes less than that")
    #expect(fixture.lanes.append("other\n", lane: 0))
    var buffer = [UInt8](repeating: 0, count: 1 << 17)
    let first = read(reader, &buffer, buffer.count)
    var bytes = Array(buffer[..<max(first, 0)])
    #expect(writer.drain())
    let second = read(reader, &buffer, buffer.count)
    bytes += buffer[..<max(second, 0)]
    #expect(String(decoding: bytes, as: UTF8.self) == long + "other\n")
  }

  @Test("a writer that keeps up may be called again, one that cannot write is not called in vain")
  func bell() throws {
    let fixture = WriterFixture(capacity: 1 << 20)
    let writer = try fixture.writer()
    let full = try fixture.writer("/dev/full")
    let much = String(repeating: "x", count: AccessLogLimits.callBytes) + "\n"
    for _ in 0..<3 {
      #expect(fixture.lanes.append(much))
      #expect(fixture.lanes.rings == 1)
      #expect(writer.drain())
    }
    #expect(fixture.lanes.append(much))
    #expect(fixture.lanes.rings == 1)
    #expect(!full.drain())
    #expect(fixture.lanes.append(much))
    #expect(fixture.lanes.rings == 0)
  }

  @Test("a line that the old file holds in part does not go on in the new one")
  func tornLine() throws {
    let fixture = WriterFixture(capacity: 1 << 18)
    let path = fixture.file("access.log")
    mkfifo(path, 0o600)
    let reader = open(path, O_RDONLY | O_NONBLOCK)
    defer { close(reader) }
    let writer = try fixture.writer(path)
    let long = String(repeating: "x", count: 100_000) + "\n"
    #expect(fixture.lanes.append(long))
    #expect(fixture.lanes.append("next\n"))
    #expect(!writer.drain(), "the pipe takes less than that")
    rename(path, fixture.file("old"))
    writer.reopen()
    #expect(fixture.dropped == 1)
    #expect(writer.drain())
    #expect(fixture.text() == "next\n")
  }
}
