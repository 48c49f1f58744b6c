// Writes HTTP/1 heads: plain `put` functions over a pointer and a position. The caller has made sure of the room.
import CVector
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

/// Writes 16 hexadecimal digits.
@inline(__always)
func putHex(_ out: Bytes, _ at: Int, _ value: UInt64) -> Int {
  tg_hex16(out + at, value)
  return at &+ 16
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
