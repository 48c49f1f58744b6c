import Runtime
import Testing

@testable import Proxy

/// A version 2 header: command, family, and what follows the sixteen bytes.
private func binary(_ command: UInt8, _ family: UInt8, _ rest: [UInt8], length: Int? = nil) -> [UInt8] {
  let count = length ?? rest.count
  return [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10, command, family, UInt8(count >> 8 & 255), UInt8(count & 255)] + rest
}

@Suite("PROXY protocol header")
struct HTTPProxyHeaderTests {
  private func parse(_ bytes: some Collection<UInt8>) -> ProxyHeader { withBytes(bytes) { ProxyHeader.parse($0, $1) } }

  @Test(
    "version 1 names the client",
    arguments: [
      ("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n", "192.0.2.1:56324"),
      ("PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n", "0.0.0.0:0"),
      ("PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n", "[2001:db8::1]:1"),
      (
        "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
        "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"
      ),
      ("PROXY UNKNOWN\r\n", nil), ("PROXY UNKNOWN what ever it says\r\n", nil),
    ] as [(String, String?)])
  func text(header: String, client: String?) {
    let expected = ProxyHeader.header(header.utf8.count, client.flatMap { SocketAddress($0) })
    #expect(parse(Array((header + "GET / HTTP/1.1\r\n").utf8)) == expected)
    for end in 0..<header.utf8.count { #expect(parse(Array(header.utf8.prefix(end))) == .incomplete, "after \(end) bytes") }
  }

  @Test(
    "what is no version 1 header is malformed",
    arguments: [
      "GET / HTTP/1.1\r\n", "proxy TCP4 1.1.1.1 1.1.1.1 1 1\r\n", "PROXY TCP4 1.1.1.1 1.1.1.1 1\r\n",
      "PROXY TCP4 1.1.1.1 1.1.1.1 1 1 1\r\n",
      "PROXY TCP5 1.1.1.1 1.1.1.1 1 1\r\n", "PROXY TCP4 ::1 ::1 1 1\r\n", "PROXY TCP6 1.1.1.1 1.1.1.1 1 1\r\n",
      "PROXY TCP4 1.1.1.1 ::1 1 1\r\n",
      "PROXY TCP4 1.1.1.1 1.1.1.1 01 1\r\n", "PROXY TCP4 1.1.1.1 1.1.1.1 65536 1\r\n", "PROXY TCP4 1.1.1.1 1.1.1.1 -1 1\r\n",
      "PROXY TCP4 1.1.1.1 1.1.1.1 +1 1\r\n", "PROXY TCP4 1.1.1.1  1.1.1.1 1 1\r\n", "PROXY TCP4 1.1.1.256 1.1.1.1 1 1\r\n",
      "PROXY TCP4 a.test 1.1.1.1 1 1\r\n", "PROXY TCP4 1.1.1.1 1.1.1.1 1 1\rX", "PROXY TCP4 1.1.1.1 1.1.1.1 1 x\r\n", "PROXY  UNKNOWN\r\n",
      "PROXY UNKNOWNS\r\n", "PROXY \r\n..", "PROXY TCP4 01.1.1.1 1.1.1.1 1 1\r\n", "\r\n\r\nGET", "\u{0}",
    ])
  func badText(header: String) { #expect(parse(Array(header.utf8)) == .malformed) }

  @Test("version 1 has 107 bytes at the most, however they come")
  func textBound() {
    let longest = "PROXY UNKNOWN " + String(repeating: "x", count: 91) + "\r\n"
    #expect(longest.utf8.count == 107 && parse(Array(longest.utf8)) == .header(107, nil))
    let tooLong = Array("PROXY UNKNOWN \(String(repeating: "x", count: 92))\r\n".utf8)
    for end in 106...108 { #expect(parse(tooLong.prefix(end)) == .malformed, "after \(end) bytes") }
  }

  @Test("version 2 names the client")
  func addresses() {
    let v4 = binary(0x21, 0x11, [192, 0, 2, 1, 198, 51, 100, 2, 220, 4, 1, 187])
    #expect(parse(v4 + [71, 69, 84]) == .header(28, SocketAddress("192.0.2.1:56324")))
    let values = binary(0x21, 0x11, [192, 0, 2, 1, 198, 51, 100, 2, 220, 4, 1, 187, 4, 0, 2, 97, 98])
    #expect(parse(values) == .header(33, SocketAddress("192.0.2.1:56324")))
    let source = [0x20, 0x01, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 11) + [1]
    let v6 = binary(0x21, 0x21, source + [UInt8](repeating: 0xee, count: 16) + [0, 80, 1, 187])
    #expect(parse(v6) == .header(52, SocketAddress("[2001:db8::1]:80")))
    for header in [v4, values, v6] {
      for end in 0..<header.count { #expect(parse(header.prefix(end)) == .incomplete, "after \(end) bytes") }
    }
  }

  @Test(
    "version 2 that names nobody",
    arguments: [
      binary(0x20, 0x00, []), binary(0x20, 0x11, [1, 2, 3]),
      binary(0x21, 0x00, []), binary(0x21, 0x31, [UInt8](repeating: 0, count: 216)),
      binary(0x21, 0x12, [UInt8](repeating: 0, count: 12)),
    ])
  func nobody(header: [UInt8]) { #expect(parse(header) == .header(header.count, nil)) }

  @Test(
    "what is no version 2 header is malformed",
    arguments: [
      binary(0x11, 0x11, [UInt8](repeating: 0, count: 12)), binary(0x31, 0x11, []),
      binary(0x22, 0x11, []), binary(0x21, 0x11, [UInt8](repeating: 0, count: 11)),
      binary(0x21, 0x21, [UInt8](repeating: 0, count: 35)),
      binary(0x21, 0x11, [], length: ProxyHeader.bytesMax - 15),
    ])
  func badBinary(header: [UInt8]) { #expect(parse(header) == .malformed) }
}
