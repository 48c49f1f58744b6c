// What a probe says of all shared facts at once: four hashes; only where one differs is anything exchanged.
import Runtime

/// The digests of a node's shared facts.
public struct FactDigest: Equatable, Sendable {
  /// Which of them differ from another's.
  public struct Difference: Equatable, Sendable {
    public var register: Bool
    public var verdicts: Bool
    public var ticketKeys: Bool
  }

  public var register: UInt64
  public var verdicts: UInt64
  public var ticketKeys: UInt64
  /// Compared by `ReplayableLog.compare`.
  public var log: LogDigest
  /// The sender's wall clock, uncorrected, milliseconds since 1970: what `HybridClock.note` wants.
  public var clock: UInt64

  public init(register: Register, verdicts: VerdictBoard, ticketKeys: TicketKeys, log: ReplayableLog, now: UInt64) {
    self.register = register.hash
    self.verdicts = verdicts.hash
    self.ticketKeys = ticketKeys.hash
    self.log = log.digest
    clock = now / 1_000_000
  }

  public func difference(from other: FactDigest) -> Difference {
    Difference(
      register: register != other.register, verdicts: verdicts != other.verdicts, ticketKeys: ticketKeys != other.ticketKeys)
  }

  public func encode(into writer: inout ByteWriter) {
    for hash in [register, verdicts, ticketKeys, log.hash] { writer.write(hash) }
    for position in [log.position, log.forgot] {
      writer.writeVarint(position.generation)
      writer.writeVarint(position.revision)
    }
    writer.write(UInt8(log.isSettled ? 1 : 0))
    writer.writeVarint(clock)
  }

  public init(decoding body: UnsafeRawBufferPointer) throws(ByteReadError) {
    var reader = ByteReader(body)
    register = try reader.readUInt64()
    verdicts = try reader.readUInt64()
    ticketKeys = try reader.readUInt64()
    let hash = try reader.readUInt64()
    let position = try reader.readPosition()
    let forgot = try reader.readPosition()
    log = LogDigest(hash: hash, position: position, forgot: forgot, isSettled: try reader.readUInt8() & 1 != 0)
    clock = try reader.readVarint()
  }
}
