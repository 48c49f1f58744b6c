// Writes HTTP/1 heads: plain `put` functions over a pointer and a position. The caller has made sure of the room.
import Glibc
import Runtime

@inline(__always)
func put(_ out: Bytes, _ at: Int, _ s: StaticString) -> Int {
  memcpy(out + at, s.utf8Start, s.utf8CodeUnitCount)
  return at &+ s.utf8CodeUnitCount
}

@inline(__always)
func put(_ out: Bytes, _ at: Int, _ p: UnsafePointer<UInt8>, _ n: Int) -> Int {
  memcpy(out + at, p, n)
  return at &+ n
}

/// Writes a non-negative number in decimal.
@inline(__always)
func putDecimal(_ out: Bytes, _ at: Int, _ value: Int) -> Int {
  var digits = 1
  var bound = 10
  while value >= bound && digits < 19 {
    bound = bound &* 10
    digits &+= 1
  }
  var k = digits
  var rest = value
  while k > 0 {
    k &-= 1
    out[at &+ k] = UInt8(truncatingIfNeeded: 48 &+ rest % 10)
    rest /= 10
  }
  return at &+ digits
}

/// Writes 16 hexadecimal digits, eight at a time: each byte of a word takes one digit, then all become letters or figures at once.
@inline(__always)
func putHex(_ out: Bytes, _ at: Int, _ value: UInt64) -> Int {
  let raw = UnsafeMutableRawPointer(out + at)
  raw.storeBytes(of: hexDigits(UInt32(truncatingIfNeeded: value >> 32)), as: UInt64.self)
  raw.storeBytes(of: hexDigits(UInt32(truncatingIfNeeded: value)), toByteOffset: 8, as: UInt64.self)
  return at &+ 16
}

/// The eight digits of a word, the first in the lowest byte.
@inline(__always)
private func hexDigits(_ word: UInt32) -> UInt64 {
  var x = UInt64(word.byteSwapped)
  x = (x | x << 16) & 0x0000_ffff_0000_ffff
  x = (x | x << 8) & 0x00ff_00ff_00ff_00ff
  x = (x >> 4 & 0x000f_000f_000f_000f) | (x & 0x000f_000f_000f_000f) << 8
  let letters = (x &+ 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
  return x &+ 0x3030_3030_3030_3030 &+ letters &* 0x27
}

/// The longest chunk head: 16 digits and CRLF.
let chunkHeadMax = 18

/// Writes a chunk's size line so that it ends right before `out + end`; returns where it begins.
@inline(__always)
func putChunkHead(_ out: Bytes, endingAt end: Int, _ size: Int) -> Int {
  out[end &- 1] = 10
  out[end &- 2] = 13
  var at = end &- 2
  var rest = size
  repeat {
    at &-= 1
    let d = UInt8(truncatingIfNeeded: rest & 15)
    out[at] = d < 10 ? 48 &+ d : 87 &+ d
    rest >>= 4
  } while rest > 0
  return at
}

extension MessageHead {
  /// Copies the field lines whose ids are not in `skipped`, in runs, to `out + at`; returns the next position. At most
  /// `end - lineEnd` bytes.
  @inline(__always)
  func putFields(_ p: UnsafePointer<UInt8>, _ out: Bytes, _ at: Int, skipping skipped: UInt32) -> Int {
    if seen & skipped == 0 { return put(out, at, p + lineEnd, end &- 2 &- lineEnd) }
    var o = at
    var run = lineEnd
    var k = 0
    while k < count {
      if skipped & FieldID.bit(fields[k].id) & ~1 != 0 {
        let s = Int(fields[k].name)
        if s > run { o = put(out, o, p + run, s &- run) }
        run = k &+ 1 < count ? Int(fields[k &+ 1].name) : end &- 2
      }
      k &+= 1
    }
    if end &- 2 > run { o = put(out, o, p + run, end &- 2 &- run) }
    return o
  }
}
