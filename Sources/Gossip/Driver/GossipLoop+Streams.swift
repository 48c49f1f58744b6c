// Streams of a gossip loop: connecting, accepting, moving bytes, deadlines. What is said on them is PeerStream's.
import CEpoll
import Glibc
import Runtime

/// One stream and how far it has come.
struct GossipStream {
  let descriptor: Int32
  let address: SocketAddress
  let talk: PeerStream
  /// The member that is asked about shared facts; nil for an exchange of views, and where the other side asks.
  var asked: MemberID?
  let deadline: UInt64
  var isConnecting: Bool
  /// Nothing has come yet: it may be meant for somebody else.
  var isUnknown = false
  /// Bytes of `talk.output` that the socket has taken.
  var written = 0
  /// All has been said: it closes when what waits has gone out.
  var closesWhenWritten = false
}

/// How the very first attempts to join are getting on.
struct FirstJoin {
  var waiting: [SocketAddress]
  var refused: String?
  var isJoined = false

  init(waitingFor seeds: [SocketAddress]) { waiting = seeds }
}

extension GossipLoop {
  /// Binds the socket for datagrams and the listener for streams to one port. Where the kernel chooses it, what it has free for datagrams
  /// may be taken for streams: then it chooses again.
  static func bind(_ address: SocketAddress) throws -> (DatagramSocket, listener: Int32) {
    for _ in 0..<15 where address.port == 0 {
      let socket = try DatagramSocket(bind: address)
      do throws(SystemFault) { return (socket, try listen(socket.address)) } catch { if error.code != EADDRINUSE { throw error } }
    }
    let socket = try DatagramSocket(bind: address)
    return (socket, try listen(socket.address))
  }

