// Owns: the serving process's end of the control socket: it asks the master for sockets, hands it the configuration to keep, and hears
// its commands. Confined to one thread, the serving process's main thread.
import CEpoll
import Glibc

/// The serving process's link to its master.
///
///     guard let link = MasterLink.fromEnvironment() else { … started by hand … }
///     let sockets = try link.listen("0.0.0.0:8080", count: workers)
///     … start the workers …
///     try link.keep(configuration: bytes); try link.ready()
///     while let command = link.nextCommand() { … }
public final class MasterLink {
  private let socket: ControlSocket
  /// Process id of the master: the one to send SIGHUP or SIGTERM to.
  public let masterPid: Int32
  /// Commands that came while an answer was awaited.
  private var waiting: [MasterCommand] = []
  private var gone = false

  /// For poll(2) beside other descriptors. Readable does not mean that a command is there; ask `nextCommand`.
  public var descriptor: Int32 { socket.descriptor }

  init(descriptor: Int32, masterPid: Int32) {
    socket = ControlSocket(descriptor: descriptor)
    self.masterPid = masterPid
  }

  deinit { close(socket.descriptor) }

  /// Takes the link over from the environment and readies the process for its part: it dies with its master, ignores the signals that
  /// the master passes on as commands, ignores SIGPIPE, and records its crashes. Call it first thing on the main thread, before
  /// other threads start. A child that this process starts inherits the ignored signals: give it default ones.
  /// - Returns: nil when the process was not started by a master.
  public static func fromEnvironment() -> MasterLink? {
    guard let control = take(ServerProcess.controlVariable), let master = take(ServerProcess.masterVariable) else { return nil }
    guard fcntl(control, F_SETFD, FD_CLOEXEC) == 0 else { return nil }
    for number in ServerProcess.groupSignals + [SIGPIPE] { signal(number, SIG_IGN) }
    var mask = ServerProcess.set(ServerProcess.groupSignals)
    pthread_sigmask(SIG_UNBLOCK, &mask, nil)
    if !ServerProcess.dieWithParent(master) { _exit(MasterExit.badStart) }
    if let crash = take(ServerProcess.crashVariable), fcntl(crash, F_SETFD, FD_CLOEXEC) == 0 {
      _ = CrashRecorder.install(descriptor: crash)
    }
    return MasterLink(descriptor: control, masterPid: master)
  }

  private static func take(_ variable: String) -> Int32? {
    guard let text = getenv(variable) else { return nil }
    defer { unsetenv(variable) }
    guard let number = Int32(String(cString: text)), number > 0 else { return nil }
    return number
  }

  /// Listening sockets for an address, non-blocking and close-on-exec, with TCP_NODELAY that accepted connections inherit. Asking
  /// again, also in a later life of the process, gives the same sockets.
  /// - Parameters:
  ///   - address: `IPv4:port` or `[IPv6]:port`; port 0 lets the kernel choose one that stays for as long as the master lives.
  ///   - count: how many at least; one a worker.
  /// - Returns: `count` descriptors or more, when an earlier call asked for more. Accept on every one of them: the kernel
  ///   spreads connections over all. The caller owns them.
  public func listen(_ address: String, count: Int) throws(ControlFailure) -> [Int32] {
    let descriptors = try ask(.listen(address: address, count: count))
    guard descriptors.count >= count else {
      for descriptor in descriptors { close(descriptor) }
      throw ControlFailure(kind: .link, message: "the master gave \(descriptors.count) of \(count) sockets for \(address)")
    }
    return descriptors
  }

  /// Lets the master close its copies. To lose no connection: accept until there is none, call this, accept until there is none
  /// again, close your own copies.
  public func unlisten(_ address: String) throws(ControlFailure) {
    _ = try ask(.unlisten(address: address))
  }

