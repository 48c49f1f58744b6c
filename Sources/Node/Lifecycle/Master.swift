// Owns: the master process: it holds the listening sockets, keeps one serving process alive and passes on what the operator signals.
// It knows nothing of configuration, reads no request and decides nothing itself: Supervision decides, this file carries out.
import CEpoll
import Glibc

/// `tidegate run`.
public enum Master {
  /// Runs until the serving process has left for good. Call it from the main thread of a process that has no other threads: signals
  /// are read from a descriptor, and the serving process dies with the thread that started it.
  /// - Parameter arguments: what follows `tidegate run`; the serving process gets the same after `tidegate serve`.
  /// - Returns: 0 ok, 1 bad start, 2 forced, 3 failed cleanup.
  public static func run(arguments: [String]) -> Int32 {
    guard let loop = MasterLoop(arguments: arguments) else { return MasterExit.badStart }
    return loop.run()
  }
}

/// The state that the effects of Supervision work on.
final class MasterLoop {
  static let signals = ServerProcess.groupSignals + [SIGCHLD]
  /// Messages to a serving process that does not read; more than these are dropped.
  static let unsentMax = 64

  let arguments: [String]
  let keeper = SocketKeeper()
  let serviceManager: ServiceManager?
  var supervision = Supervision()
  /// Reads the signals that are blocked.
  private let signalDescriptor: Int32
  /// Our end of the control socket, -1 while no server runs.
  var control: Int32 = -1
  /// Messages that the control socket did not take yet, with descriptors that we own.
  var unsent: [(bytes: [UInt8], descriptors: [Int32])] = []
  private var crashRegion: Int32 = -1
  private var pid: Int32 = 0
  /// The server that died last, for its report.
  private var deadPid: Int32 = 0
  private var startedAt: UInt64 = 0
  /// The last good configuration, -1 for none.
  var keptConfiguration: Int32 = -1
  /// The node's data folder, as the serving process named it.
  var dataPath: String?
  private var exitCode: Int32?

  init?(arguments: [String]) {
    self.arguments = arguments
    serviceManager = ServiceManager(path: getenv("NOTIFY_SOCKET").map { String(cString: $0) })
    var mask = ServerProcess.set(MasterLoop.signals)
    pthread_sigmask(SIG_BLOCK, &mask, nil)
    signal(SIGPIPE, SIG_IGN)
    signalDescriptor = signalfd(-1, &mask, Int32(SFD_CLOEXEC) | Int32(SFD_NONBLOCK))
    if signalDescriptor < 0 {
      MasterLog.line(.error, "no signal descriptor", [("cause", String(cString: strerror(errno)))])
      return nil
    }
  }

  func run() -> Int32 {
    handle(.begin)
    while exitCode == nil { turn() }
    return exitCode ?? MasterExit.ok
  }

  /// Waits for the next thing to happen and deals with it.
  private func turn() {
    var watched = [
      pollfd(fd: signalDescriptor, events: Int16(POLLIN), revents: 0),
      // A negative descriptor is skipped by poll(2).
      pollfd(fd: control, events: Int16(POLLIN) | (unsent.isEmpty ? 0 : Int16(POLLOUT)), revents: 0),
    ]
    var timeout: Int32 = -1
    if let deadline = supervision.deadline {
      let now = tg_now(CLOCK_MONOTONIC)
      timeout = deadline <= now ? 0 : Int32(clamping: (deadline - now + 999_999) / 1_000_000)
    }
    let count = poll(&watched, 2, timeout)
    guard count >= 0 || errno == EINTR else {
      MasterLog.line(.error, "poll failed", [("cause", String(cString: strerror(errno)))])
      return
    }
    if count > 0 && watched[1].revents != 0 {
      flush()
      readControl()
    }
    if count > 0 && watched[0].revents != 0 { readSignals() }
    if let deadline = supervision.deadline, tg_now(CLOCK_MONOTONIC) >= deadline { handle(.tick) }
  }

  func handle(_ event: Supervision.Event) {
    for effect in supervision.handle(event, now: tg_now(CLOCK_MONOTONIC)) { perform(effect) }
  }