  private static func listen(_ address: SocketAddress) throws(SystemFault) -> Int32 {
    let descriptor = tg_socket(address.domain, Int32(SOCK_STREAM.rawValue))
    guard descriptor >= 0 else { throw SystemFault(call: "socket") }
    var one: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, 4)
    let bound = address.withSockaddr { Glibc.bind(descriptor, $0, $1) }
    guard bound == 0, Glibc.listen(descriptor, 128) == 0 else {
      let fault = SystemFault(call: "listen on \(address) (TCP)")
      close(descriptor)
      throw fault
    }
    return descriptor
  }

  // MARK: beginning

  /// Exchanges views with whoever is at the address.
  func openStream(to address: SocketAddress) { connect(to: address, asking: nil, .view(membership.view), limits.viewBytesMax) }

  /// Asks a member about shared facts.
  func openStream(asking member: Member, _ question: [FactRecord]) {
    connect(to: member.record.peer, asking: member.id, .facts(envelope(to: member.id), question), limits.factBytesMax)
  }

  private func connect(to address: SocketAddress, asking member: MemberID?, _ content: StreamContent, _ bytesMax: Int) {
    guard streams.count < limits.streamsMax else { return ended(address, member, .unreachable) }
    let descriptor = tg_socket(address.domain, Int32(SOCK_STREAM.rawValue))
    guard descriptor >= 0 else { return ended(address, member, .unreachable) }
    bindSource(descriptor, to: address)
    let result = address.withSockaddr { Glibc.connect(descriptor, $0, $1) }
    guard result == 0 || errno == EINPROGRESS else {
      close(descriptor)
      return ended(address, member, .unreachable)
    }
    let talk = PeerStream(.asker, ring: ring, cluster: clusterTag, salt: .fromSystem(), content: content, bytesMax: bytesMax)
    add(descriptor, address, talk, asked: member, isConnecting: result != 0)
  }

  /// Streams come from where datagrams come from, so that filters between nodes need to know one address. A port is chosen when the
  /// connection is made (ip(7), IP_BIND_ADDRESS_NO_PORT), so that few ports are enough for many peers. Where the address cannot be had,
  /// the kernel's choice does as well.
  private func bindSource(_ descriptor: Int32, to peer: SocketAddress) {
    guard !address.isUnspecified, address.domain == peer.domain else { return }
    var one: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_IP), GossipLoop.bindAddressNoPort, &one, 4)
    _ = address.withPort(0).withSockaddr { Glibc.bind(descriptor, $0, $1) }
  }

  /// IP_BIND_ADDRESS_NO_PORT of linux/in.h.
  private static let bindAddressNoPort: Int32 = 24

  func acceptStreams() {
    while true {
      var storage = sockaddr_storage()
      var length = socklen_t(0)
      let descriptor = tg_accept(listener, &storage, &length)
      guard descriptor >= 0 else { return }
      guard streams.count < 2 * limits.streamsMax, let address = SocketAddress(storage) else {
        streamsRefused += 1
        close(descriptor)
        continue
      }
      let talk = PeerStream(.answerer, ring: ring, cluster: clusterTag, salt: .fromSystem(), bytesMax: limits.viewBytesMax)
      add(descriptor, address, talk, asked: nil, isConnecting: false)
      if onPeerLink != nil { streams[nextStream - 1]?.isUnknown = true }
    }
  }

  /// The first byte of a TLS record that carries a handshake (RFC 8446 §5.1); a stream of gossip begins with another (`StreamHello`).
  private static let handshakeRecord: UInt8 = 22

  /// Looks at the first byte of a stream that came: what speaks TLS is handed on, and is gone from here.
  private func handOn(_ token: UInt64, _ stream: GossipStream) -> Bool {
    var first: UInt8 = 0
    guard recv(stream.descriptor, &first, 1, Int32(MSG_PEEK)) == 1 else { return false }
    streams[token]?.isUnknown = false
    guard first == GossipLoop.handshakeRecord, let onPeerLink else { return false }
    loop.remove(stream.descriptor)
    streams[token] = nil
    onPeerLink(stream.descriptor, stream.address)
    return true
  }

  private func add(_ descriptor: Int32, _ address: SocketAddress, _ talk: PeerStream, asked: MemberID?, isConnecting: Bool) {
    let token = nextStream
    nextStream += 1
    streams[token] = GossipStream(
      descriptor: descriptor, address: address, talk: talk, asked: asked, deadline: now + limits.streamTimeout, isConnecting: isConnecting)
    loop.add(descriptor, events: EventLoop.stream, token: token)
  }

  // MARK: moving bytes

  func streamReady(_ token: UInt64, _ ready: UInt32) {
    guard var stream = streams[token] else { return }
    if stream.isConnecting {
      var error: Int32 = 0
      var length = socklen_t(4)
      getsockopt(stream.descriptor, SOL_SOCKET, SO_ERROR, &error, &length)
      if error != 0 || ready & (EventLoop.failed | EventLoop.hungUp) != 0 { return drop(token, .unreachable) }
      stream.isConnecting = false
      streams[token] = stream
    }
    if stream.isUnknown && handOn(token, stream) { return }
    if ready & ~EventLoop.writable != 0, !readStream(token, stream) { return }
    writeStream(token)
  }

  /// Reads what is there; false when the stream is gone.
  private func readStream(_ token: UInt64, _ stream: GossipStream) -> Bool {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let n = buffer.withUnsafeMutableBytes { tg_receive(stream.descriptor, $0.baseAddress, $0.count) }
      if n < 0 && tg_errno() == EAGAIN { return true }
      let outcome: PeerStream.Outcome?
      if n > 0 {
        // SAFETY: what is heard is copied out of the buffer.
        outcome = buffer.withUnsafeBytes { stream.talk.receive(UnsafeRawBufferPointer(rebasing: $0[..<n])) }
      } else {
        outcome = stream.talk.ended()
        if outcome == nil {
          // The other side has all it wants; what still waits here goes out if it can.
          return streams[token] != nil
        }
      }
      if let outcome, !follow(outcome, token, stream) { return false }
    }
  }

  /// Does what the conversation has come to; false when the stream is gone.
  private func follow(_ outcome: PeerStream.Outcome, _ token: UInt64, _ stream: GossipStream) -> Bool {
    switch outcome {
    case .asked(.facts(let envelope, let question)):
      streams[token]?.closesWhenWritten = true
      guard let answer = answer(question, of: envelope) else {
        drop(token, .unreachable)
        return false
      }
      stream.talk.answer(.facts(self.envelope(to: envelope.from), answer))
      return true
    case .answered(.facts(let envelope, let answer)):
      let isAnswer = envelope.from == stream.asked && isFromMember(envelope)
      drop(token, isAnswer ? .joined : .unreachable)
      if isAnswer { perform(facts.answered(answer, by: envelope.from, now: factTime)) }
      return false
    case .asked(.view(let theirs)):
      streams[token]?.closesWhenWritten = true
      if let first = theirs.first, let reason = membership.refusal(of: first) {
        streamsRefused += 1
        stream.talk.refuse(reason)
        onNotice?(.refused(reason.explanation, first.record.peer))
        return true
      }
      // Before theirs is taken in: nobody is told what it has just said.
      stream.talk.answer(.view(membership.view))
      perform(membership.exchanged(theirs, with: stream.address, now: now))
      return true
    case .answered(.view(let theirs)):
      drop(token, stream.asked == nil ? .joined : .unreachable)
      if stream.asked != nil { return false }
      perform(membership.exchanged(theirs, with: stream.address, now: now))
      return false
    case .refused(let reason):
      onNotice?(.refused(reason.explanation, stream.address))
      drop(token, .refused(reason.explanation))
      return false
    case .notLetIn(let reason):
      onNotice?(.refused(reason.explanation, stream.address))
      drop(token, .refused(reason.explanation))
      return false
    case .refusing:
      streamsRefused += 1
      guard mayTellRefusal() else {
        drop(token, .unreachable)
        return false
      }
      streams[token]?.closesWhenWritten = true
      return true
    case .failed:
      drop(token, .unreachable)
      return false
    }
  }

  /// Strangers are told why only so often.
  private func mayTellRefusal() -> Bool {
    if now - refusalsSince >= 1_000_000_000 {
      refusalsSince = now
      refusalsTold = 0
    }
    refusalsTold += 1
    return refusalsTold <= limits.refusalsPerSecond
  }

  private func writeStream(_ token: UInt64) {
    guard var stream = streams[token], !stream.isConnecting else { return }
    while stream.written < stream.talk.output.count {
      let n = stream.talk.output.withUnsafeBytes {
        tg_send(stream.descriptor, $0.baseAddress! + stream.written, $0.count - stream.written)
      }
      if n < 0 {
        if tg_errno() == EAGAIN { break }
        return drop(token, .unreachable)
      }
      stream.written += n
    }
    streams[token] = stream
    if stream.closesWhenWritten && stream.written == stream.talk.output.count { drop(token, .answered) }
  }

  // MARK: ending

  enum StreamEnd: Equatable {
    /// It was the other side that asked.
    case answered
    case joined
    case unreachable
    case refused(String)
  }

  func endLateStreams() {
    for (token, stream) in streams where stream.deadline <= now { drop(token, .unreachable) }
  }

  private func drop(_ token: UInt64, _ end: StreamEnd) {
    guard let stream = streams.removeValue(forKey: token) else { return }
    // A side that has said all and not read all would reset what is on its way.
    if stream.closesWhenWritten { shutdown(stream.descriptor, Int32(SHUT_WR)) }
    close(stream.descriptor)
    if stream.talk.side == .asker { ended(stream.address, stream.asked, end) } else if end == .unreachable { streamsFailed += 1 }
  }

  private func ended(_ address: SocketAddress, _ asked: MemberID?, _ end: StreamEnd) {
    if end == .unreachable { streamsFailed += 1 }
    if let asked {
      if end != .joined { facts.exchangeFailed(with: asked) }
      return
    }
    guard firstJoin != nil else { return }
    firstJoin?.waiting.removeAll { $0 == address }
    switch end {
    case .joined: firstJoin?.isJoined = true
    case .refused(let reason): firstJoin?.refused = reason
    case .unreachable, .answered: break
    }
    settleFirstJoin()
  }

  /// Tells, once, how joining went. Refusals count only when nobody who could be reached let us in.
  func settleFirstJoin() {
    guard let join = firstJoin, let tell = onJoin else { return }
    if join.isJoined {
      tell(.joined)
    } else if !join.waiting.isEmpty {
      return
    } else if let reason = join.refused {
      tell(.refused(reason))
    } else {
      tell(.alone)
    }
    onJoin = nil
  }
}
