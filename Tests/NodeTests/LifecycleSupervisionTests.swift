import Glibc
import Testing

@testable import Node

@Suite("What the master decides")
struct LifecycleSupervisionTests {
  static let second: UInt64 = 1_000_000_000
  static let crash = ServerEnd.signalled(signal: SIGSEGV, core: false)

  /// A master whose server has said that it serves, at time 0.
  static func serving() -> Supervision {
    var master = Supervision()
    #expect(master.handle(.begin, now: 0) == [.spawn])
    #expect(master.handle(.ready, now: 0) == [.releaseUnclaimed, .announceReady])
    return master
  }

  @Test(
    "a server that ends before it was ever ready is a bad start, and not started again",
    arguments: [ServerEnd.exited(code: 1), .exited(code: 0), .exited(code: 64), .notStarted(errno: ENOENT)])
  func badStart(_ end: ServerEnd) {
    var master = Supervision()
    _ = master.handle(.begin, now: 0)
    #expect(master.handle(.ended(end), now: 1) == [.leave(code: 1)])
    #expect(master.state == .over)
  }

  @Test("a crash before ready leaves a report too")
  func crashedStart() {
    var master = Supervision()
    _ = master.handle(.begin, now: 0)
    #expect(master.handle(.ended(Self.crash), now: 1) == [.reportCrash(Self.crash), .leave(code: 1)])
  }

  @Test("a server that dies is started again within a tenth of a second")
  func restart() {
    var master = Self.serving()
    let died = 5 * Self.second
    let wait = RestartBackoff.first
    #expect(master.handle(.ended(Self.crash), now: died) == [.reportCrash(Self.crash), .announceRestart(Self.crash, after: wait)])
    #expect(master.deadline == died + 100_000_000)
    #expect(master.handle(.tick, now: died + wait - 1) == [])
    #expect(master.handle(.tick, now: died + wait) == [.spawn])
    #expect(master.deadline == nil)
    #expect(master.handle(.ready, now: died + wait) == [.releaseUnclaimed, .announceReady])
    #expect(master.restarts == 1)
  }

  @Test("a restarted server that fails before ready is tried again, whatever its code", arguments: [0, 1, 3] as [Int32])
  func restartFails(_ code: Int32) {
    var master = Self.serving()
    _ = master.handle(.ended(Self.crash), now: 0)
    _ = master.handle(.tick, now: RestartBackoff.first)
    let end = ServerEnd.exited(code: code)
    #expect(master.handle(.ended(end), now: RestartBackoff.first) == [.announceRestart(end, after: 2 * RestartBackoff.first)])
  }

  @Test("waits double up to ten seconds, and a long life clears them")
  func backoff() {
    var backoff = RestartBackoff()
    let waits = (0..<10).map { _ in backoff.died(lived: Self.second) / 1_000_000 }
    #expect(waits == [100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000, 10000])
    #expect(backoff.died(lived: RestartBackoff.longLife - 1) == RestartBackoff.longest)
    #expect(backoff.died(lived: RestartBackoff.longLife) == RestartBackoff.first)
    #expect(backoff.died(lived: 0) == 2 * RestartBackoff.first)
  }

  @Test("signals become commands while a server runs")
  func commands() {
    var master = Self.serving()
    #expect(master.handle(.signal(.reload), now: 1) == [.send(.reload)])
    #expect(master.handle(.signal(.reopen), now: 1) == [.send(.reopen)])
    #expect(master.handle(.signal(.stop), now: 1) == [.announceStopping, .send(.drain)])
    #expect(master.handle(.signal(.reload), now: 2) == [])
    #expect(master.handle(.signal(.reopen), now: 2) == [.send(.reopen)])
  }

  @Test(
    "after a drain the server's end decides the exit code",
    arguments: [
      (ServerEnd.exited(code: 0), 0), (.exited(code: 3), 3), (.exited(code: 1), 3), (.exited(code: 77), 3),
    ] as [(ServerEnd, Int32)])
  func drained(_ end: ServerEnd, _ code: Int32) {
    var master = Self.serving()
    _ = master.handle(.signal(.stop), now: 1)
    #expect(master.handle(.ended(end), now: 2) == [.leave(code: code)])
  }

