import Runtime
import Testing

@Suite("Time points")
struct TimeTests {
  @Test("adding a duration and taking the difference are inverse")
  func arithmeticRoundTrips() {
    var random = SeededRandom(seed: 1)
    for _ in 0..<2000 {
      let start = MonotonicTime(nanoseconds: random.below(1 << 62))
      let delta = Duration.nanoseconds(Int64(random.below(1 << 61)))
      #expect((start + delta) - start == delta)
      #expect(start - (start + delta) == .zero - delta)
      #expect((start + delta) - delta == start)
      #expect((start + delta).nanoseconds(since: start) == UInt64(delta.wholeNanoseconds))
    }
  }

  @Test("arithmetic saturates at both ends instead of trapping")
  func arithmeticSaturates() {
    #expect(MonotonicTime.distantFuture + .seconds(1) == .distantFuture)
    #expect(MonotonicTime.zero - .seconds(1) == .zero)
    #expect(MonotonicTime.zero.nanoseconds(since: .distantFuture) == 0)
    #expect(MonotonicTime.distantFuture - MonotonicTime.zero == .nanoseconds(Int64.max))
    #expect(MonotonicTime.zero - MonotonicTime.distantFuture == .nanoseconds(-Int64.max))
    #expect(WallTime(secondsSinceEpoch: .max) == .distantFuture)
    #expect(WallTime(nanoseconds: 5) + .seconds(Int64.max) == WallTime(nanoseconds: 5 + UInt64(Int64.max)))
    #expect(WallTime(nanoseconds: 5) + .seconds(Int64.min) == .zero)
  }

  @Test(
    "a duration in nanoseconds drops fractions and clamps",
    arguments: [
      (.zero, 0), (.milliseconds(-1500), -1_500_000_000),
      (Duration(secondsComponent: 0, attosecondsComponent: 1_999_999_999), 1),
      (.seconds(Int64.max), .max), (.seconds(Int64.min), .min), (.nanoseconds(Int64.max) + .seconds(1), .max),
    ] as [(Duration, Int64)])
  func wholeNanoseconds(duration: Duration, expected: Int64) {
    #expect(duration.wholeNanoseconds == expected)
  }

  @Test("the manual clock moves only when told, and only its wall clock jumps")
  func manualTime() {
    let time = ManualTime(monotonic: MonotonicTime(nanoseconds: 7), wall: WallTime(secondsSinceEpoch: 100))
    time.advance(by: .milliseconds(3))
    #expect(time.monotonic() == MonotonicTime(nanoseconds: 3_000_007))
    #expect(time.wall() == WallTime(nanoseconds: 100_003_000_000))
    time.setWall(WallTime(secondsSinceEpoch: 50))
    #expect(time.monotonic() == MonotonicTime(nanoseconds: 3_000_007))
    #expect(time.wall().secondsSinceEpoch == 50)
  }

  @Test("the system's monotonic clock never goes back, and its wall clock lies after this test was written")
  func systemTime() {
    let time = SystemTime()
    var last = time.monotonic()
    for _ in 0..<1000 {
      let now = time.monotonic()
      #expect(now >= last)
      last = now
    }
    #expect(time.wall() > WallTime(secondsSinceEpoch: 1_700_000_000))
  }
}
