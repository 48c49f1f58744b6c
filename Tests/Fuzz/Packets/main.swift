// Fuzzes what a node does with datagrams: bytes as they come from anybody, and plaintexts as a member with the key could send them.
// Whatever comes, the views stay consistent and bounded.
import Glibc
import Runtime

@testable import Gossip

@_silgen_name("LLVMFuzzerRunDriver")
func runFuzzer(
  _ count: UnsafeMutablePointer<Int32>, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ body: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

/// LeakSanitizer does not see references with Swift's own bits in them, such as those in a String, and would report every lazy global.
@_cdecl("__lsan_is_turned_off")
func leakSanitizerIsTurnedOff() -> Int32 { 1 }

/// Ends the run when a property does not hold; libFuzzer keeps the input.
func require(_ holds: Bool, _ what: @autoclosure () -> String) {
  if !holds { fatalError(what()) }
}

let ring = KeyRing(ClusterKey(secret: KeySecret((0..<32).map { UInt8($0) })!))
let tag = ClusterTag(name: "fuzz")
let wall = WallTime(secondsSinceEpoch: 2_000_000_000)
let stranger = SocketAddress(ipv4: 0x7f00_0002, port: 7946)
let me = MemberID(1)

/// One node, for the whole run: what grows without bound is found by libFuzzer's limit on memory.
///
/// SAFETY: (@unchecked Sendable) libFuzzer calls on one thread.
final class Target: @unchecked Sendable {
  let opener = Opener(ring: ring, cluster: tag, ownSalt: PacketSalt(high: 1, low: 1), start: wall)
  let sealer = Sealer(ring: ring, cluster: tag, salt: PacketSalt(high: 2, low: 2))
  var now: UInt64 = 1_000_000_000
  var membership: Membership
  let counters = SharedCounters(me)
  var concurrency = ConcurrencyExchange(table: ConcurrencyTable(keysMax: 64, membersMax: 8))
  var facts: SharedFacts
  let other = CounterMember(MemberID(2), generation: 1)

  init() {
    var options = MembershipOptions()
    options.membersMax = 64
    options.tombstoneAge = 10_000_000_000
    let record = MemberRecord(name: "n", peer: SocketAddress(ipv4: 0x7f00_0001, port: 7946))
    membership = Membership(me: me, generation: 1, record: record, options: options, seed: 1, now: now)
    var limits = FactLimits()
    (limits.register.entriesMax, limits.register.bytesMax) = (64, 32 << 10)
    (limits.log.entriesMax, limits.log.streamsMax, limits.verdicts.verdictsMax) = (64, 16, 128)
    let time = FactTime(monotonic: now, wall: wall.nanoseconds + now)
    facts = SharedFacts(me: me, generation: 1, isSettled: true, limits: limits, seed: 1, now: time)
    _ = facts.setMembers([FactMember(other.id, generation: 1)], zone: "", isDraining: false, now: time)
    _ = facts.watch([EndpointWatch(EndpointID(7), patience: 1)], now: time)
  }

  func datagram(_ bytes: UnsafeRawBufferPointer) {
    guard let packet = try? opener.open(bytes, wall: wall) else { return }
    plaintext(packet.plaintext)
  }

  func plaintext(_ bytes: UnsafeRawBufferPointer) {
    now += 7_000_000
    var parts = PartReader(bytes)
    var messages: [Message] = []
    while let part = try? parts.next() {
      if let message = try? Message(kind: part.kind.rawValue, part.body) { messages.append(message) }
      if part.kind == .envelope { _ = try? Envelope(decoding: part.body) }
      if let counter = CounterPart(part.kind) {
        _ = counters.receive(counter, Array(part.body), from: other, now: wall.nanoseconds + now)
      }
      if part.kind == .concurrency { try? concurrency.receive(part.body, from: other) }
      if let fact = FactPart(rawValue: part.kind.rawValue) { check(facts.receive(fact, part.body, from: other.id, now: factTime)) }
    }
    check(membership.received(messages, from: stranger, now: now))
    if now >= membership.nextDeadline { check(membership.tick(now: now)) }
    _ = counters.advance(now: wall.nanoseconds + now)
    if now >= facts.nextDeadline { check(facts.tick(now: factTime)) }
    require(facts.register.bytes <= 40 << 10 && facts.log.count <= 64 && facts.verdicts.count <= 128, "facts grow without bound")
    require(concurrency.table.count <= 64, "\(concurrency.table.count) keys of requests at once")
    if let fault = membership.inconsistency { fatalError(fault) }
    require(membership.members.count <= 64 && membership.relays.count <= 64, "\(membership.members.count) members")
  }

  var factTime: FactTime { FactTime(monotonic: now, wall: wall.nanoseconds + now) }

  func check(_ effects: [FactEffect]) {
    for effect in effects {
      switch effect {
      case .send(_, let records):
        require(records.reduce(0) { $0 + $1.body.count + 3 } <= PacketLimits.plaintextBytesMax, "facts that fit no datagram")
      case .exchange(let member):
        _ = facts.question(now: factTime)
        facts.exchangeFailed(with: member)
      case .drop(let summary): facts.dropped(summary, now: factTime)
      case .apply(let entry): _ = facts.applied(entry.id, now: factTime)
      case .probe, .undoubted, .written, .writeLost, .acknowledged, .settled, .standings, .ticketKeys, .makeTicketKey, .clock: break
      }
    }
  }

  /// What goes out can be read by those to whom it goes.
  func check(_ effects: [MembershipEffect]) {
    for case .send(let outgoing) in effects {
      var packer = PartPacker()
      for message in outgoing.messages {
        let fits = packer.add(message.kind) { message.encode(into: &$0) }
        require(fits, "a datagram that is too large")
        var writer = ByteWriter()
        message.encode(into: &writer)
        let read = writer.bytes.withUnsafeBytes { try? Message(kind: message.kind.rawValue, $0) }
        require(read == message, "\(message) is read as something else")
      }
    }
  }
}

let target = Target()

@_cdecl("LLVMFuzzerTestOneInput")
func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let input = UnsafeRawBufferPointer(start: bytes, count: count)
  guard let mode = input.first else { return 0 }
  let rest = UnsafeRawBufferPointer(rebasing: input.dropFirst())
  if mode % 2 == 0 || rest.count > PacketLimits.plaintextBytesMax {
    target.datagram(rest)
  } else {
    // As a member would: sealed, so that the whole way is taken.
    let sealed = target.sealer.seal(Array(rest), wall: wall)
    sealed.withUnsafeBytes { target.datagram($0) }
  }
  return 0
}

var count = CommandLine.argc
var arguments = CommandLine.unsafeArgv
exit(runFuzzer(&count, &arguments, testOneInput))
