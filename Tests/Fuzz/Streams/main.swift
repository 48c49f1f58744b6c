// Fuzzes the exchange of whole views over a stream: bytes as they come from anybody, in pieces, to either side; and records as a member
// with the key could send them. What is read is bounded, and nothing is believed that was not sealed.
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
let bytesMax = 1 << 20

func stream(_ side: PeerStream.Side) -> PeerStream {
  let record = MemberRecord(name: "n", peer: SocketAddress(ipv4: 1, port: 7))
  let view = [MemberStatement(Rumour(MemberID(1), MemberVersion(generation: 1), .alive, origin: MemberID(1)), record)]
  return PeerStream(
    side, ring: ring, cluster: tag, salt: PacketSalt(high: side == .asker ? 3 : 4, low: 5), content: side == .asker ? .view(view) : nil,
    bytesMax: bytesMax)
}

/// Gives the bytes to one side in pieces.
func feed(_ side: PeerStream, _ bytes: ArraySlice<UInt8>, piece: Int) {
  var rest = bytes
  while !rest.isEmpty {
    let part = Array(rest.prefix(piece))
    rest = rest.dropFirst(piece)
    guard let outcome = part.withUnsafeBytes({ side.receive($0) }) else { continue }
    switch outcome {
    case .asked(let content), .answered(let content):
      require(content == .view([]), "what nobody sealed was believed")
    case .refused, .notLetIn, .refusing, .failed: break
    }
    return
  }
  _ = side.ended()
}

/// A record's plaintext by a member, sealed as it seals.
func honest(_ plaintext: ArraySlice<UInt8>) {
  let (asker, answerer) = (stream(.asker), stream(.answerer))
  let hello = StreamHello(key: ring.inUse.id, cluster: tag, salt: PacketSalt(high: 3, low: 5))
  let answer = StreamHello(key: ring.inUse.id, cluster: tag, salt: PacketSalt(high: 4, low: 5))
  _ = asker.output.withUnsafeBytes { answerer.receive($0) }
  let sealer = StreamSealer(key: ring.inUse, client: hello, server: answer, role: .client)
  var records: [UInt8] = []
  Array(plaintext.prefix(StreamLimits.plaintextBytesMax)).withUnsafeBytes { try! sealer.seal($0, packing: false, into: &records) }
  try! sealer.end(into: &records)
  guard let outcome = records.withUnsafeBytes({ answerer.receive($0) }) else { fatalError("an ended stream without an outcome") }
  guard case .asked(let content) = outcome else { return }
  switch content {
  case .view(let statements): require(statements.count <= StreamLimits.recordBytesMax, "\(statements.count) statements")
  case .facts(_, let records): believe(records)
  }
}

/// Shared facts from a member: whatever they say, they are answered or not, and taken in or not.
func believe(_ records: [FactRecord]) {
  let now = FactTime(monotonic: 1_000_000_000, wall: 1_700_000_000_000_000_000)
  let (me, other) = (MemberID(1), MemberID(2))
  var facts = SharedFacts(me: me, generation: 1, isSettled: true, seed: 1, now: now)
  _ = facts.setMembers([FactMember(other, generation: 1)], zone: "", isDraining: false, now: now)
  _ = try? facts.write([1], [2], now: now)
  _ = facts.answer(records, now: now)
  for effect in facts.answered(records, by: other, now: now) { if case .drop(let summary) = effect { facts.dropped(summary, now: now) } }
  for record in records { _ = record.body.withUnsafeBytes { facts.receive(record.part, $0, from: other, now: now) } }
  _ = facts.tick(now: now)
  require(facts.register.bytes <= facts.limits.register.bytesMax * 5 / 4, "\(facts.register.bytes) bytes in the register")
}

@_cdecl("LLVMFuzzerTestOneInput")
func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let input = Array(UnsafeBufferPointer(start: bytes, count: count))
  guard let mode = input.first else { return 0 }
  let rest = input.dropFirst()
  switch mode % 3 {
  case 0: feed(stream(.answerer), rest, piece: 1 + Int(mode / 3))
  case 1: feed(stream(.asker), rest, piece: 1 + Int(mode / 3))
  case _: honest(rest)
  }
  return 0
}

var count = CommandLine.argc
var arguments = CommandLine.unsafeArgv
exit(runFuzzer(&count, &arguments, testOneInput))
