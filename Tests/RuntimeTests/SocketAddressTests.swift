import Glibc
import Testing

@testable import Runtime

@Suite("Socket addresses")
struct SocketAddressTests {
  @Test(
    "text goes in and comes out in one form",
    arguments: [
      ("127.0.0.1:80", "127.0.0.1:80"), ("0.0.0.0:0", "0.0.0.0:0"), ("255.255.255.255:65535", "255.255.255.255:65535"),
      ("[::1]:80", "[::1]:80"), ("[::]:8443", "[::]:8443"), ("[2001:DB8:0:0:0:0:0:1]:443", "[2001:db8::1]:443"),
      ("[fe80::1%2]:9", "[fe80::1%2]:9"), ("[::ffff:10.0.0.1]:7", "[::ffff:10.0.0.1]:7"),
      ("[1:2:3:4:5:6:7:8]:1", "[1:2:3:4:5:6:7:8]:1"),
    ])
  func roundTrip(_ text: String, _ expected: String) throws {
    let address = try #require(SocketAddress(text))
    #expect(address.description == expected)
    #expect(SocketAddress(expected) == address)
    var storage = sockaddr_storage()
    _ = address.fill(&storage)
    #expect(SocketAddress(storage) == address)
  }

  @Test(
    "text that could be read in two ways is refused",
    arguments: [
      "", ":", "127.0.0.1", "127.0.0.1:", ":80", "127.0.0.1:65536", "127.0.0.1:+1", "127.0.0.1:000080", "127.0.0:80", "1.2.3.4.5:80",
      "01.2.3.4:80", "1.2.3.256:80", "1..3.4:80", "::1:80", "[]:80", "[::1]", "[::1]80", "[127.0.0.1]:80", "[::1%]:80", "localhost:80",
      "[::1%nosuchinterface]:80", "[:::1]:80", "127.0.0.1 :80", "[::1]:80 ",
    ])
  func refused(_ text: String) {
    #expect(SocketAddress(text) == nil)
  }

  @Test("the longest text fits the promised room")
  func longest() throws {
    let address = SocketAddress(ipv6High: 0x1111_1111_1111_1111, low: 0x1111_1111_1111_1111, port: 65535, scope: .max)
    #expect(address.description == "[1111:1111:1111:1111:1111:1111:1111:1111%4294967295]:65535")
    #expect(address.description.utf8.count <= SocketAddress.textBytesMax)
  }

  @Test("loopback and unspecified addresses are known in every form")
  func kinds() throws {
    for text in ["127.0.0.1:1", "127.255.0.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
      #expect(try #require(SocketAddress(text)).isLoopback, "\(text)")
    }
    for text in ["128.0.0.1:1", "0.0.0.0:1", "[::]:1", "[::2]:1", "[::127.0.0.1]:1"] {
      #expect(try !#require(SocketAddress(text)).isLoopback, "\(text)")
    }
    #expect(SocketAddress("0.0.0.0:1")?.isUnspecified == true)
    #expect(SocketAddress("[::]:1")?.isUnspecified == true)
    #expect(SocketAddress("[::1]:1")?.isUnspecified == false)
  }

  @Test("IPv4 and its mapped IPv6 form are different sockets")
  func families() {
    #expect(SocketAddress("10.0.0.1:7") != SocketAddress("[::ffff:10.0.0.1]:7"))
  }

  @Test("a short or foreign kernel address is refused")
  func foreign() {
    var storage = sockaddr_storage()
    storage.ss_family = sa_family_t(AF_UNIX)
    #expect(SocketAddress(storage) == nil)
    SocketAddress(ipv4: 1, port: 1).withSockaddr { pointer, length in
      #expect(SocketAddress(pointer, length: length - 1) == nil)
      #expect(SocketAddress(pointer, length: length) != nil)
    }
  }
}

@Suite("Address ranges")
struct AddressRangeTests {
  @Test(
    "a range holds what lies in it and nothing else",
    arguments: [
      ("10.0.0.0/8", "10.255.1.2", true), ("10.0.0.0/8", "11.0.0.0", false), ("10.1.2.3/8", "10.9.9.9", true),
      ("0.0.0.0/0", "203.0.113.1", true), ("0.0.0.0/0", "2001:db8::1", false), ("192.0.2.1", "192.0.2.1", true),
      ("192.0.2.1", "192.0.2.2", false), ("192.0.2.0/31", "192.0.2.1", true), ("192.0.2.0/31", "192.0.2.2", false),
      ("10.0.0.0/8", "::ffff:10.1.1.1", true), ("10.0.0.0/8", "::10.1.1.1", false),
      ("2001:db8::/32", "2001:db8:ffff::1", true), ("2001:db8::/32", "2001:db9::1", false),
      ("2001:db8::/64", "2001:db8::ffff:1", true), ("2001:db8::/64", "2001:db8:0:1::1", false),
      ("2001:db8::/65", "2001:db8:0:0:7fff::1", true), ("2001:db8::/65", "2001:db8:0:0:8000::1", false),
      ("::/0", "::1", true), ("::/0", "127.0.0.1", false), ("::1", "::1", true), ("::1/128", "::2", false),
    ])
  func contains(_ range: String, _ host: String, _ expected: Bool) throws {
    let range = try #require(AddressRange(range))
    let address = try #require(SocketAddress(host: host, port: 9))
    #expect(range.contains(address) == expected)
  }

  @Test(
    "a malformed range is refused",
    arguments: [
      "", "/8", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0/8", "a/8", "10.0.0.0/8/8", "fe80::1%2/64",
    ])
  func refused(_ text: String) {
    #expect(AddressRange(text) == nil)
  }

  @Test("bits beyond the prefix are dropped and can be noticed")
  func hostBits() {
    #expect(AddressRange("10.1.2.3/8")?.description == "10.0.0.0/8")
    #expect(AddressRange.hasHostBits("10.1.2.3/8"))
    #expect(!AddressRange.hasHostBits("10.0.0.0/8"))
    #expect(!AddressRange.hasHostBits("10.1.2.3"))
  }
}
