import CEpoll
import Glibc
import Runtime
import Testing

@Suite("A loop's timer")
struct LoopTimerTests {
  private let loop: EventLoop
  private var timer: LoopTimer

  init() throws {
    loop = try EventLoop()
    timer = try LoopTimer()
    loop.add(timer.descriptor, events: EventLoop.readable | EventLoop.edgeTriggered, token: 7)
  }

  private func end() {
    timer.close()
    loop.close()
  }

  private var now: UInt64 { tg_now(CLOCK_MONOTONIC) }

  @Test mutating func itWakesTheLoopAtEachDeadlineWithoutBeingRead() {
    for _ in 0..<3 {
      let due = now + 3_000_000
      timer.wake(at: due, now: now)
      #expect(loop.wait(milliseconds: 20_000) == 1 && loop.event(0).token == 7)
      #expect(now >= due)
    }
    #expect(loop.wait(milliseconds: 0) == 0, "once for each")
    end()
  }

  @Test mutating func aCloserDeadlineGoesFirstAndALaterOneChangesNothing() {
    let start = now
    timer.wake(at: start + 3_600_000_000_000, now: start)
    timer.wake(at: start + 5_000_000, now: start)
    timer.wake(at: start + 7_200_000_000_000, now: start)
    #expect(loop.wait(milliseconds: 20_000) == 1)
    #expect(now >= start + 5_000_000)
    end()
  }

  @Test mutating func whatIsPastWakesAtOnceAndNeverWakesNever() {
    timer.wake(at: .max, now: now)
    #expect(loop.wait(milliseconds: 0) == 0)
    timer.wake(at: 0, now: now)
    #expect(loop.wait(milliseconds: 20_000) == 1)
    end()
  }
}
