// Writes what ByteReader reads, into an array that it owns and that never grows past a limit. Sending it is the caller's.

/// Builds a run of bytes. Integers are big-endian, varints unsigned LEB128.
///
/// What would pass the limit is not written, not even in part, and `isOverflowed` stays true until a `rewind`. A packet builder
/// writes an item, looks once, and rewinds to its mark when the item did not fit.
public struct ByteWriter: Sendable {
  public private(set) var bytes: [UInt8] = []
  /// The greatest count of bytes.
  public let limit: Int
  /// Something did not fit since the start or the last `rewind`; the bytes are then incomplete.
  public private(set) var isOverflowed = false

  public init(limit: Int = .max, reserving capacity: Int = 0) {
    self.limit = limit
    bytes.reserveCapacity(min(capacity, limit))
  }

  public var count: Int { bytes.count }
  /// Bytes that can still be written.
  public var room: Int { limit - bytes.count }

  public mutating func write(_ value: UInt8) {
    if claim(1) { bytes.append(value) }
  }

  public mutating func write(_ value: UInt16) { writeInteger(value) }
  public mutating func write(_ value: UInt32) { writeInteger(value) }
  public mutating func write(_ value: UInt64) { writeInteger(value) }

  /// A Double by its IEEE 754 bits.
  public mutating func write(_ value: Double) { writeInteger(value.bitPattern) }

  public mutating func writeVarint(_ value: UInt64) {
    guard claim(ByteWriter.varintBytes(value)) else { return }
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  /// A signed number in zigzag form, short for numbers near zero on both sides.
  public mutating func writeSignedVarint(_ value: Int64) { writeVarint(UInt64(bitPattern: (value << 1) ^ (value >> 63))) }

  /// Bytes as they are.
  public mutating func write(bytes source: UnsafeRawBufferPointer) {
    if claim(source.count) { bytes.append(contentsOf: source) }
  }

  public mutating func write(bytes source: [UInt8]) {
    if claim(source.count) { bytes.append(contentsOf: source) }
  }

  /// A varint that says how many bytes follow, and the bytes.
  public mutating func writeLengthPrefixed(_ source: UnsafeRawBufferPointer) {
    let whole = ByteWriter.varintBytes(UInt64(source.count)).addingReportingOverflow(source.count)
    guard !whole.overflow, claim(whole.partialValue) else {
      isOverflowed = true
      return
    }
    writeVarint(UInt64(source.count))
    bytes.append(contentsOf: source)
  }

  public mutating func writeLengthPrefixed(_ source: [UInt8]) { source.withUnsafeBytes { writeLengthPrefixed($0) } }

  /// The text's UTF-8, length-prefixed.
  public mutating func write(string: String) {
    var string = string
    string.withUTF8 { writeLengthPrefixed(UnsafeRawBufferPointer($0)) }
  }

  /// Goes back to an earlier `count` and forgets an overflow.
  /// - Precondition: `mark` is not beyond what has been written.
  public mutating func rewind(to mark: Int) {
    precondition(mark >= 0 && mark <= bytes.count, "cannot rewind to \(mark), \(bytes.count) bytes are written")
    bytes.removeLast(bytes.count - mark)
    isOverflowed = false
  }

  /// Empties the writer and keeps its memory.
  public mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
    isOverflowed = false
  }

  /// Overwrites two bytes written earlier, for a count that is known only afterwards.
  /// - Precondition: both lie within what has been written.
  public mutating func patch(_ value: UInt16, at offset: Int) {
    precondition(offset >= 0 && offset <= bytes.count - 2, "cannot patch at \(offset), \(bytes.count) bytes are written")
    bytes[offset] = UInt8(truncatingIfNeeded: value >> 8)
    bytes[offset + 1] = UInt8(truncatingIfNeeded: value)
  }

  /// Bytes that `value` takes as a varint, 1 to 10.
  public static func varintBytes(_ value: UInt64) -> Int { (70 - (value | 1).leadingZeroBitCount) / 7 }

  private mutating func writeInteger<T: FixedWidthInteger>(_ value: T) {
    guard claim(MemoryLayout<T>.size) else { return }
    withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
  }

  /// True if `count` more bytes fit and nothing was refused before: after an overflow, later and smaller items stay out too.
  private mutating func claim(_ count: Int) -> Bool {
    if isOverflowed { return false }
    if count <= room { return true }
    isOverflowed = true
    return false
  }
}
