// `tidegate origin`: one listening socket, one worker on the calling thread, and an orderly end. What it answers is OriginApplication's.
import CEpoll
import Glibc
import Proxy
import Runtime

/// A small origin for trying a gateway out.
public struct OriginServer {
  /// What runs may finish within this time after the first SIGTERM or SIGINT, nanoseconds.
  private static let drainTimeout: UInt64 = 2_000_000_000
  private static let signals = [SIGTERM, SIGINT]

  /// Serves until SIGTERM or SIGINT; a second one does not wait for what runs. Call it on the main thread before there are others,
  /// which would receive the signals.
  ///
  /// - Parameters:
  ///   - listen: `IPv4:port`, `[IPv6]:port` or `localhost:port`; port 0 lets the kernel choose.
  ///   - quiet: without the line on standard output that says where it listens.
  /// - Returns: the exit code: 0 ended as asked, 1 could not start (standard error says why), 2 ended by a second signal.
  public static func run(listen: String, quiet: Bool) -> Int32 {
    // The wake-up of a signal is a readable descriptor, so that it comes between two turns of the loop.
    var mask = sigset_t()
    sigemptyset(&mask)
    for number in signals { sigaddset(&mask, number) }
    pthread_sigmask(SIG_BLOCK, &mask, nil)
    signal(SIGPIPE, SIG_IGN)
    let signalDescriptor = signalfd(-1, &mask, Int32(SFD_CLOEXEC) | Int32(SFD_NONBLOCK))
    guard signalDescriptor >= 0 else { return refuse(SystemFault(call: "signalfd").description) }
    defer { close(signalDescriptor) }
    let keeper = SocketKeeper()
    do {
      let text = listen.hasPrefix("localhost:") ? "127.0.0.1" + listen.dropFirst("localhost".count) : listen
      let socket = try keeper.listen(text, count: 1)[0]
      return try withExtendedLifetime(keeper) { try serve(socket, signalDescriptor, quiet: quiet) }
    } catch {
      return refuse("\(error)")
    }
  }

  private static func serve(_ socket: Int32, _ signalDescriptor: Int32, quiet: Bool) throws -> Int32 {
    let address = try boundAddress(socket)
    var random = SeededRandom.fromSystem()
    let worker = try Worker(
      WorkerOptions(
        index: 0, count: 1, seed: random.next(), cells: MetricCells(), metrics: EngineMetrics(MetricRegistry())))
    let snapshot = Snapshot(
      application: OriginApplication(name: "\(address)"), upstreams: [],
      listeners: [ListenerOptions(address: address.hostText, port: address.port)], limits: Limits(),
      forwarding: ForwardingOptions(via: "tidegate-origin"), revision: 1)
    worker.post {
      $0.adopt(snapshot, listings: [])
      $0.listen(socket, listener: 0)
      guard !quiet else { return }
      say("origin listens on http://\(address)", STDOUT_FILENO)
    }
    var received = 0
    worker.watch(signalDescriptor, readable: true, writable: false) { [unowned worker] _ in
      var info = signalfd_siginfo()
      while read(signalDescriptor, &info, MemoryLayout<signalfd_siginfo>.size) == MemoryLayout<signalfd_siginfo>.size {
        received += 1
        if received == 1 { worker.drain(within: drainTimeout) { _ in worker.stop() } } else { worker.stop() }
      }
    }
    worker.run()
    return received > 1 ? 2 : 0
  }

  private static func boundAddress(_ socket: Int32) throws(SystemFault) -> SocketAddress {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let answer = withUnsafeMutablePointer(to: &storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(socket, $0, &length) }
    }
    guard answer == 0, let address = SocketAddress(storage) else { throw SystemFault(call: "getsockname") }
    return address
  }

  private static func refuse(_ reason: String) -> Int32 {
    say("tidegate origin: \(reason)", STDERR_FILENO)
    return 1
  }

  /// A line at once, past any buffer.
  private static func say(_ line: String, _ descriptor: Int32) {
    let bytes = Array((line + "\n").utf8)
    _ = write(descriptor, bytes, bytes.count)
  }
}
