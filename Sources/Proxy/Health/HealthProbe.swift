// One check of one endpoint: a connection of its own, made, used and closed under one deadline, on the control worker's loop. What is
// said is HealthConversation's; what the outcome means is HealthChecker's.
import CEpoll
import COpenSSL
import Glibc
import Runtime

final class HealthProbe {
  private enum Step {
    case idle  // then connecting
    case connecting  // then handshaking, talking or ended
    case handshaking  // then talking or ended
    case talking  // then ended
    case ended
  }

  /// Bytes taken from the socket in one turn.
  private static let readBytes = 65536

  private unowned let worker: Worker
  private let target: HealthTarget
  private var completion: ((HealthOutcome) -> Void)?
  private var step = Step.idle
  private var fd: Int32 = -1
  private var alarm: UInt64 = 0
  private var tls: TLSMemoryStream?
  private var conversation: (any HealthConversation)?
  private var output: [UInt8] = []
  private var watchesWritable = false

  /// - Parameter completion: called once, on the worker's thread, not from within `start`; never after `cancel`.
  init(_ target: HealthTarget, worker: Worker, completion: @escaping (HealthOutcome) -> Void) {
    self.target = target
    self.worker = worker
    self.completion = completion
  }

  deinit { if fd >= 0 { close(fd) } }

  /// Begins the check; the deadline runs from here.
  func start() {
    precondition(step == .idle, "a probe checks once; it is \(step)")
    step = .connecting
    fd = tg_socket(target.address.domain, Int32(SOCK_STREAM.rawValue))
    if fd < 0 { return failSoon("socket: \(Self.reason(errno))") }
    var one: Int32 = 1
    setsockopt(fd, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
    let result = target.address.withSockaddr { connect(fd, $0, $1) }
    if result != 0 && errno != EINPROGRESS { return failSoon("connect: \(Self.reason(errno))") }
    alarm = worker.after(target.check.timeout) { [weak self] in self?.timedOut() }
    watch(writable: true)
  }

  /// Ends the check without an outcome.
  func cancel() {
    completion = nil
    release()
  }

  // MARK: ending

  private func finish(_ outcome: HealthOutcome) {
    guard let completion else { return }
    self.completion = nil
    release()
    completion(outcome)
  }

  private func release() {
    step = .ended
    worker.cancel(alarm: alarm)
    if fd >= 0 {
      if let tls, conversation != nil {
        tls.close()
        let farewell = tls.takeOutput()
        _ = send(fd, farewell, farewell.count, Int32(MSG_NOSIGNAL))
      }
      worker.unwatch(fd)
      close(fd)
      fd = -1
    }
    tls = nil
    conversation = nil
  }

  /// The caller of `start` gets its answer in a later turn of the loop, whatever happens.
  private func failSoon(_ reason: String) {
    alarm = worker.after(0) { [weak self] in self?.finish(.failed(reason)) }
  }

  private func timedOut() {
    let milliseconds = target.check.timeout / 1_000_000
    switch step {
    case .connecting: finish(.failed("no connection within \(milliseconds) ms"))
    case .handshaking: finish(.failed("no TLS session within \(milliseconds) ms"))
    case .talking: finish(.failed("no complete answer within \(milliseconds) ms"))
    case .idle, .ended: break
    }
  }

  // MARK: connecting

  private func watch(writable: Bool) {
    watchesWritable = writable
    worker.watch(fd, readable: step != .connecting, writable: writable) { [self] _ in ready() }
  }

  private func ready() {
    switch step {
    case .connecting: connected()
    case .handshaking, .talking:
      flush()
      if step != .ended { receive() }
    case .idle, .ended: break
    }
  }

  private func connected() {
    var error: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length)
    if error != 0 { return finish(.failed("connect: \(Self.reason(error))")) }
    if isConnectedToItself { return finish(.failed("connect: nobody listens")) }
    step = .handshaking
    if let context = target.tls {
      do throws(TLSFault) {
        let session = try context.makeSession(serverName: target.serverName ?? target.host)
        // Settled per check: gRPC needs HTTP/2 even where the upstream's traffic does not offer it.
        if target.check.kind == .grpc { SSL_set_alpn_protos(session, [2, 0x68, 0x32], 3) }
        tls = TLSMemoryStream(session)
      } catch {
        return finish(.failed("TLS: \(error.message)"))
      }
      watch(writable: false)
      shakeHands()
    } else {
      watch(writable: false)
      talk()
    }
  }

  /// A loopback port from the range for outgoing connections can be its own peer while nobody listens there (TCP's simultaneous open).
  private var isConnectedToItself: Bool {
    var own = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let result = withUnsafeMutablePointer(to: &own) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(fd, $0, &length) }
    }
    return result == 0 && SocketAddress(own) == target.address
  }

  /// Every check shakes hands in full: a resumed session would not notice a certificate that has gone bad.
  private func shakeHands() {
    guard let tls else { return }
    let progress = tls.handshake()
    output += tls.takeOutput()
    flush()
    if step == .ended { return }
    switch progress {
    case .needsMore: break
    case .failed(let reason): finish(.failed("TLS: \(reason)"))
    case .done:
      if target.usesHTTP2 && tls.negotiated == .http1 { return finish(.failed("TLS: the server does not agree to HTTP/2")) }
      talk()
    }
  }

  // MARK: talking

  private func talk() {
    step = .talking
    conversation = HealthConversations.make(for: target)
    if conversation == nil { return finish(.passed("connected")) }
    transmit()
  }

  /// Sends what the conversation has to say.
  private func transmit() {
    guard let conversation else { return }
    let plain = conversation.takeOutput()
    if let tls {
      if !tls.write(plain) { return finish(.failed("TLS: the session broke")) }
      output += tls.takeOutput()
    } else {
      output += plain
    }
    flush()
  }

  private func flush() {
    while !output.isEmpty {
      let n = send(fd, output, output.count, Int32(MSG_NOSIGNAL))
      if n < 0 {
        if errno == EINTR { continue }
        // What the other side said before it broke off is still to be read, and says more than the broken pipe.
        if errno != EAGAIN { output = [] }
        break
      }
      output.removeFirst(n)
    }
    if watchesWritable == output.isEmpty { watch(writable: !output.isEmpty) }
  }

  private func receive() {
    let buffer = worker.receive  // nobody else uses it within this call
    let n = recv(fd, buffer, Self.readBytes, 0)
    if n < 0 {
      if errno != EAGAIN && errno != EINTR { finish(.failed("read: \(Self.reason(errno))")) }
    } else if n == 0 {
      finish(conversation?.ended() ?? .failed("the connection closed within the TLS handshake"))
    } else if let tls {
      tls.feed(buffer, n)
      if step == .handshaking { shakeHands() }
      if step == .talking { decrypt(tls, buffer) }
    } else {
      converse(buffer, n)
    }
  }

  private func decrypt(_ tls: TLSMemoryStream, _ buffer: Bytes) {
    while step == .talking {
      switch tls.read(buffer, Self.readBytes) {
      case .bytes(let n): converse(buffer, n)
      case .needsMore: return
      case .ended: return finish(conversation?.ended() ?? .failed("the TLS session closed"))
      case .failed(let reason): return finish(.failed("TLS: \(reason)"))
      }
    }
  }

  private func converse(_ p: Bytes, _ n: Int) {
    guard let conversation else { return }
    let outcome = conversation.receive(p, n)
    transmit()
    if let outcome { finish(outcome) }
  }

  private static func reason(_ code: Int32) -> String { String(cString: strerror(code)) }
}
