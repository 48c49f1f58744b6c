import Foundation
import Glibc
import Runtime
import Testing

@testable import Node

@Suite("The node's own log")
struct NodeLogTests {
  private let pipe = Pipe()
  private var descriptor: Int32 { pipe.fileHandleForWriting.fileDescriptor }

  /// The lines in the pipe, parsed.
  private func lines() throws -> [JSONValue] {
    let reader = pipe.fileHandleForReading.fileDescriptor
    _ = fcntl(reader, F_SETFL, O_NONBLOCK)
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 17)
    while case let count = read(reader, &buffer, buffer.count), count > 0 { bytes += buffer[..<count] }
    #expect(bytes.isEmpty || bytes.last == UInt8(ascii: "\n"))
    return try bytes.split(separator: UInt8(ascii: "\n")).map { try JSONValue.parse(Array($0)) }
  }

  @Test("a line has time, level, speaker and message, then the fields in their order")
  func line() throws {
    let log = NodeLog(descriptor: descriptor, time: ManualTime())
    log.warning("an upstream is ill", ["upstream": "catalog", "endpoints": 2, "hostile": .string("a\"b\nc\u{1}")])
    let line = try #require(try lines().first)
    #expect(
      line
        == .object([
          JSONMember("time", "2026-01-31T12:00:00.000Z"), JSONMember("level", "warn"), JSONMember("from", "node"),
          JSONMember("message", "an upstream is ill"), JSONMember("upstream", "catalog"), JSONMember("endpoints", 2),
          JSONMember("hostile", "a\"b\nc\u{1}"),
        ]))
  }

  @Test("less severe lines than the level are not written; the level can change", arguments: Configuration.Log.Level.allCases)
  func levels(_ level: Configuration.Log.Level) throws {
    let log = NodeLog(level: .error, descriptor: descriptor)
    log.set(level: level)
    log.debug("one")
    log.info("one")
    log.warning("one")
    log.error("one")
    let place = try #require(Configuration.Log.Level.allCases.firstIndex(of: level))
    #expect(try lines().count == Configuration.Log.Level.allCases.count - place)
  }

  @Test("long texts are cut, fields that do not fit left out: no line is longer than what a pipe takes in one piece")
  func long() throws {
    let log = NodeLog(descriptor: descriptor)
    let long = String(repeating: "ö", count: 10_000)
    log.error("much", ["a": .string(long), "b": .array([.string(long)]), "c": .string(long), "d": 1])
    let line = try #require(try lines().first)
    #expect(line.text().utf8.count < LogLine.bytesMax)
    #expect(line["a"]?.stringValue?.hasSuffix("…") == true)
    #expect(line["b"] == nil)
    #expect(line["d"] == 1)
    #expect(line["cut"] == true)
  }

  @Test("who does not read loses lines and holds nobody up; the next line says how many")
  func full() throws {
    let log = NodeLog(descriptor: descriptor)
    var written = 0
    while case var watched = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0), poll(&watched, 1, 0) == 1 {
      log.info("filling", ["text": .string(String(repeating: "x", count: 900))])
      written += 1
    }
    for _ in 0..<3 { log.info("lost") }
    #expect(try lines().count == written)
    log.info("heard")
    let line = try #require(try lines().first)
    #expect(line["lines_dropped"] == 3)
    log.info("heard again")
    #expect(try lines().first?["lines_dropped"] == nil)
  }
}
