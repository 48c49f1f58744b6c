// What holds for every chunked body: how it was cut changes nothing, nothing is made up, a plain reading of RFC 9112 §7.1 agrees, and what
// is framed anew decodes to the same.
import Glibc
import Runtime

@testable import Proxy

struct ChunkedProperties {
  private struct Outcome: Equatable {
    var payload: [UInt8] = []
    var consumed = 0
    var state = ChunkedDecoder.State.size
  }

  private let bytes: UnsafeBufferPointer<UInt8>

  init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  func check() {
    let whole = decode(bytes, cuts: [])
    require(whole.consumed <= bytes.count && whole.payload.count <= whole.consumed, "more than there was")
    for cut in prefixLengths(of: bytes.count) {
      let parted = decode(bytes, cuts: [cut])
      require(parted == whole, "\(parted.consumed) bytes, \(parted.state) when cut at \(cut); \(whole.consumed), \(whole.state) whole")
    }
    require(decode(bytes, cuts: Array(0..<bytes.count)) == whole, "byte by byte is different")
    checkAgainstPlainReading(whole)
    checkFramedAnew(whole.payload)
  }

  /// Decodes the parts between the cuts one after the other, each in memory of its own.
  private func decode(_ bytes: UnsafeBufferPointer<UInt8>, cuts: [Int]) -> Outcome {
    var decoder = ChunkedDecoder()
    var outcome = Outcome()
    var start = 0
    for end in cuts + [bytes.count] {
      withExactCopy(bytes[start..<end]) { p, n in
        let got = decoder.decode(p, n)
        require(got.payload <= got.consumed && got.consumed <= n, "\(got) of \(n) bytes")
        outcome.payload.append(contentsOf: UnsafeBufferPointer(start: p, count: got.payload))
        outcome.consumed += got.consumed
      }
      start = end
      if decoder.state == .failed || decoder.state == .trailers { break }
    }
    outcome.state = decoder.state
    return outcome
  }

  private func checkAgainstPlainReading(_ whole: Outcome) {
    guard let expected = plainReading() else { return }
    require(whole.payload == expected.payload, "a plain reading has \(expected.payload.count) bytes, not \(whole.payload.count)")
    require((whole.state == .trailers) == expected.isComplete, "a plain reading ends differently from \(whole.state)")
  }

  /// The grammar without extensions; nil where the body uses what it leaves out.
  private func plainReading() -> (payload: [UInt8], isComplete: Bool)? {
    var payload: [UInt8] = []
    var at = 0
    while true {
      guard let lineEnd = bytes[at...].firstIndex(of: 13) else { return (payload, false) }
      let digits = bytes[at..<lineEnd]
      let isPlain = (1...15).contains(digits.count) && digits.allSatisfy { hexValue($0) != nil }
      guard isPlain, lineEnd + 1 < bytes.count, bytes[lineEnd + 1] == 10 else {
        return digits.contains(0x3b) || digits.contains(0x20) || digits.contains(9) ? nil : (payload, false)
      }
      let size = digits.reduce(0) { $0 * 16 + (hexValue($1) ?? 0) }
      if size == 0 { return (payload, true) }
      at = lineEnd + 2
      let available = min(size, bytes.count - at)
      payload.append(contentsOf: bytes[at..<(at + available)])
      at += available
      guard available == size, at + 1 < bytes.count, bytes[at] == 13, bytes[at + 1] == 10 else { return (payload, false) }
      at += 2
    }
  }

  private func hexValue(_ byte: UInt8) -> Int? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(byte) - 48
    case UInt8(ascii: "a")...UInt8(ascii: "f"): Int(byte) - 87
    case UInt8(ascii: "A")...UInt8(ascii: "F"): Int(byte) - 55
    default: nil
    }
  }

  /// The payload in chunks of growing size, led by our own chunk heads.
  private func checkFramedAnew(_ payload: [UInt8]) {
    var framed: [UInt8] = []
    var lead = [UInt8](repeating: 0, count: chunkHeadMax)
    var at = 0
    var size = 1
    while at < payload.count {
      let count = min(size, payload.count - at)
      framed.append(contentsOf: lead.withUnsafeMutableBufferPointer { $0[putChunkHead($0.baseAddress!, endingAt: chunkHeadMax, count)...] })
      framed.append(contentsOf: payload[at..<(at + count)])
      framed.append(contentsOf: [13, 10])
      at += count
      size *= 3
    }
    framed.append(contentsOf: Array("0\r\n".utf8))
    framed.withUnsafeBufferPointer { bytes in
      let again = decode(bytes, cuts: [])
      require(again == Outcome(payload: payload, consumed: bytes.count, state: .trailers), "framed anew it is different")
    }
  }
}
