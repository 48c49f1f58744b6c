// A child process with pipes: starting it as this same program, speaking to it, killing it by the process id that was noted when it was
// started. What is said is RealCluster's.
import CEpoll
import Glibc

/// A child that runs another command of this program.
final class RealProcess {
  /// The shared log of what it admits.
  let log: AdmissionLog
  private let pid: pid_t
  private let input: Int32
  /// Where its lines come from.
  let output: Int32
  private var unread: [UInt8] = []
  private var isRunning = true

  init(_ arguments: [String], log: AdmissionLog) throws {
    self.log = log
    var (toChild, fromChild): ([Int32], [Int32]) = ([-1, -1], [-1, -1])
    guard RealProcess.makePipe(&toChild), RealProcess.makePipe(&fromChild) else {
      throw RealFault("pipe: \(String(cString: strerror(errno)))")
    }
    pid = try RealProcess.spawn(
      "/proc/self/exe", ["simulate"] + arguments,
      descriptors: [(toChild[0], 0), (fromChild[1], 1), (log.descriptor, AdmissionLog.descriptorOfChild)])
    close(toChild[0])
    close(fromChild[1])
    (input, output) = (toChild[1], fromChild[0])
    _ = fcntl(output, F_SETFL, O_NONBLOCK)
  }

  /// Both ends are closed in children but for those that a child is given as its own.
  private static func makePipe(_ ends: inout [Int32]) -> Bool {
    pipe(&ends) == 0 && ends.allSatisfy { fcntl($0, F_SETFD, FD_CLOEXEC) == 0 }
  }

  /// Starts a program.
  /// - Parameter descriptors: those that it gets, with the numbers under which it gets them.
  static func spawn(_ program: String, _ arguments: [String], descriptors: [(from: Int32, to: Int32)]) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    // First out of the way: a number that is given may be one that is still to be given.
    let moved = descriptors.map { fcntl($0.from, F_DUPFD_CLOEXEC, 64) }
    defer { for descriptor in moved { close(descriptor) } }
    for (from, pair) in zip(moved, descriptors) { posix_spawn_file_actions_adddup2(&actions, from, pair.to) }
    var texts: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
    // SAFETY: each text was allocated above and is freed once, after the child has its copy.
    defer { for text in texts { free(text) } }
    var pid = pid_t()
    let result = posix_spawnp(&pid, program, &actions, nil, &texts, environ)
    guard result == 0 else { throw RealFault("\(program) does not start: \(String(cString: strerror(result)))") }
    return pid
  }

  /// Runs a program to its end with its output thrown away; whether it succeeded.
  static func succeeds(_ words: [String]) -> Bool {
    let nowhere = open("/dev/null", O_RDWR | O_CLOEXEC)
    defer { close(nowhere) }
    guard let pid = try? spawn(words[0], words, descriptors: [(nowhere, 0), (nowhere, 1), (nowhere, 2)]) else { return false }
    return wait(for: pid) == 0
  }

  @discardableResult
  private static func wait(for pid: pid_t) -> Int32 {
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
    return status
  }

  /// Says a line. One that has ended does not hear it.
  func say(_ words: [String]) {
    let bytes = Array((words.joined(separator: " ") + "\n").utf8)
    _ = write(input, bytes, bytes.count)
  }

  /// Whole lines that have come; nil when it has ended.
  func lines() -> [Substring]? {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let n = read(output, &buffer, buffer.count)
      if n < 0 && errno == EINTR { continue }
      if n == 0 { return nil }
      if n < 0 { break }
      unread += buffer[..<n]
    }
    guard let end = unread.lastIndex(of: UInt8(ascii: "\n")) else { return [] }
    let text = String(decoding: unread[..<end], as: UTF8.self)
    unread.removeSubrange(...end)
    return text.split(separator: "\n")
  }

  /// Kills it (SIGKILL) and waits for its end; nothing when that has been done.
  func end() {
    guard isRunning else { return }
    isRunning = false
    kill(pid, SIGKILL)
    RealProcess.wait(for: pid)
    close(input)
    close(output)
  }

  deinit { end() }
}
