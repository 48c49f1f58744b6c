// Owns the reading of one path segment: where it ends, its hash, and its comparison with a literal of a route. Escapes are decoded
// on the way, without a copy; what is no valid escape stands for itself, and no literal contains a "%".

/// A segment of a request's path.
struct PathSegment {
  /// The offset behind the last byte: that of the next slash, or the path's end.
  let end: Int
  /// FNV-1a over the decoded bytes, as `PathSegment.hash` computes it for a literal.
  let hash: UInt32
  private let isEscaped: Bool

  // SAFETY: reads only path[start..<count].
  @inline(__always)
  init(_ path: UnsafePointer<UInt8>, from start: Int, to count: Int) {
    var hash = PathSegment.hashSeed
    var index = start
    while index < count {
      let byte = path[index]
      if byte == UInt8(ascii: "/") { break }
      if byte == UInt8(ascii: "%") {
        self = PathSegment(escaped: path, from: start, to: count)
        return
      }
      hash = PathSegment.mix(hash, byte)
      index &+= 1
    }
    self.init(end: index, hash: hash, isEscaped: false)
  }

  private init(end: Int, hash: UInt32, isEscaped: Bool) {
    self.end = end
    self.hash = hash
    self.isEscaped = isEscaped
  }

  @inline(never)
  private init(escaped path: UnsafePointer<UInt8>, from start: Int, to count: Int) {
    var end = start
    while end < count && path[end] != UInt8(ascii: "/") { end &+= 1 }
    var hash = PathSegment.hashSeed
    var index = start
    while index < end {
      let (byte, length) = PathSegment.decoded(path, index, end)
      hash = PathSegment.mix(hash, byte)
      index &+= length
    }
    self.init(end: end, hash: hash, isEscaped: true)
  }

  /// Whether the segment, which begins at `start`, is this literal.
  // SAFETY: reads only literal[0..<literalCount] and path[start..<end].
  @inline(__always)
  func equals(_ literal: UnsafePointer<UInt8>, _ literalCount: Int, _ path: UnsafePointer<UInt8>, _ start: Int) -> Bool {
    if isEscaped { return equalsDecoded(literal, literalCount, path, start) }
    if literalCount != end &- start { return false }
    var index = 0
    while index < literalCount {
      if literal[index] != path[start &+ index] { return false }
      index &+= 1
    }
    return true
  }

  @inline(never)
  private func equalsDecoded(
    _ literal: UnsafePointer<UInt8>, _ literalCount: Int, _ path: UnsafePointer<UInt8>, _ start: Int
  ) -> Bool {
    var index = start
    var matched = 0
    while index < end {
      let (byte, length) = PathSegment.decoded(path, index, end)
      if matched == literalCount || literal[matched] != byte { return false }
      matched &+= 1
      index &+= length
    }
    return matched == literalCount
  }

  /// The byte that stands at an offset, and how many bytes of the path it takes (RFC 3986 section 2.1).
  @inline(__always)
  private static func decoded(_ path: UnsafePointer<UInt8>, _ index: Int, _ end: Int) -> (byte: UInt8, length: Int) {
    let byte = path[index]
    if byte != UInt8(ascii: "%") || index &+ 2 >= end { return (byte, 1) }
    let high = hexDigit(path[index &+ 1])
    let low = hexDigit(path[index &+ 2])
    return high > 15 || low > 15 ? (byte, 1) : (high &<< 4 | low, 3)
  }

  @inline(__always)
  private static func hexDigit(_ byte: UInt8) -> UInt8 {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte &- UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte &- UInt8(ascii: "a") &+ 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte &- UInt8(ascii: "A") &+ 10
    default: 16
    }
  }

  /// The hash of a literal. Only the operator chooses what is stored under it, so it needs no secret.
  static func hash(_ literal: [UInt8]) -> UInt32 {
    literal.reduce(hashSeed) { mix($0, $1) }
  }

  @inline(__always)
  private static var hashSeed: UInt32 { 2_166_136_261 }

  @inline(__always)
  private static func mix(_ hash: UInt32, _ byte: UInt8) -> UInt32 { (hash ^ UInt32(byte)) &* 16_777_619 }
}
