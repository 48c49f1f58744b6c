// Owns: how messages lie side by side in a plaintext, and which kinds there are. What a body means is its message's own.
import Runtime

/// What a part holds. Numbers are for good; a reader skips those it does not know.
public enum PartKind: UInt64, CaseIterable, Sendable {
  case ping = 1
  case pingRequest = 2
  case ack = 3
  case nack = 4
  case rumours = 5
  case statements = 6
  case joinRefusal = 7
  case envelope = 8
  case counters = 16
  case acknowledgements = 17
  case question = 18
  case answer = 19
  case concurrency = 20
  case grant = 21
  case verdicts = 24
  case registerEntries = 25
  case purges = 26
  case keys = 27
  case factDigest = 28
  case registerSums = 29
  case logSummary = 30
  case verdictSums = 31
  case factQuestion = 32
  case factAnswer = 33
  case receipts = 34
}

/// Reads the parts of a plaintext one by one: kind (varint), length (varint), body.
///
/// A body may be longer than its reader knows: fields that a later version adds stand at its end.
// SAFETY: bodies are views into the plaintext; whoever makes the reader keeps that memory alive and unchanged while one is used.
public struct PartReader {
  public struct Part {
    public let kind: PartKind
    public let body: UnsafeRawBufferPointer
  }

  private var reader: ByteReader
  private let partsMax: Int
  private var parts = 0
  /// Parts of kinds that this version does not know.
  public private(set) var skipped = 0

  /// - Parameters:
  ///   - plaintext: any bytes at all.
  ///   - partsMax: more parts than this, known or not, are refused.
  public init(_ plaintext: UnsafeRawBufferPointer, partsMax: Int = PacketLimits.partsMax) {
    reader = ByteReader(plaintext)
    self.partsMax = partsMax
  }

  /// The next part of a kind that is known; nil at the end.
  /// - Throws: `malformed`. Nothing is to be read after that; what came before was whole.
  public mutating func next() throws(PacketRefusal) -> Part? {
    while !reader.isAtEnd {
      guard parts < partsMax else { throw .malformed }
      parts += 1
      let number: UInt64
      let body: UnsafeRawBufferPointer
      do throws(ByteReadError) {
        number = try reader.readVarint()
        body = try reader.readLengthPrefixed(limit: reader.remaining)
      } catch {
        throw .malformed
      }
      if let kind = PartKind(rawValue: number) { return Part(kind: kind, body: body) }
      skipped += 1
    }
    return nil
  }
}

/// Fills one plaintext with parts.
public struct PartPacker: Sendable {
  private var plaintext: ByteWriter
  private let partsMax: Int
  public private(set) var parts = 0

  /// - Parameters:
  ///   - limit: bytes of the plaintext; what it is by default makes a datagram of 1,356 bytes.
  ///   - partsMax: parts that its reader takes.
  public init(limit: Int = PacketLimits.plaintextBytesMax, partsMax: Int = PacketLimits.partsMax) {
    plaintext = ByteWriter(limit: limit, reserving: limit)
    self.partsMax = partsMax
  }

  public var bytes: [UInt8] { plaintext.bytes }
  public var count: Int { plaintext.count }
  public var isEmpty: Bool { parts == 0 }

  /// Bytes that the body of one more part of this kind may have.
  public func room(_ kind: PartKind) -> Int {
    guard parts < partsMax else { return 0 }
    let rest = plaintext.room - ByteWriter.varintBytes(kind.rawValue)
    // The length's own varint grows with it: try the width of the whole rest, which is at most one byte too many.
    return max(0, rest - ByteWriter.varintBytes(UInt64(max(rest, 0))))
  }

  /// Adds a part, whole or not at all.
  /// - Parameter body: writes the body; the writer's `room` is what is left here, so that it may stop early.
  /// - Returns: whether it fitted.
  @discardableResult
  public mutating func add(_ kind: PartKind, _ body: (inout ByteWriter) -> Void) -> Bool {
    guard parts < partsMax else { return false }
    var scratch = ByteWriter(limit: room(kind), reserving: room(kind))
    body(&scratch)
    let mark = plaintext.count
    plaintext.writeVarint(kind.rawValue)
    plaintext.writeLengthPrefixed(scratch.bytes)
    guard !scratch.isOverflowed, !plaintext.isOverflowed else {
      plaintext.rewind(to: mark)
      return false
    }
    parts += 1
    return true
  }

  /// Empties the packer and keeps its memory.
  public mutating func removeAll() {
    plaintext.removeAll()
    parts = 0
  }

  /// Lays parts into as few plaintexts as their order allows.
  /// - Returns: the plaintexts, at most `plaintextsMax` of them, and how many of the parts they hold: fewer than all when one part is
  ///   larger than a plaintext or the plaintexts run out.
  public static func plaintexts(_ parts: [(kind: PartKind, body: [UInt8])], plaintextsMax: Int) -> (plaintexts: [[UInt8]], taken: Int) {
    precondition(plaintextsMax > 0, "parts into \(plaintextsMax) plaintexts")
    var done: [[UInt8]] = []
    var packer = PartPacker()
    for (at, part) in parts.enumerated() {
      if packer.add(part.kind, { $0.write(bytes: part.body) }) { continue }
      if !packer.isEmpty { done.append(packer.bytes) }
      packer.removeAll()
      guard done.count < plaintextsMax, packer.add(part.kind, { $0.write(bytes: part.body) }) else { return (done, at) }
    }
    if !packer.isEmpty { done.append(packer.bytes) }
    return (done, parts.count)
  }
}
