// Owns: starting the serving process (posix_spawn of this same binary) and reading how it ended. When to do so is Supervision's
// decision.
import CEpoll
import Glibc

enum ServerProcess {
  /// Environment of the serving process: the descriptors of the control socket and of the crash region, and who its master is.
  static let controlVariable = "TIDEGATE_CONTROL_FD"
  static let crashVariable = "TIDEGATE_CRASH_FD"
  static let masterVariable = "TIDEGATE_MASTER_PID"
  /// Signals that a terminal or a service manager sends to the whole group. The serving process starts with them blocked, so that
  /// there is no moment in which they kill it; it hears of them from the master.
  static let groupSignals = [SIGTERM, SIGINT, SIGHUP, SIGUSR1]

  /// - Parameters:
  ///   - arguments: what follows `tidegate serve`.
  ///   - control: the server's end of the control socket; stays open across the exec under the same number.
  ///   - crash: a CrashRegion; likewise.
  /// - Returns: the process, or the error number of posix_spawn.
  static func spawn(arguments: [String], control: Int32, crash: Int32) -> Result<Int32, SpawnError> {
    var actions = posix_spawn_file_actions_t()
    var attributes = posix_spawnattr_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&attributes)
    defer {
      posix_spawn_file_actions_destroy(&actions)
      posix_spawnattr_destroy(&attributes)
    }
    // A duplicate onto itself takes close-on-exec away in the child alone.
    posix_spawn_file_actions_adddup2(&actions, control, control)
    posix_spawn_file_actions_adddup2(&actions, crash, crash)
    var defaults = sigset_t()
    sigfillset(&defaults)
    posix_spawnattr_setsigdefault(&attributes, &defaults)
    var mask = set(groupSignals)
    posix_spawnattr_setsigmask(&attributes, &mask)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))

    var argv: [UnsafeMutablePointer<CChar>?] = ([CommandLine.arguments.first ?? "tidegate", "serve"] + arguments).map { strdup($0) }
    var environment = serverEnvironment(control: control, crash: crash).map { strdup($0) as UnsafeMutablePointer<CChar>? }
    argv.append(nil)
    environment.append(nil)
    defer { for text in argv + environment { free(text) } }
    var pid: pid_t = 0
    // The kernel's link to this very binary: right also after the file was replaced by an upgrade.
    let answer = posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, argv, environment)
    return answer == 0 ? .success(pid) : .failure(SpawnError(errno: answer))
  }

  struct SpawnError: Error, Equatable {
    let errno: Int32
  }

  static func set(_ signals: [Int32]) -> sigset_t {
    var set = sigset_t()
    sigemptyset(&set)
    for signal in signals { sigaddset(&set, signal) }
    return set
  }

  /// The master's environment without what is the master's alone.
  private static func serverEnvironment(control: Int32, crash: Int32) -> [String] {
    var result: [String] = []
    var entry = Glibc.environ
    while let text = entry.pointee {
      let line = String(cString: text)
      let own = ["NOTIFY_SOCKET=", "SWIFT_BACKTRACE=", controlVariable + "=", crashVariable + "=", masterVariable + "="]
      if !own.contains(where: { line.hasPrefix($0) }) { result.append(line) }
      entry += 1
    }
    return result + [
      "\(controlVariable)=\(control)", "\(crashVariable)=\(crash)", "\(masterVariable)=\(getpid())",
      // The runtime's own crash catcher would take the signals before CrashRecorder.
      "SWIFT_BACKTRACE=enable=no",
    ]
  }

  /// Reads a status of waitpid(2).
  static func end(status: Int32) -> ServerEnd {
    let signal = status & 0x7f
    return signal == 0 ? .exited(code: status >> 8 & 0xff) : .signalled(signal: signal, core: status & 0x80 != 0)
  }

  /// Ends this process when its parent ends, whatever it is doing then.
  /// - Parameter parent: who the parent must be; it may have died before the kernel was asked.
  /// - Returns: false when the parent is already gone.
  static func dieWithParent(_ parent: Int32) -> Bool {
    _ = tg_die_with_parent(SIGKILL)
    return getppid() == parent
  }
}