  /// Keeps the bytes of the last good configuration in the master, for a later life of this process.
  public func keep(configuration: [UInt8]) throws(ControlFailure) {
    let memory = memfd_create("tidegate-configuration", UInt32(MFD_CLOEXEC))
    guard memory >= 0, CrashReport.writeAll(memory, configuration) else {
      let cause = errno
      if memory >= 0 { close(memory) }
      throw ControlFailure(kind: .system, message: "cannot keep the configuration: \(String(cString: strerror(cause)))")
    }
    defer { close(memory) }
    _ = try ask(.keep, descriptors: [memory])
  }

  /// What an earlier life of this process kept; nil when there is nothing, so in the first life.
  public func kept() throws(ControlFailure) -> [UInt8]? {
    let descriptors = try ask(.kept)
    defer { for descriptor in descriptors { close(descriptor) } }
    guard let memory = descriptors.first else { return nil }
    var status = stat()
    guard fstat(memory, &status) == 0 else { return nil }
    var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
    var at = 0
    while at < bytes.count {
      let count = bytes.withUnsafeMutableBytes { pread(memory, $0.baseAddress.map { $0 + at }, $0.count - at, off_t(at)) }
      guard count > 0 else { return nil }
      at += count
    }
    return bytes
  }

  /// This process serves: the service manager is told, and addresses that this life did not ask for are closed.
  public func ready() throws(ControlFailure) {
    _ = try ask(.ready)
  }

  /// One line for `systemctl status`.
  public func status(_ text: String) {
    _ = socket.send(ControlRequest.status(text).encoded)
  }

  /// Where this node keeps its data: crash reports go to `<path>/crash`. Relative paths count from the common working folder.
  public func data(path: String) {
    _ = socket.send(ControlRequest.data(path: path).encoded)
  }

  /// Waits for the master's next command.
  /// - Parameters:
  ///   - other: a descriptor whose readability ends the wait too; -1 for none.
  ///   - timeoutMilliseconds: how long to wait; negative for ever.
  /// - Returns: nil when the time is over or `other` is readable; `.masterGone` for ever once the master is gone.
  public func nextCommand(orReadable other: Int32 = -1, timeoutMilliseconds: Int32 = -1) -> MasterCommand? {
    while true {
      if !waiting.isEmpty { return waiting.removeFirst() }
      if gone { return .masterGone }
      var watched = [
        pollfd(fd: socket.descriptor, events: Int16(POLLIN), revents: 0), pollfd(fd: other, events: Int16(POLLIN), revents: 0),
      ]
      let count = poll(&watched, 2, timeoutMilliseconds)
      if count < 0 && errno == EINTR { continue }
      guard count > 0, watched[0].revents != 0 else { return nil }
      switch receive() {
      case .command(let command): waiting.append(command)
      case .done, .sockets, .failure, .none: continue
      }
    }
  }

  /// One question, one answer; commands in between are set aside.
  private func ask(_ request: ControlRequest, descriptors: [Int32] = []) throws(ControlFailure) -> [Int32] {
    guard !gone, socket.send(request.encoded, descriptors: descriptors) == .sent else { throw MasterLink.lost }
    var received: [Int32] = []
    while true {
      var batch: [Int32] = []
      switch receive(&batch) {
      case .done: return received
      case .sockets(_, let more):
        received += batch
        if more == 0 { return received }
      case .failure(let kind, let message): throw ControlFailure(kind: kind, message: message)
      case .command(let command): waiting.append(command)
      case .none:
        for descriptor in received { close(descriptor) }
        throw MasterLink.lost
      }
    }
  }

  private static let lost = ControlFailure(kind: .link, message: "the master is gone")

  private func receive() -> ControlReply? {
    var descriptors: [Int32] = []
    let reply = receive(&descriptors)
    for descriptor in descriptors { close(descriptor) }
    return reply
  }

  /// - Returns: nil when the master is gone, which is remembered.
  private func receive(_ descriptors: inout [Int32]) -> ControlReply? {
    switch socket.receive() {
    case .message(let bytes, let received):
      descriptors = received
      if let reply = ControlReply(bytes) { return reply }
    case .nothing, .gone: break
    }
    gone = true
    return nil
  }
}
