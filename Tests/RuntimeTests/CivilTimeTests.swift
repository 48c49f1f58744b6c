import Glibc
import Runtime
import Testing

@Suite("Calendar text")
struct CivilTimeTests {
  @Test(
    "known moments",
    arguments: [
      (UInt64(0), "1970-01-01T00:00:00.000Z", "Thu, 01 Jan 1970 00:00:00 GMT", "01/Jan/1970:00:00:00 +0000"),
      // The example of RFC 9110 §5.6.7.
      (784_111_777_000, "1994-11-06T08:49:37.000Z", "Sun, 06 Nov 1994 08:49:37 GMT", "06/Nov/1994:08:49:37 +0000"),
      (951_782_399_999, "2000-02-28T23:59:59.999Z", "Mon, 28 Feb 2000 23:59:59 GMT", "28/Feb/2000:23:59:59 +0000"),
      (951_782_400_000, "2000-02-29T00:00:00.000Z", "Tue, 29 Feb 2000 00:00:00 GMT", "29/Feb/2000:00:00:00 +0000"),
      (1_769_860_800_123, "2026-01-31T12:00:00.123Z", "Sat, 31 Jan 2026 12:00:00 GMT", "31/Jan/2026:12:00:00 +0000"),
      (4_107_542_400_007, "2100-03-01T00:00:00.007Z", "Mon, 01 Mar 2100 00:00:00 GMT", "01/Mar/2100:00:00:00 +0000"),
    ])
  func knownMoments(milliseconds: UInt64, rfc3339: String, imfFixdate: String, commonLog: String) {
    let time = WallTime(nanoseconds: milliseconds * 1_000_000)
    #expect(time.rfc3339 == rfc3339)
    #expect(time.imfFixdate == imfFixdate)
    #expect(time.commonLog == commonLog)
  }

  @Test("the calendar agrees with the C library on every kind of moment it can hold")
  func agreesWithGmtime() {
    var random = SeededRandom(seed: 2)
    for _ in 0..<10_000 {
      let time = WallTime(nanoseconds: random.next())
      var seconds = time_t(time.secondsSinceEpoch)
      var parts = tm()
      gmtime_r(&seconds, &parts)
      let civil = CivilTime(time)
      let date = (civil.year, civil.month, civil.day, civil.weekday)
      #expect(date == (Int(parts.tm_year) + 1900, Int(parts.tm_mon) + 1, Int(parts.tm_mday), Int(parts.tm_wday)))
      let clock = (civil.hour, civil.minute, civil.second, civil.millisecond)
      #expect(clock == (Int(parts.tm_hour), Int(parts.tm_min), Int(parts.tm_sec), Int(time.nanoseconds / 1_000_000 % 1000)))
    }
  }

  @Test("every day from 1970 to 2103 follows the one before")
  func everyDay() {
    var last = CivilTime(.zero)
    for day in 1..<UInt64(48_700) {
      let next = CivilTime(WallTime(secondsSinceEpoch: day * 86_400))
      let follows =
        (next.year == last.year && next.month == last.month && next.day == last.day + 1)
        || (next.year == last.year && next.month == last.month + 1 && next.day == 1 && last.day >= 28)
        || (next.year == last.year + 1 && next.month == 1 && next.day == 1 && last.month == 12 && last.day == 31)
      #expect(follows && next.weekday == (last.weekday + 1) % 7, "\(last) is followed by \(next)")
      last = next
    }
  }

  @Test("the writers fill exactly the bytes that they promise")
  func writersStayInBounds() {
    let civil = CivilTime(WallTime(nanoseconds: .max))
    let formats: [(Int, (UnsafeMutablePointer<UInt8>) -> Void)] = [
      (CivilTime.rfc3339Bytes, civil.writeRFC3339), (CivilTime.imfFixdateBytes, civil.writeIMFFixdate),
      (CivilTime.commonLogBytes, civil.writeCommonLog),
    ]
    for (count, write) in formats {
      var bytes = [UInt8](repeating: 0xFF, count: count + 8)
      bytes.withUnsafeMutableBufferPointer { write($0.baseAddress! + 4) }
      #expect(bytes.prefix(4).allSatisfy { $0 == 0xFF } && bytes.suffix(4).allSatisfy { $0 == 0xFF })
      #expect(bytes.dropFirst(4).prefix(count).allSatisfy { (0x20..<0x7F).contains($0) })
    }
    #expect(WallTime(nanoseconds: .max).rfc3339 == "2554-07-21T23:34:33.709Z")
  }
}
