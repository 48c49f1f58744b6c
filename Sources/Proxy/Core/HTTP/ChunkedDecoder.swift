// The chunked coding (RFC 9112 §7.1), decoded in place: chunk data moves to the front of the buffer, framing falls away, and whatever is
// sent on is framed anew. Extensions and odd spellings never reach the next hop. Trailers are left to the caller as raw lines.
import Glibc
import Runtime

/// What a decoding step came to.
struct Decoded {
  /// Bytes of the input that belong to this message.
  var consumed = 0
  /// Bytes of payload, now at the front of the input.
  var payload = 0
}

struct ChunkedDecoder {
  enum State: UInt8 {
    case size  // hex digits; then ext, sizeLF or failed
    case blank  // bad white space after the size, tolerated before an extension (RFC 9112 §7.1.1); then ext or sizeLF
    case ext  // passed over; then sizeLF
    case sizeLF  // then data, or trailers after the last chunk
    case data  // then dataCR
    case dataCR  // then dataLF
    case dataLF  // then size
    case trailers  // the caller takes the trailer section; then done
    case done
    case failed
  }

  /// Bytes of extensions in one chunk; beyond, the message is refused.
  static let extensionBytesMax = 4096

  private(set) var state = State.size
  private var digits: UInt8 = 0
  private var quoted = false
  private var escaped = false
  private var extensionBytes: UInt16 = 0
  private var left = 0

  init() {}

  mutating func finishTrailers() { state = .done }
  mutating func fail() { state = .failed }

  /// Decodes `p[0..<n]`; stops at the trailer section, at the end, or at a fault.
  mutating func decode(_ p: Bytes, _ n: Int) -> Decoded {
    var i = 0
    var out = 0
    while i < n {
      switch state {
      case .data:
        let k = min(left, n &- i)
        if out != i { memmove(p + out, p + i, k) }
        out &+= k
        i &+= k
        left &-= k
        if left == 0 { state = .dataCR }
      case .trailers, .done, .failed:
        return Decoded(consumed: i, payload: out)
      case .size, .blank, .ext, .sizeLF, .dataCR, .dataLF:
        step(p[i])
        i &+= 1
      }
    }
    return Decoded(consumed: i, payload: out)
  }

  private mutating func step(_ c: UInt8) {
    switch state {
    case .size:
      if let digit = hexDigit(c) {
        // 15 digits cannot overflow; a size is read by everyone alike only without leading zeros beyond reason.
        if digits == 15 { return state = .failed }
        left = left &* 16 &+ digit
        digits &+= 1
      } else if digits == 0 {
        state = .failed
      } else {
        afterSize(c)
      }
    case .blank:
      if c != 0x20 && c != 9 { afterSize(c) }
      if state == .sizeLF { state = .failed }
    case .ext:
      extensionBytes &+= 1
      if extensionBytes > ChunkedDecoder.extensionBytesMax { return state = .failed }
      if c == 13 {
        state = quoted ? .failed : .sizeLF
      } else if c < 0x20 && c != 9 || c == 0x7f {
        state = .failed
      } else if escaped {
        escaped = false
      } else if c == 0x5c && quoted {
        escaped = true
      } else if c == 0x22 {
        quoted.toggle()
      }
    case .sizeLF:
      if c != 10 { return state = .failed }
      digits = 0
      extensionBytes = 0
      state = left == 0 ? .trailers : .data
    case .dataCR: state = c == 13 ? .dataLF : .failed
    case .dataLF: state = c == 10 ? .size : .failed
    case .data, .trailers, .done, .failed: break
    }
  }

  private mutating func afterSize(_ c: UInt8) {
    switch c {
    case 13: state = .sizeLF
    case 0x3b: state = .ext
    case 0x20, 9: state = .blank
    default: state = .failed
    }
  }

  @inline(__always)
  private func hexDigit(_ c: UInt8) -> Int? {
    if c &- 48 < 10 { return Int(c &- 48) }
    let l = c | 0x20
    return l &- 97 < 6 ? Int(l &- 87) : nil
  }
}

/// Follows one message body: how much is left, and where its payload lies.
struct BodyReader {
  private(set) var framing = BodyFraming.none
  private var left = 0
  private var chunks = ChunkedDecoder()

  init() {}

  @inline(__always)
  mutating func begin(_ framing: BodyFraming, length: Int) {
    self.framing = framing
    left = length
    if framing == .chunked { chunks = ChunkedDecoder() }
  }

  @inline(__always) var isDone: Bool {
    switch framing {
    case .none: true
    case .length: left == 0
    case .chunked: chunks.state == .done
    case .untilClose: false
    }
  }

  var isFailed: Bool { framing == .chunked && chunks.state == .failed }
  /// The bytes that come next are the trailer section, up to its blank line.
  var isAtTrailers: Bool { framing == .chunked && chunks.state == .trailers }

  mutating func finishTrailers() { chunks.finishTrailers() }
  mutating func fail() { chunks.fail() }

  /// Takes what belongs to the body from `p[0..<n]`; its payload is at the front of `p` afterwards.
  @inline(__always)
  mutating func read(_ p: Bytes, _ n: Int) -> Decoded {
    switch framing {
    case .none: return Decoded()
    case .length:
      let k = min(left, n)
      left &-= k
      return Decoded(consumed: k, payload: k)
    case .chunked: return chunks.decode(p, n)
    case .untilClose: return Decoded(consumed: n, payload: n)
    }
  }
}
