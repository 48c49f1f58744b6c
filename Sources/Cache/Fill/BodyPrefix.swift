// Owns: a mark of how far somebody has taken a body, by which the same beginning is known again when it is fetched anew, in whatever pieces
// it comes then. It guards against an origin that answers otherwise the second time, not against one that means harm.

/// The beginning of a body: how long it is, and a hash of its bytes.
public struct BodyPrefix: Sendable, Equatable {
  public private(set) var count = 0
  private var state: UInt64 = 0x9E37_79B9_7F4A_7C15
  /// The bytes behind the last whole word, low byte first.
  private var rest: UInt64 = 0

  public init() {}

  public mutating func extend(_ bytes: UnsafeRawBufferPointer) {
    var i = 0
    while i < bytes.count && count & 7 != 0 {
      add(bytes[i])
      i += 1
    }
    while i + 8 <= bytes.count {
      mix(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: i, as: UInt64.self)))
      count += 8
      i += 8
    }
    while i < bytes.count {
      add(bytes[i])
      i += 1
    }
  }

  private mutating func add(_ byte: UInt8) {
    rest |= UInt64(byte) << UInt64(8 * (count & 7))
    count += 1
    if count & 7 != 0 { return }
    mix(rest)
    rest = 0
  }

  /// Both steps can be undone, so that no two states become one.
  private mutating func mix(_ word: UInt64) {
    state = (state ^ word) &* 0xFF51_AFD7_ED55_8CCD
    state ^= state >> 29
  }
}
