// The small messages beside batches: what has come, what a node asks of a key's owner, and what that says.
import Runtime

/// Kinds of parts, numbered here and placed among other rooms' parts by the wire.
public enum CounterPart: UInt8, Sendable, CaseIterable {
  case batch = 0
  case acknowledgement = 1
  case question = 2
  case answer = 3
  case grant = 4
}

/// Batches that have come.
public struct CounterAcknowledgement: Equatable, Sendable {
  /// At most 64.
  public var sequences: [UInt64]

  static let sequencesMax = 64

  func encode(into writer: inout ByteWriter) {
    writer.writeVarint(UInt64(sequences.count))
    for sequence in sequences { writer.writeVarint(sequence) }
  }

  init(_ sequences: [UInt64]) { self.sequences = sequences }

  init(decoding body: UnsafeRawBufferPointer) throws(ByteReadError) {
    var reader = ByteReader(body)
    let count = try reader.readVarint()
    guard count <= UInt64(CounterAcknowledgement.sequencesMax) else { throw .overLimit(at: 0) }
    sequences = []
    for _ in 0..<count { sequences.append(try reader.readVarint()) }
  }
}

/// May this be consumed?
public struct CounterQuestion: Equatable, Sendable {
  /// The asker's, never used twice in its life: a question that comes again is answered again, not consumed again.
  public var id: UInt64
  public var key: UInt64
  public var cost: UInt32
  public var policy: CounterPolicy

  func encode(into writer: inout ByteWriter) {
    writer.writeVarint(id)
    writer.write(key)
    writer.writeVarint(UInt64(cost))
    policy.encode(into: &writer)
  }

  init(id: UInt64, key: UInt64, cost: UInt32, policy: CounterPolicy) {
    self.id = id
    self.key = key
    self.cost = cost
    self.policy = policy
  }

  init(decoding body: UnsafeRawBufferPointer) throws(CounterWireError) {
    do throws(ByteReadError) {
      var reader = ByteReader(body)
      id = try reader.readVarint()
      key = try reader.readUInt64()
      cost = UInt32(clamping: try reader.readVarint())
      guard let known = try CounterPolicy.decode(from: &reader) else { throw .overLimit(at: reader.position) }
      policy = known
    } catch { throw .bytes(error) }
  }
}

/// What the owner decided.
public struct CounterAnswer: Equatable, Sendable {
  public var id: UInt64
  public var isAllowed: Bool
  public var remaining: UInt32
  /// Nanoseconds, as in `CounterDecision`.
  public var reset: UInt64
  public var retryAfter: UInt64

  init(id: UInt64, _ decision: CounterDecision) {
    self.id = id
    isAllowed = decision.verdict == .allowed
    remaining = decision.remaining
    reset = decision.reset
    retryAfter = decision.retryAfter
  }

  var decision: CounterDecision {
    CounterDecision(verdict: isAllowed ? .allowed : .denied, remaining: remaining, reset: reset, retryAfter: retryAfter)
  }

  func encode(into writer: inout ByteWriter) {
    writer.writeVarint(id)
    writer.write(UInt8(isAllowed ? 1 : 0))
    writer.writeVarint(UInt64(remaining))
    writer.writeVarint(reset)
    writer.writeVarint(retryAfter)
  }

  init(decoding body: UnsafeRawBufferPointer) throws(ByteReadError) {
    var reader = ByteReader(body)
    id = try reader.readVarint()
    isAllowed = try reader.readUInt8() & 1 == 1
    remaining = UInt32(clamping: try reader.readVarint())
    reset = try reader.readVarint()
    retryAfter = try reader.readVarint()
  }
}

/// What an owner granted, for its stand-in: a question whose answer was lost is then answered again, not consumed again.
public struct CounterGrant: Equatable, Sendable {
  public var asker: MemberID
  /// The asker's life.
  public var generation: UInt64
  public var answer: CounterAnswer

  func encode(into writer: inout ByteWriter) {
    writer.write(asker.value)
    writer.writeVarint(generation)
    var body = ByteWriter(limit: 64)
    answer.encode(into: &body)
    writer.writeLengthPrefixed(body.bytes)
  }

  init(asker: MemberID, generation: UInt64, answer: CounterAnswer) {
    self.asker = asker
    self.generation = generation
    self.answer = answer
  }

  init(decoding body: UnsafeRawBufferPointer) throws(ByteReadError) {
    var reader = ByteReader(body)
    asker = MemberID(try reader.readUInt64())
    generation = try reader.readVarint()
    answer = try CounterAnswer(decoding: try reader.readLengthPrefixed(limit: 256))
  }
}
