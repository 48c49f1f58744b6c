import Foundation
import Glibc
import Runtime
import Testing

@testable import Gossip

/// A gossip loop on its own thread, on loopback.
private final class LiveNode: @unchecked Sendable {
  // SAFETY: the loop locks what other threads ask for; the thread's handle is used by the test alone.
  let loop: GossipLoop
  fileprivate let facts = FactBox()
  /// Signalled whenever any loop has had a turn.
  static let turns = DispatchSemaphore(value: 0)
  private var thread = pthread_t()

  init(_ id: UInt64, key: UInt8 = 1, cluster: String = "test", generation: UInt64 = 1, address: String = "127.0.0.1") throws {
    let bind = SocketAddress(host: address, port: 0)!
    let options = GossipOptions(
      me: MemberID(id), generation: generation, record: MemberRecord(name: "n\(id)", peer: bind), bind: bind, cluster: cluster,
      keys: LiveNode.ring(key), seed: id)
    loop = try GossipLoop(options)
    loop.onTurn = { LiveNode.turns.signal() }
    loop.onFact = { [facts] in facts.take($0) }
  }

  static func key(_ byte: UInt8) -> ClusterKey { ClusterKey(secret: KeySecret([UInt8](repeating: byte, count: 32))!) }
  static func ring(_ byte: UInt8) -> KeyRing { KeyRing(key(byte)) }

  func start(_ seeds: [SocketAddress] = []) {
    let box = Unmanaged.passRetained(loop)
    pthread_create(
      &thread, nil,
      {
        Unmanaged<GossipLoop>.fromOpaque($0!).takeRetainedValue().run()
        return nil
      }, box.toOpaque())
    if !seeds.isEmpty { loop.post { $0.seek(seeds) } }
  }

  func stop() {
    loop.stop()
    pthread_join(thread, nil)
  }

  /// Consumes one unit as a worker would: by the local estimate, or by what the owner says.
  func consume(_ key: UInt64, _ policy: CounterPolicy) -> Bool {
    switch loop.consume(key, policy: policy).verdict {
    case .allowed: return true
    case .denied: return false
    case .ask(let owner):
      let decided = DispatchSemaphore(value: 0)
      let box = AnswerBox()
      loop.ask(owner, key, policy: policy, patience: 2_000_000_000) { decision in
        box.set(decision.verdict == .allowed)
        decided.signal()
      }
      _ = decided.wait(timeout: .now() + 20)
      return box.value
    }
  }

  var present: [UInt64] {
    loop.status.members.filter { $0.state == .alive || $0.state == .suspect }.map(\.id.value).sorted()
  }
}

@Suite(.serialized) struct GossipLoopTests {
  /// Waits until the condition holds: looked at after every turn of a loop, with a deadline that is far beyond what it takes.
  private func eventually(_ text: String, _ condition: () -> Bool) {
    let deadline = DispatchTime.now() + 30
    while !condition() {
      if LiveNode.turns.wait(timeout: deadline) == .success { continue }
      Issue.record("did not happen: \(text)")
      return
    }
  }

  @Test("nodes find each other and miss who is gone", arguments: ["127.0.0.1", "::1"])
  func cluster(address: String) throws {
    let nodes = try (1...4).map { try LiveNode($0, address: address) }
    for node in nodes { node.start([nodes[0].loop.address]) }
    eventually("four that know each other") { nodes.allSatisfy { $0.present == [1, 2, 3, 4] } }
    nodes[3].stop()
    eventually("the dead one is dead") { nodes[..<3].allSatisfy { $0.present == [1, 2, 3] } }
    let left = DispatchSemaphore(value: 0)
    nodes[2].loop.post { loop in
      loop.onNotice = { if $0 == .left { left.signal() } }
      loop.leave()
    }
    #expect(left.wait(timeout: .now() + 20) == .success)
    nodes[2].stop()
    eventually("who said goodbye has left") {
      nodes[..<2].allSatisfy { $0.loop.status.members.first { $0.id == MemberID(3) }?.state == .left }
    }
    for node in nodes[..<2] { node.stop() }
  }

  @Test func newsReachesTheOthers() throws {
    let nodes = try (1...3).map { try LiveNode($0) }
    for node in nodes { node.start([nodes[0].loop.address]) }
    eventually("three that know each other") { nodes.allSatisfy { $0.present == [1, 2, 3] } }
    nodes[2].loop.post { $0.update { $0.isDraining = true } }
    eventually("all see that it drains") {
      nodes.allSatisfy { $0.loop.status.members.first { $0.id == MemberID(3) }?.record.isDraining == true }
    }
    for node in nodes { node.stop() }
  }

