import CEpoll
import Foundation
import Glibc
import Runtime
import Testing

@testable import Node

/// One lane on the heap, and its bell.
final class LaneFixture: @unchecked Sendable {
  // SAFETY: (@unchecked Sendable) as AccessLog.Core: one thread appends, one other consumes.
  let lanes: UnsafeMutablePointer<AccessLogLane>
  let count: Int
  let bell: Int32

  init(capacity: Int, count: Int = 1) {
    self.count = count
    bell = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
    lanes = .allocate(capacity: count)
    for i in 0..<count {
      (lanes + i).initialize(to: AccessLogLane(capacity: capacity, bell: bell, logsQueries: false, time: ManualTime()))
    }
  }

  deinit {
    lanes.deinitialize(count: count)
    lanes.deallocate()
    close(bell)
  }

  func append(_ text: String, lane: Int = 0) -> Bool {
    var text = text
    return text.withUTF8 { lanes[lane].append($0.baseAddress!, $0.count) }
  }

  /// What waits, consumed.
  func take(lane: Int = 0) -> [UInt8] {
    let (first, second) = lanes[lane].waiting()
    let bytes = Array(first) + Array(second)
    lanes[lane].consume(bytes.count)
    return bytes
  }

  /// How often the bell was rung since the last look.
  var rings: UInt64 {
    var count: UInt64 = 0
    return eventfd_read(bell, &count) == 0 ? count : 0
  }
}

@Suite("A worker's lane of the access log")
struct AccessLogLaneTests {
  @Test("lines come out as they went in, across the ring's end too")
  func wraps() {
    let lane = LaneFixture(capacity: 64)
    for round in 0..<100 {
      let text = String(repeating: "x", count: round % 40) + "\(round)\n"
      #expect(lane.append(text))
      #expect(String(decoding: lane.take(), as: UTF8.self) == text)
    }
    #expect(lane.take().isEmpty)
  }

  @Test("a line that does not fit is dropped whole, and room that comes back is used")
  func full() {
    let lane = LaneFixture(capacity: 16)
    #expect(lane.append("12345678\n"))
    #expect(!lane.append("12345678\n"))
    #expect(lane.append("123456\n"))
    #expect(!lane.append("\n"))
    #expect(String(decoding: lane.take(), as: UTF8.self) == "12345678\n123456\n")
    #expect(lane.append("abcdefghijklmn\n"))
    #expect(String(decoding: lane.take(), as: UTF8.self) == "abcdefghijklmn\n")
  }

  @Test("the writer is called once when much waits, and again only after it has heard")
  func calls() {
    let lane = LaneFixture(capacity: 1 << 20)
    let line = String(repeating: "x", count: 1023) + "\n"
    for _ in 0..<63 { #expect(lane.append(line)) }
    #expect(lane.rings == 0)
    for _ in 0..<10 { #expect(lane.append(line)) }
    #expect(lane.rings == 1)
    lane.lanes[0].heard()
    #expect(lane.append(line))
    #expect(lane.rings == 1)
    _ = lane.take()
    lane.lanes[0].heard()
    #expect(lane.append(line))
    #expect(lane.rings == 0)
  }

  @Test("two threads at once: nothing is torn, nothing changes places")
  func threads() {
    let lane = LaneFixture(capacity: 1 << 12)
    let total = 20_000
    let producer = Thread {
      var i = 0
      while i < total { if lane.append("\(i)\n") { i += 1 } else { sched_yield() } }
    }
    producer.start()
    var bytes: [UInt8] = []
    var lines = 0
    while lines < total {
      let more = lane.take()
      lines += more.count { $0 == UInt8(ascii: "\n") }
      bytes += more
      if more.isEmpty { sched_yield() }
    }
    let expected = (0..<total).map { "\($0)\n" }.joined()
    #expect(bytes == Array(expected.utf8))
  }
}
