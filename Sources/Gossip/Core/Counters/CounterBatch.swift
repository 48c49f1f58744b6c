// How counts lie on the wire: bodies of parts, written fact by fact and read by whoever sent whatever. Sequence numbers are acknowledged,
// facts need not be: they are as true the second time.
//
//     batch     count(2) sequence reference entry*         reference: a slice ahead of all others in the batch
//     entry     key(8) head policy [base] counts           head: kind 1 bit, base 1, extension 1, slices - 1 4, slices behind reference
//     policy    0 length kind(1) limit period burst        the first time in a batch; its number, from 1, afterwards
//     base      length slice-behind-reference arrival      or: slice cell 16 counts
//     extension length bytes                               of a later version
import Runtime

/// Why a body was not taken. What was read before is: every fact stands for itself.
public enum CounterWireError: Error, Equatable, Sendable {
  case bytes(ByteReadError)
  /// A number that no sender of ours writes: a slice before time, a policy that was not introduced.
  case invalid(at: Int)
}

/// Writes facts into one body.
struct CounterBatchWriter: Sendable {
  private var writer: ByteWriter
  private var policies: [CounterPolicy] = []
  private let reference: UInt64
  private(set) var count: UInt16 = 0
  let sequence: UInt64

  /// - Parameter slice: the current one.
  init(sequence: UInt64, slice: UInt64, bytesMax: Int) {
    self.sequence = sequence
    reference = slice + 2 * CounterSlice.aheadMax
    writer = ByteWriter(limit: bytesMax, reserving: bytesMax)
    writer.write(UInt16(0))
    writer.writeVarint(sequence)
    writer.writeVarint(reference)
  }

  /// Appends a fact; false if it does not fit, and nothing of it is written.
  mutating func append(_ fact: borrowing CounterFact) -> Bool {
    let mark = writer.count
    let known = policies.count
    writer.write(fact.key)
    let behind = reference - min(fact.newest, reference)
    let head = UInt64(fact.kind.rawValue) | (fact.base == nil ? 0 : 2) | UInt64(fact.count - 1) << 3 | behind << 7
    writer.writeVarint(head)
    write(fact.policy)
    if let base = fact.base { write(base) }
    for back in 0..<fact.count { writer.writeVarint(UInt64(fact.cells[back])) }
    if writer.isOverflowed || count == .max {
      writer.rewind(to: mark)
      policies.removeLast(policies.count - known)
      return false
    }
    count += 1
    return true
  }

  private mutating func write(_ policy: CounterPolicy) {
    if let known = policies.firstIndex(of: policy) {
      writer.writeVarint(UInt64(known) + 1)
      return
    }
    policies.append(policy)
    writer.writeVarint(0)
    policy.encode(into: &writer)
  }

  private mutating func write(_ base: CounterBase) {
    var body = ByteWriter(limit: 128)
    body.writeVarint(reference - min(base.slice, reference))
    if base.cells.isEmpty {
      body.writeVarint(base.arrival)
    } else {
      body.writeVarint(base.cell)
      for cell in base.cells { body.writeVarint(UInt64(cell)) }
    }
    writer.writeLengthPrefixed(body.bytes)
  }

  /// The body.
  mutating func finish() -> [UInt8] {
    writer.patch(count, at: 0)
    return writer.bytes
  }
}

extension CounterPolicy {
  /// Length-prefixed, so that a kind of a later version can be passed over.
  func encode(into writer: inout ByteWriter) {
    var body = ByteWriter(limit: 32)
    body.write(kind.rawValue)
    body.writeVarint(UInt64(limit))
    body.writeVarint(period)
    body.writeVarint(UInt64(burst))
    writer.writeLengthPrefixed(body.bytes)
  }

  /// - Returns: nil for a kind of a later version, and for numbers that make no limit.
  static func decode(from reader: inout ByteReader) throws(ByteReadError) -> CounterPolicy? {
    var body = ByteReader(try reader.readLengthPrefixed(limit: 256))
    guard let kind = Kind(rawValue: try body.readUInt8()) else { return nil }
    let (limit, period, burst) = (try body.readVarint(), try body.readVarint(), try body.readVarint())
    guard let limit = UInt32(exactly: limit), let burst = UInt32(exactly: burst) else { return nil }
    return CounterPolicy(kind, limit: limit, period: period, burst: burst)
  }
}

/// Reads a batch's facts.
struct CounterBatchReader {
  private var reader: ByteReader
  // Nil: of a kind that this version does not know.
  private var policies: [CounterPolicy?] = []
  private var left: Int
  private let reference: UInt64
  let sequence: UInt64

  init(_ body: UnsafeRawBufferPointer) throws(CounterWireError) {
    reader = ByteReader(body)
    do throws(ByteReadError) {
      left = Int(try reader.readUInt16())
      sequence = try reader.readVarint()
      reference = try reader.readVarint()
    } catch { throw .bytes(error) }
    // Slices are 26 bits shorter than times.
    guard reference >= 64, reference < 1 << 38 else { throw .invalid(at: 0) }
  }

  /// The next fact that this version understands; nil at the end. Bytes after the last entry are a later version's.
  mutating func next() throws(CounterWireError) -> CounterFact? {
    while left > 0 {
      left -= 1
      if let fact = try entry() { return fact }
    }
    return nil
  }

  private mutating func entry() throws(CounterWireError) -> CounterFact? {
    do throws(ByteReadError) {
      let start = reader.position
      let (key, head) = (try reader.readUInt64(), try reader.readVarint())
      let (count, behind) = (Int(head >> 3 & 15) + 1, head >> 7)
      guard behind < reference - 32 else { return try invalid(start) }
      let number = try reader.readVarint()
      if number == 0, policies.count < 1024 { policies.append(try CounterPolicy.decode(from: &reader)) }
      guard number <= UInt64(policies.count), let policy = number == 0 ? policies.last : policies[Int(number) - 1] else {
        return try invalid(start)
      }
      let base = head & 2 == 0 ? nil : try base(policy)
      if head & 4 != 0 { _ = try reader.readLengthPrefixed(limit: reader.remaining) }
      var cells = InlineArray<16, UInt32>(repeating: 0)
      for back in 0..<count { cells[back] = UInt32(clamping: try reader.readVarint()) }
      guard let policy, let kind = CounterFact.Kind(rawValue: UInt8(head & 1)) else { return nil }
      return CounterFact(key: key, policy: policy, kind: kind, newest: reference - behind, count: count, cells: cells, base: base ?? nil)
    } catch { throw .bytes(error) }
  }

  private func invalid(_ at: Int) throws(ByteReadError) -> CounterFact? { throw .trailingBytes(at: at) }

  private mutating func base(_ policy: CounterPolicy?) throws(ByteReadError) -> CounterBase? {
    var body = ByteReader(try reader.readLengthPrefixed(limit: reader.remaining))
    guard let policy else { return nil }
    let behind = try body.readVarint()
    let slice = reference - min(behind, reference)
    switch policy.kind {
    case .bucket: return CounterBase(slice: slice, arrival: min(try body.readVarint(), 1 << 62))
    case .slidingWindow:
      let cell = try body.readVarint()
      var cells: [UInt32] = []
      for _ in 0..<16 { cells.append(UInt32(clamping: try body.readVarint())) }
      return CounterBase(slice: slice, arrival: 0, cell: cell, cells: cells)
    }
  }
}