  @Test("a crash while draining is reported and is a failed cleanup")
  func drainCrash() {
    var master = Self.serving()
    _ = master.handle(.signal(.stop), now: 1)
    #expect(master.handle(.ended(Self.crash), now: 2) == [.reportCrash(Self.crash), .leave(code: 3)])
  }

  @Test("a second stop kills, and the kill is no crash")
  func forced() {
    var master = Self.serving()
    _ = master.handle(.signal(.stop), now: 1)
    #expect(master.handle(.signal(.stop), now: 2) == [.kill])
    #expect(master.handle(.signal(.stop), now: 3) == [])
    #expect(master.handle(.ended(.signalled(signal: SIGKILL, core: false)), now: 4) == [.leave(code: 2)])
    #expect(master.handle(.signal(.stop), now: 5) == [])
  }

  @Test("a stop while the server is still starting lets it leave by itself")
  func stopWhileStarting() {
    var master = Supervision()
    _ = master.handle(.begin, now: 0)
    #expect(master.handle(.signal(.stop), now: 1) == [.announceStopping, .send(.drain)])
    #expect(master.handle(.ready, now: 2) == [])
    #expect(master.handle(.ended(.exited(code: 1)), now: 3) == [.leave(code: 1)])
  }

  @Test("while it waits to restart, a stop leaves at once and a reload starts at once")
  func whileWaiting() {
    var master = Self.serving()
    for time in 1...4 as ClosedRange<UInt64> {
      _ = master.handle(.ended(Self.crash), now: time * Self.second)
      _ = master.handle(.tick, now: time * Self.second + 900_000_000)
    }
    _ = master.handle(.ended(Self.crash), now: 5 * Self.second)
    var stopped = master
    #expect(stopped.handle(.signal(.stop), now: 5 * Self.second) == [.announceStopping, .leave(code: 0)])
    #expect(master.handle(.signal(.reopen), now: 5 * Self.second) == [])
    #expect(master.handle(.signal(.reload), now: 5 * Self.second) == [.spawn])
    #expect(
      master.handle(.ended(Self.crash), now: 5 * Self.second)
        == [.reportCrash(Self.crash), .announceRestart(Self.crash, after: RestartBackoff.first)])
  }

  @Test("whatever comes in whatever order, at most one server runs and nothing follows the end")
  func anyOrder() {
    var random = SplitMix(state: 42)
    for _ in 0..<2000 {
      var master = Supervision()
      var running = false
      var left = false
      var now: UInt64 = 0
      for step in 0..<60 {
        now += random.next() % (12 * Self.second)
        let choices: [Supervision.Event] = [
          .begin, .ready, .tick, .signal(.reload), .signal(.reopen), .signal(.stop), .ended(Self.crash), .ended(.exited(code: 0)),
        ]
        let event = step == 0 ? .begin : choices[Int(random.next() % 8)]
        if case .ended = event {
          guard running else { continue }
          running = false
        }
        if event == .ready && !running { continue }
        for effect in master.handle(event, now: now) {
          #expect(!left)
          switch effect {
          case .spawn:
            #expect(!running)
            running = true
          case .send, .kill: #expect(running)
          case .leave:
            #expect(!running)
            left = true
          case .announceReady, .announceStopping, .releaseUnclaimed, .reportCrash, .announceRestart: break
          }
        }
      }
    }
  }

  struct SplitMix {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9e37_79b9_7f4a_7c15
      var z = state
      z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
      z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
      return z ^ (z >> 31)
    }
  }

  @Test(
    "a wait status is read as the kernel means it",
    arguments: [
      (0, ServerEnd.exited(code: 0)), (0x0300, .exited(code: 3)), (0xff00, .exited(code: 255)), (9, .signalled(signal: 9, core: false)),
      (0x8b, .signalled(signal: 11, core: true)),
    ] as [(Int32, ServerEnd)])
  func status(_ status: Int32, _ end: ServerEnd) {
    #expect(ServerProcess.end(status: status) == end)
  }
}
