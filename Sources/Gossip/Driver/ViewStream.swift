// The conversation over a stream in which two nodes exchange whole views: a hello each way, the asker's view, the answerer's. Bytes come
// in and go out; the socket and its deadline are GossipLoop's.
import Runtime

/// One side of an exchange.
final class ViewStream {
  enum Side: Sendable { case asker, answerer }

  /// What has come of the bytes so far.
  enum Outcome: Equatable {
    /// The asker's view is here: to be answered with `answer` or `refuse`.
    case asked([MemberStatement])
    /// The answerer's view is here: all is done.
    case answered([MemberStatement])
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
  private let view: [MemberStatement]
  private var state = State.opening
  private var opening: [UInt8] = []
  private var sealer: StreamSealer?
  private var opener: StreamOpener?
  private var heard: [MemberStatement] = []
  private var refusal: JoinRefusal?
  private var fault: String?

  /// - Parameter view: what the asker says; the answerer's comes with `answer`.
  init(_ side: Side, ring: KeyRing, cluster: ClusterTag, salt: PacketSalt, view: [MemberStatement] = [], bytesMax: Int) {
    self.side = side
    self.ring = ring
    self.cluster = cluster
    self.view = view
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
    if side == .asker { say(view) }
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
    return side == .asker ? end(.answered(heard)) : .asked(heard)
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
        case _: break  // of a later version
        }
      }
    } catch { fault = "a record that cannot be read" }
  }

  private func say(_ statements: [MemberStatement]) {
    var rest = statements[...]
    while !rest.isEmpty {
      let message = Message.statements(Array(rest.prefix(ViewStream.statementsPerRecord)))
      rest = rest.dropFirst(ViewStream.statementsPerRecord)
      record { packer in packer.add(message.kind) { message.encode(into: &$0) } }
    }
    finish()
  }

  private func record(_ fill: (inout PartPacker) -> Bool) {
    var packer = PartPacker(limit: StreamLimits.plaintextBytesMax)
    guard fill(&packer) else { return fault = "a record that is too large" }
    // SAFETY: the bytes are sealed within the call.
    packer.bytes.withUnsafeBytes { bytes in
      do throws(StreamFault) { try sealer?.seal(bytes, packing: true, into: &output) } catch { fault = error.label }
    }
  }

  private func finish() {
    do throws(StreamFault) { try sealer?.end(into: &output) } catch { fault = error.label }
  }

  /// The answerer's view, after which its side is done.
  func answer(_ statements: [MemberStatement]) {
    say(statements)
    state = .done
  }

  /// The answerer does not let the asker in.
  func refuse(_ reason: JoinRefusal) {
    record { packer in packer.add(.joinRefusal) { $0.write(reason.rawValue) } }
    finish()
    state = .done
  }
}
