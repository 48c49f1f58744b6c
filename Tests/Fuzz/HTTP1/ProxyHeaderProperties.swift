// What holds for every PROXY header: it lies within the bytes given, and how it was cut changes nothing.
import Runtime

@testable import Proxy

struct ProxyHeaderProperties {
  private let bytes: UnsafeBufferPointer<UInt8>

  init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  func check() {
    let whole = parse(bytes.count)
    if case .header(let length, _) = whole {
      require(length <= bytes.count && length <= ProxyHeader.bytesMax, "a header of \(length) bytes in \(bytes.count)")
    }
    if bytes.count >= ProxyHeader.bytesMax { require(whole != .incomplete, "no verdict after \(bytes.count) bytes") }
    for length in prefixLengths(of: bytes.count) {
      let verdict = parse(length)
      require(verdict == .incomplete || verdict == whole, "\(verdict) after \(length) bytes, \(whole) after \(bytes.count)")
      if case .header(let needed, _) = whole {
        require((verdict == whole) == (length >= needed), "\(verdict) after \(length) bytes of a header of \(needed)")
      }
    }
  }

  private func parse(_ length: Int) -> ProxyHeader {
    withExactCopy(bytes[..<length]) { p, n in ProxyHeader.parse(p, n) }
  }
}
