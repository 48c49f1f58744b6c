// Reads wire formats from memory that somebody else owns and an adversary filled: every read is checked, nothing traps, a failed
// read leaves the position where it was. What the bytes mean is the caller's.

/// Why bytes could not be read. Always the sender's fault, never to be retried.
public enum ByteReadError: Error, Equatable, Sendable {
  /// The input ends before the value does.
  case truncated(at: Int)
  /// A varint of more than 64 bits, or with a last group of zeros that a shorter form could do without.
  case malformedVarint(at: Int)
  /// A length prefix above the limit that the caller set.
  case overLimit(at: Int)
  /// Text that is not UTF-8 (RFC 3629).
  case invalidUTF8(at: Int)
  /// Input left over where the format ends.
  case trailingBytes(at: Int)
  /// A value that the format has no meaning for.
  case notAllowed(at: Int)
}

/// A position in a run of bytes. Integers are big-endian; varints are unsigned LEB128, at most ten bytes and in shortest form only,
/// so that a value has one encoding.
// SAFETY: the reader borrows `bytes`; whoever makes it keeps that memory alive and unchanged while it or any view from it is used.
// SAFETY: every load is preceded by a check against `bytes.count`; loads are unaligned ones.
public struct ByteReader {
  public let bytes: UnsafeRawBufferPointer
  /// Bytes consumed so far.
  public private(set) var position = 0

  public init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  public init(_ start: UnsafeRawPointer, count: Int) { bytes = UnsafeRawBufferPointer(start: start, count: count) }

  /// Bytes not yet consumed.
  public var remaining: Int { bytes.count - position }
  public var isAtEnd: Bool { position == bytes.count }

  public mutating func readUInt8() throws(ByteReadError) -> UInt8 { try readInteger() }
  public mutating func readUInt16() throws(ByteReadError) -> UInt16 { try readInteger() }
  public mutating func readUInt32() throws(ByteReadError) -> UInt32 { try readInteger() }
  public mutating func readUInt64() throws(ByteReadError) -> UInt64 { try readInteger() }

  /// A Double by its IEEE 754 bits, so that every value, NaN included, comes back as it was written.
  public mutating func readDouble() throws(ByteReadError) -> Double { Double(bitPattern: try readInteger()) }

  @inline(__always)
  private mutating func readInteger<T: FixedWidthInteger & BitwiseCopyable>() throws(ByteReadError) -> T {
    let width = MemoryLayout<T>.size
    guard remaining >= width else { throw .truncated(at: position) }
    let value = T(bigEndian: bytes.loadUnaligned(fromByteOffset: position, as: T.self))
    position += width
    return value
  }

  public mutating func readVarint() throws(ByteReadError) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    var cursor = position
    while true {
      guard cursor < bytes.count else { throw .truncated(at: position) }
      let byte = bytes[cursor]
      cursor += 1
      // The tenth byte holds the 64th bit only.
      if shift == 63 && byte > 1 { throw .malformedVarint(at: position) }
      value |= UInt64(byte & 0x7F) &<< shift
      if byte < 0x80 {
        if byte == 0 && shift > 0 { throw .malformedVarint(at: position) }
        position = cursor
        return value
      }
      shift += 7
    }
  }

  /// A signed number in zigzag form: 0, -1, 1, -2 … are 0, 1, 2, 3 … on the wire.
  public mutating func readSignedVarint() throws(ByteReadError) -> Int64 {
    let folded = try readVarint()
    return Int64(bitPattern: folded >> 1) ^ -Int64(bitPattern: folded & 1)
  }

  /// The next `count` bytes as a view into the reader's memory.
  public mutating func readBytes(_ count: Int) throws(ByteReadError) -> UnsafeRawBufferPointer {
    guard count >= 0, remaining >= count else { throw .truncated(at: position) }
    let view = UnsafeRawBufferPointer(rebasing: bytes[position..<position + count])
    position += count
    return view
  }

  /// Bytes behind a varint that says how many, as a view into the reader's memory.
  /// - Parameter limit: the greatest length accepted.
  public mutating func readLengthPrefixed(limit: Int) throws(ByteReadError) -> UnsafeRawBufferPointer {
    let start = position
    let count = try readVarint()
    guard count <= UInt64(max(limit, 0)) else {
      position = start
      throw .overLimit(at: start)
    }
    guard count <= UInt64(remaining) else {
      position = start
      throw .truncated(at: start)
    }
    return try readBytes(Int(count))
  }

  /// Length-prefixed UTF-8.
  /// - Parameter limit: the greatest length accepted, in bytes.
  public mutating func readString(limit: Int) throws(ByteReadError) -> String {
    let start = position
    let view = try readLengthPrefixed(limit: limit)
    guard let text = String(validating: view, as: UTF8.self) else {
      position = start
      throw .invalidUTF8(at: start)
    }
    return text
  }

  public mutating func skip(_ count: Int) throws(ByteReadError) { _ = try readBytes(count) }

  /// Refuses input that goes on after the format has ended.
  public func expectEnd() throws(ByteReadError) {
    guard isAtEnd else { throw .trailingBytes(at: position) }
  }
}