  private func perform(_ effect: Supervision.Effect) {
    switch effect {
    case .spawn: spawn()
    case .send(let command): send(.command(command))
    case .kill: if pid > 0 { kill(pid, SIGKILL) }
    case .announceReady: serviceManager?.notify("READY=1")
    case .announceStopping: serviceManager?.notify("STOPPING=1")
    case .releaseUnclaimed: keeper.releaseUnclaimed()
    case .reportCrash(let end): reportCrash(end)
    case .announceRestart(let end, let wait):
      MasterLog.line(
        .warn, "the serving process died, starting it again",
        [("end", MasterLoop.sentence(end)), ("after_ms", String(wait / 1_000_000)), ("restarts", String(supervision.restarts))])
    case .leave(let code):
      exitCode = code
    }
  }

  private func spawn() {
    keeper.unclaimAll()
    startedAt = tg_now(CLOCK_MONOTONIC)
    if crashRegion >= 0 { close(crashRegion) }
    crashRegion = CrashRegion.create()
    var pair: [Int32] = [-1, -1]
    let type = Int32(SOCK_SEQPACKET.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    guard crashRegion >= 0, socketpair(AF_UNIX, type, 0, &pair) == 0 else {
      return ended(.notStarted(errno: errno))
    }
    _ = fcntl(pair[0], F_SETFL, O_NONBLOCK)
    defer { close(pair[1]) }
    switch ServerProcess.spawn(arguments: arguments, control: pair[1], crash: crashRegion) {
    case .success(let pid):
      self.pid = pid
      control = pair[0]
    case .failure(let error):
      close(pair[0])
      ended(.notStarted(errno: error.errno))
    }
  }

  private func readSignals() {
    var info = signalfd_siginfo()
    while read(signalDescriptor, &info, MemoryLayout<signalfd_siginfo>.size) == MemoryLayout<signalfd_siginfo>.size {
      switch Int32(info.ssi_signo) {
      case SIGTERM, SIGINT: handle(.signal(.stop))
      case SIGHUP: handle(.signal(.reload))
      case SIGUSR1: handle(.signal(.reopen))
      case SIGCHLD: reap()
      default: break  // The descriptor's mask lets nothing else through.
      }
    }
  }

  /// Collects every dead child: as process 1 of a container the master inherits orphans too.
  private func reap() {
    var status: Int32 = 0
    while true {
      let dead = waitpid(-1, &status, WNOHANG)
      if dead < 0 && errno == EINTR { continue }
      guard dead > 0 else { return }
      guard dead == pid else { continue }
      // What it said before its death still counts: ready, or a kept configuration.
      readControl()
      closeControl()
      ended(ServerProcess.end(status: status))
    }
  }

  private func ended(_ end: ServerEnd) {
    deadPid = pid
    pid = 0
    if case .notStarted = end {
      // A server that never ran has said nothing itself.
      MasterLog.line(.error, "the serving process could not start", [("end", MasterLoop.sentence(end))])
    }
    handle(.ended(end))
  }

  func closeControl() {
    if control >= 0 { close(control) }
    control = -1
    for message in unsent { for descriptor in message.descriptors { close(descriptor) } }
    unsent = []
  }

  private func reportCrash(_ end: ServerEnd) {
    let wall = tg_now(CLOCK_REALTIME)
    let lived = (tg_now(CLOCK_MONOTONIC) - startedAt) / 1_000_000
    let words = CrashRegion.text(crashRegion)
    var fields = [("end", MasterLoop.sentence(end)), ("pid", String(deadPid))]
    if let dataPath {
      let text = """
        tidegate crash report
        time   \(CrashReport.timestamp(wall))
        pid    \(deadPid)
        end    \(MasterLoop.sentence(end))
        lived  \(lived) ms
        args   \(arguments.joined(separator: " "))

        \(words.isEmpty ? "The process left no words: it was killed from outside, or its memory was beyond use.\n" : words)
        """
      let path = CrashReport.write(text, folder: dataPath + "/crash", wallNanoseconds: wall, pid: deadPid)
      fields.append(path.map { ("report", $0) } ?? ("report_error", String(cString: strerror(errno))))
    }
    MasterLog.line(.error, "the serving process crashed", fields)
  }

  static func sentence(_ end: ServerEnd) -> String {
    switch end {
    case .exited(let code): "exit code \(code)"
    case .signalled(let signal, let core):
      "signal \(signal) (\(strsignal(signal).map { String(cString: $0) } ?? "unknown"))" + (core ? ", core dumped" : "")
    case .notStarted(let cause): "not started: \(String(cString: strerror(cause)))"
    }
  }
}
