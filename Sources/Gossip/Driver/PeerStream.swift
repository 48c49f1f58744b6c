// The conversation over a stream in which two nodes exchange what is too large for datagrams: a hello each way, what the asker says, what
// the answerer says. Bytes come in and go out; the socket and its deadline are GossipLoop's.
import Runtime

/// What one side of a stream says.
enum StreamContent: Equatable {
  /// All that it knows of the members.
  case view([MemberStatement])
  /// A question about shared facts or the answer to one, and who says it to whom.
  case facts(Envelope, [FactRecord])
}

/// One side of an exchange.
final class PeerStream {
  enum Side: Sendable { case asker, answerer }

  /// What has come of the bytes so far.
  enum Outcome: Equatable {
    /// What the asker says is here: to be answered with `answer` or `refuse`.
    case asked(StreamContent)
    /// What the answerer says is here: all is done.
    case answered(StreamContent)
    /// The other side will not talk to us; nothing follows.
    case refused(StreamRefusal)
    case notLetIn(JoinRefusal)
    /// We will not talk to the other side: what waits in `output` says so, and the stream closes behind it.
    case refusing(StreamRefusal)
    /// Not this protocol, or broken off.
    case failed(String)
  }

  private enum State { case opening, talking, done }

  /// Statements in one record: far below what a record holds.
  private static let statementsPerRecord = 128

  let side: Side
  /// Bytes that wait to be written.
  var output: [UInt8] = []
  private let ring: KeyRing
  private let cluster: ClusterTag
  private let bytesMax: Int
  private let hello: StreamHello
  private let content: StreamContent?
  private var state = State.opening
  private var opening: [UInt8] = []
  private var sealer: StreamSealer?
  private var opener: StreamOpener?
  private var heard: [MemberStatement] = []
  private var facts: [FactRecord] = []
  private var envelope: Envelope?
  private var refusal: JoinRefusal?
  private var fault: String?

  /// - Parameters:
  ///   - content: what the asker says; the answerer's comes with `answer`.
  ///   - bytesMax: of plaintext that the other side may say.
  init(_ side: Side, ring: KeyRing, cluster: ClusterTag, salt: PacketSalt, content: StreamContent? = nil, bytesMax: Int) {
    self.side = side
    self.ring = ring
    self.cluster = cluster
    self.content = content
    self.bytesMax = bytesMax
    hello = StreamHello(key: ring.inUse.id, cluster: cluster, salt: salt)
    if side == .asker { output = hello.bytes }
  }

  /// Takes what the socket gave.
  /// - Returns: nil while more is needed.
  func receive(_ bytes: UnsafeRawBufferPointer) -> Outcome? {
    switch state {
    case .done: return .failed("bytes behind the end")
    case .talking: return listen(bytes)
    case .opening:
      opening.append(contentsOf: bytes)
      // SAFETY: `read` keeps no view.
      let beginning = opening.withUnsafeBytes { StreamHello.read($0) }
      switch beginning {
      case .incomplete: return nil
      case .foreign: return end(.failed("the other side speaks something else"))
      case .futureVersion: return end(side == .asker ? .refused(.futureVersion) : refusing(.futureVersion))
      case .refused(let reason): return end(side == .asker ? .refused(reason) : .failed("a refusal of what was not asked"))
      case .hello(let theirs): return begin(theirs)
      }
    }
  }

  /// Tells that the other side has closed.
  func ended() -> Outcome? {
    if state == .done { return nil }
    return end(.failed("the stream was cut off"))
  }

