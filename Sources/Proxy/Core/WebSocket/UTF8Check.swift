// Whether bytes that come in pieces are UTF-8, noticed at the first byte that cannot be. WebSocket text needs it (RFC 6455 §8.1).

/// Checks a run of bytes against the Unicode Standard's table 3-7 (no overlong forms, no surrogates, nothing beyond U+10FFFF).
public struct UTF8Check: Sendable {
  /// Bytes that the character under way still lacks, and the range of the next of them.
  private var missing: UInt8 = 0
  private var low: UInt8 = 0x80
  private var high: UInt8 = 0xbf

  public init() {}

  /// Whether the run could end here.
  public var isComplete: Bool { missing == 0 }

  /// Takes the next piece; false when no continuation can make the run UTF-8 any more. The value is of no use after that.
  public mutating func take(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    var i = 0
    let raw = UnsafeRawBufferPointer(bytes)
    while i < bytes.count {
      if missing == 0 {
        while i &+ 8 <= bytes.count, raw.loadUnaligned(fromByteOffset: i, as: UInt64.self) & 0x8080_8080_8080_8080 == 0 { i &+= 8 }
        if i == bytes.count { return true }
        if !begin(bytes[i]) { return false }
      } else {
        guard low <= bytes[i] && bytes[i] <= high else { return false }
        missing &-= 1
        (low, high) = (0x80, 0xbf)
      }
      i &+= 1
    }
    return true
  }

  @inline(__always)
  private mutating func begin(_ lead: UInt8) -> Bool {
    switch lead {
    case 0x00...0x7f: return true
    case 0xc2...0xdf: missing = 1
    case 0xe0: (missing, low) = (2, 0xa0)
    case 0xed: (missing, high) = (2, 0x9f)
    case 0xe1...0xef: missing = 2
    case 0xf0: (missing, low) = (3, 0x90)
    case 0xf1...0xf3: missing = 3
    case 0xf4: (missing, high) = (3, 0x8f)
    default: return false
    }
    return true
  }
}