  @Test("whoever does not belong here is told why", arguments: [(UInt8(2), "test", "key"), (UInt8(1), "elsewhere", "cluster")])
  func refused(key: UInt8, cluster: String, word: String) throws {
    let home = try LiveNode(1)
    let stranger = try LiveNode(2, key: key, cluster: cluster)
    let box = OutcomeBox()
    stranger.loop.onJoin = { box.set($0) }
    home.start()
    stranger.start([home.loop.address])
    eventually("a refusal") { box.value != nil }
    if case .refused(let reason)? = box.value { #expect(reason.contains(word)) } else { Issue.record("\(String(describing: box.value))") }
    // The ping of the next second is dropped and counted.
    eventually("a dropped packet") { home.loop.status.refusals[word == "key" ? .unknownKey : .otherCluster] > 0 }
    #expect(home.present == [1])
    home.stop()
    stranger.stop()
  }

  @Test func aSeedThatIsNotThereStopsNobody() throws {
    let gone = try LiveNode(9)
    let address = gone.loop.address
    gone.start()
    gone.stop()
    let node = try LiveNode(1)
    let box = OutcomeBox()
    node.loop.onJoin = { box.set($0) }
    node.start([SocketAddress(host: "127.0.0.1", port: address.port == 1 ? 2 : 1)!])
    eventually("it goes on alone") { box.value == .alone }
    node.stop()
  }

  @Test func whoIsFoundBeforeItLooksHasJoinedAsWell() throws {
    let (home, late) = (try LiveNode(1), try LiveNode(2))
    let box = OutcomeBox()
    late.loop.onJoin = { box.set($0) }
    late.start()
    home.start([late.loop.address])
    eventually("two that know each other") { home.present == [1, 2] && late.present == [1, 2] }
    late.loop.post { [address = home.loop.address] in $0.seek([address]) }
    eventually("it says that it has joined") { box.value == .joined }
    home.stop()
    late.stop()
  }

  @Test func aQuestionToAnOwnerThatHasDiedIsDecidedAllTheSame() throws {
    let nodes = try three()
    let policy = try #require(CounterPolicy.bucket(10, per: 1_000_000_000_000, burst: 10))
    nodes[2].stop()
    let decided = DispatchSemaphore(value: 0)
    nodes[0].loop.ask(MemberID(3), UInt64(77), policy: policy) { _ in decided.signal() }
    #expect(decided.wait(timeout: .now() + 20) == .success)
    for node in nodes[..<2] { node.stop() }
  }

  @Test func keysAreExchangedWhileAllGoesOn() throws {
    let nodes = try (1...3).map { try LiveNode($0) }
    for node in nodes { node.start([nodes[0].loop.address]) }
    eventually("three that know each other") { nodes.allSatisfy { $0.present == [1, 2, 3] } }
    var ring = LiveNode.ring(1)
    try ring.add(LiveNode.key(2))
    for node in nodes { node.loop.post { [ring] in $0.use(ring) } }
    try ring.use(LiveNode.key(2).id)
    for node in nodes { node.loop.post { [ring] in $0.use(ring) } }
    try ring.remove(LiveNode.key(1).id)
    for node in nodes { node.loop.post { [ring] in $0.use(ring) } }
    let before = nodes.map { $0.loop.status.counts.probes }
    eventually("probes under the new key") { zip(nodes, before).allSatisfy { $0.loop.status.counts.probes > $1 + 10 } }
    #expect(nodes.allSatisfy { $0.present == [1, 2, 3] && $0.loop.status.counts.deaths == 0 })
    for node in nodes { node.stop() }
  }

  @Test func aLimitHoldsOverAllNodes() throws {
    let nodes = try (1...3).map { try LiveNode($0) }
    for node in nodes { node.start([nodes[0].loop.address]) }
    eventually("three that know each other") { nodes.allSatisfy { $0.present == [1, 2, 3] } }
    // So slow that nothing comes back while the test runs: what is admitted is the burst, whoever admits it.
    let policy = try #require(CounterPolicy.bucket(100, per: 1_000_000_000_000_000, burst: 100))
    eventually("nodes that have settled") { nodes.allSatisfy { $0.loop.status.counts.probes > 8 } }
    var allowed = 0
    for _ in 0..<50 {
      for node in nodes {
        if node.consume(UInt64(77), policy) { allowed += 1 }
        // Counts are told within milliseconds, not between two instructions: the loops get their turns.
        for _ in 0..<3 { _ = LiveNode.turns.wait(timeout: .now() + 20) }
      }
    }
    #expect(abs(allowed - 100) <= 3, "\(allowed) of 100 admitted by three nodes that try 150 times")
    let denied = nodes.allSatisfy { !$0.consume(UInt64(77), policy) }
    #expect(denied)
    for node in nodes { node.stop() }
  }

  @Test func requestsAtOnceAreCountedOverAllNodes() throws {
    let nodes = try three()
    let key: UInt64 = 5
    for node in nodes[..<2] { #expect(node.loop.begin(key, limit: 3) == (true, true)) }
    eventually("all know of both") { nodes.allSatisfy { $0.loop.inFlight(key) == 2 } }
    #expect(nodes[2].loop.begin(key, limit: 2) == (false, false))
    #expect(nodes[2].loop.begin(key, limit: 3) == (true, true))
    nodes[0].loop.end(key)
    eventually("one has ended") { nodes.allSatisfy { $0.loop.inFlight(key) == 2 } }
    nodes[1].stop()
    eventually("what a dead node had begun is over") { [0, 2].allSatisfy { nodes[$0].loop.inFlight(key) == 1 } }
    nodes[0].stop()
    nodes[2].stop()
  }

  @Test func hostileDatagramsAndStreamsAreCountedAndNothingElse() throws {
    let nodes = try (1...2).map { try LiveNode($0) }
    for node in nodes { node.start([nodes[0].loop.address]) }
    eventually("two that know each other") { nodes.allSatisfy { $0.present == [1, 2] } }
    let enemy = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    defer { close(enemy) }
    var random = SeededRandom(seed: 5)
    for _ in 0..<2_000 {
      let bytes = (0..<Int(random.below(1_500))).map { _ in UInt8(random.below(256)) }
      _ = nodes[0].loop.address.withSockaddr { address, length in sendto(enemy, bytes, bytes.count, 0, address, length) }
    }
    for _ in 0..<20 {
      let stream = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      let bytes = (0..<200).map { _ in UInt8(random.below(256)) }
      _ = nodes[0].loop.address.withSockaddr { connect(stream, $0, $1) }
      _ = send(stream, bytes, bytes.count, Int32(MSG_NOSIGNAL))
      close(stream)
    }
    eventually("they are counted") { nodes[0].loop.status.refusals.total > 0 && nodes[0].loop.status.streamsFailed > 0 }
    let before = nodes[0].loop.status.counts.probes
    eventually("reception goes on") { nodes[0].loop.status.counts.probes > before + 5 }
    #expect(nodes.allSatisfy { $0.present == [1, 2] && $0.loop.status.counts.deaths == 0 })
    for node in nodes { node.stop() }
  }

  // MARK: shared facts

  private func three() throws -> [LiveNode] {
    let nodes = try (1...3).map { try LiveNode($0) }
    for node in nodes { node.start([nodes[0].loop.address]) }
    eventually("three that know each other") { nodes.allSatisfy { $0.present == [1, 2, 3] } }
    return nodes
  }

  @Test func aWriteAndAPurgeReachTheOthers() throws {
    let nodes = try three()
    nodes[0].loop.post { _ = $0.write(Array("name".utf8), Array("value".utf8)) }
    nodes[1].loop.post { _ = try? $0.append(Array("purge".utf8)) }
    eventually("all hold the write") {
      Set(nodes.map(\.loop.status.facts.registerHash)).count == 1 && nodes[2].loop.status.facts.registerEntries == 1
    }
    eventually("the others apply the purge") { [0, 2].allSatisfy { nodes[$0].facts.applied == [Array("purge".utf8)] } }
    #expect(nodes[1].facts.applied.isEmpty, "it had done it itself")
    // Who comes later gets the whole register, over a stream: more than fits many datagrams.
    nodes[0].loop.post { loop in
      for i in 0..<2_000 { _ = loop.write(Array("name-\(i)".utf8), [UInt8](repeating: UInt8(i % 256), count: 700)) }
    }
    let late = try LiveNode(4)
    late.start([nodes[0].loop.address])
    eventually("the newcomer has all of it") {
      late.loop.status.facts.registerEntries == 2_001 && Set((nodes + [late]).map(\.loop.status.facts.registerHash)).count == 1
    }
    for node in nodes + [late] { node.stop() }
  }

  @Test func anEndpointIsCheckedByThreeAndKnownToAll() throws {
    let nodes = try (1...5).map { try LiveNode($0) }
    for node in nodes { node.start([nodes[0].loop.address]) }
    eventually("five that know each other") { nodes.allSatisfy { $0.present == [1, 2, 3, 4, 5] } }
    let endpoint = EndpointID(77)
    for node in nodes { node.loop.post { $0.watch([EndpointWatch(endpoint, patience: 60_000_000_000)]) } }
    eventually("three check it") { nodes.count { $0.facts.standing(endpoint)?.isMine == true } == 3 }
    for node in nodes where node.facts.standing(endpoint)?.isMine == true { node.loop.post { $0.found(endpoint, isHealthy: false) } }
    eventually("all know what they found") { nodes.allSatisfy { $0.facts.standing(endpoint)?.state == .unhealthy } }
    for node in nodes { node.stop() }
  }

  @Test func whoHasLeftChecksAndCountsForItself() throws {
    let nodes = try three()
    let endpoint = EndpointID(78)
    for node in nodes { node.loop.post { $0.watch([EndpointWatch(endpoint, patience: 3_600_000_000_000)]) } }
    eventually("all three check it") { nodes.allSatisfy { $0.facts.standing(endpoint)?.isMine == true } }
    for node in nodes { node.loop.post { $0.found(endpoint, isHealthy: true) } }
    eventually("all know what they found") { nodes.allSatisfy { $0.facts.standing(endpoint)?.state == .healthy } }
    _ = nodes[0].loop.begin(9, limit: 5)
    eventually("the others know of a request") { nodes[2].loop.inFlight(9) == 1 }
    nodes[2].loop.post { $0.leave() }
    nodes[2].loop.post { $0.found(endpoint, isHealthy: false) }
    eventually("it goes by what it finds itself") {
      nodes[2].facts.standing(endpoint)?.state == .unhealthy && nodes[2].loop.inFlight(9) == 0
    }
    eventually("the others do not") { nodes[0].loop.status.members.contains { $0.id == MemberID(3) && $0.state == .left } }
    #expect(nodes[0].facts.standing(endpoint)?.state == .healthy)
    for node in nodes { node.stop() }
  }

  @Test func ticketKeysAreTheSameEverywhere() throws {
    let nodes = try three()
    eventually("one key everywhere") { nodes.allSatisfy { $0.loop.status.facts.ticketKeys == 1 } }
    let held = DispatchSemaphore(value: 0)
    let names = NamesBox()
    for node in nodes {
      node.loop.post { loop in
        names.add(loop.facts.ticketKeys.keys.map(\.name))
        held.signal()
      }
    }
    for _ in nodes { #expect(held.wait(timeout: .now() + 20) == .success) }
    #expect(names.all.count == 3 && Set(names.all).count == 1)
    for node in nodes { node.stop() }
  }
}

/// SAFETY: (@unchecked Sendable) the value is behind a lock.
private final class NamesBox: @unchecked Sendable {
  private let held = Locked<[[[UInt8]]]>([])
  func add(_ names: [[UInt8]]) { held.withLock { $0.append(names) } }
  var all: [[[UInt8]]] { held.withLock { $0 } }
}

/// What the shared facts of a node have come to.
///
/// SAFETY: (@unchecked Sendable) the values are behind locks.
private final class FactBox: @unchecked Sendable {
  private let entries = Locked<[[UInt8]]>([])
  private let standings = Locked<[EndpointID: EndpointStanding]>([:])

  func take(_ effect: FactEffect) {
    switch effect {
    case .apply(let entry): entries.withLock { $0.append(entry.body) }
    case .standings(let list): standings.withLock { known in for each in list { known[each.endpoint] = each } }
    case _: break
    }
  }

  var applied: [[UInt8]] { entries.withLock { $0 } }
  func standing(_ endpoint: EndpointID) -> EndpointStanding? { standings.withLock { $0[endpoint] } }
}

/// SAFETY: (@unchecked Sendable) the value is behind a lock.
private final class AnswerBox: @unchecked Sendable {
  private let held = Locked(false)
  func set(_ answer: Bool) { held.withLock { $0 = answer } }
  var value: Bool { held.withLock { $0 } }
}

/// SAFETY: (@unchecked Sendable) the value is behind a lock.
private final class OutcomeBox: @unchecked Sendable {
  private let held = Locked<JoinOutcome?>(nil)
  func set(_ outcome: JoinOutcome) { held.withLock { $0 = outcome } }
  var value: JoinOutcome? { held.withLock { $0 } }
}