  private func begin(_ theirs: StreamHello) -> Outcome? {
    let mine: StreamHello
    switch side {
    case .asker:
      guard theirs.answers(hello) else { return end(.failed("a hello under another key or of another cluster")) }
      mine = hello
    case .answerer:
      if let reason = theirs.refusal(ring: ring, cluster: cluster) { return end(refusing(reason)) }
      mine = StreamHello(key: theirs.key, cluster: cluster, salt: hello.salt)
      output += mine.bytes
    }
    let (client, server) = side == .asker ? (mine, theirs) : (theirs, mine)
    guard let key = ring.key(client.key) else { return end(.failed("the key is gone")) }
    sealer = StreamSealer(key: key, client: client, server: server, role: side == .asker ? .client : .server)
    opener = StreamOpener(key: key, client: client, server: server, from: side == .asker ? .server : .client, bytesMax: bytesMax)
    state = .talking
    if let content { say(content) }
    let rest = Array(opening.dropFirst(StreamHello.byteCount))
    opening = []
    // SAFETY: what is read of the rest is copied out of it.
    return rest.withUnsafeBytes { listen($0) }
  }

  private func refusing(_ reason: StreamRefusal) -> Outcome {
    var writer = ByteWriter()
    reason.encode(into: &writer)
    output += writer.bytes
    return .refusing(reason)
  }

  private func end(_ outcome: Outcome) -> Outcome {
    state = .done
    return outcome
  }

  // MARK: records

  private func listen(_ bytes: UnsafeRawBufferPointer) -> Outcome? {
    guard let opener else { return nil }
    do throws(StreamFault) {
      try opener.receive(bytes) { record in hear(record) }
    } catch {
      return end(.failed(error.label))
    }
    if let fault { return end(.failed(fault)) }
    guard opener.isEnded else { return nil }
    if let refusal { return end(.notLetIn(refusal)) }
    let content = envelope.map { StreamContent.facts($0, facts) } ?? .view(heard)
    return side == .asker ? end(.answered(content)) : .asked(content)
  }

  private func hear(_ record: UnsafeRawBufferPointer) {
    var parts = PartReader(record)
    do {
      while let part = try parts.next() {
        switch part.kind {
        case .statements:
          if case .statements(let list)? = try Message(kind: part.kind.rawValue, part.body) { heard += list }
        case .joinRefusal:
          if let code = part.body.first { refusal = JoinRefusal(rawValue: code) ?? .protocolVersion }
        case .envelope: envelope = try Envelope(decoding: part.body)
        case let kind: if let fact = FactPart(rawValue: kind.rawValue) { facts.append(FactRecord(fact, Array(part.body))) }
        }
      }
    } catch { fault = "a record that cannot be read" }
  }

  private func say(_ content: StreamContent) {
    switch content {
    case .view(let statements):
      var rest = statements[...]
      while !rest.isEmpty {
        let message = Message.statements(Array(rest.prefix(PeerStream.statementsPerRecord)))
        rest = rest.dropFirst(PeerStream.statementsPerRecord)
        record { packer in packer.add(message.kind) { message.encode(into: &$0) } }
      }
    case .facts(let envelope, let records):
      record { packer in packer.add(.envelope) { envelope.encode(into: &$0) } }
      for each in records {
        // The length of packed secrets would tell of them.
        record(packing: each.part != .ticketKeys) { packer in packer.add(each.part.kind) { $0.write(bytes: each.body) } }
      }
    }
    finish()
  }

  private func record(packing: Bool = true, _ fill: (inout PartPacker) -> Bool) {
    var packer = PartPacker(limit: StreamLimits.plaintextBytesMax)
    guard fill(&packer) else { return fault = "a record that is too large" }
    // SAFETY: the bytes are sealed within the call.
    packer.bytes.withUnsafeBytes { bytes in
      do throws(StreamFault) { try sealer?.seal(bytes, packing: packing, into: &output) } catch { fault = error.label }
    }
  }

  private func finish() {
    do throws(StreamFault) { try sealer?.end(into: &output) } catch { fault = error.label }
  }

  /// What the answerer says, after which its side is done.
  func answer(_ content: StreamContent) {
    say(content)
    state = .done
  }

  /// The answerer does not let the asker in.
  func refuse(_ reason: JoinRefusal) {
    record { packer in packer.add(.joinRefusal) { $0.write(reason.rawValue) } }
    finish()
    state = .done
  }
}
