import COpenSSL
import Testing

@testable import Proxy

/// A key named after its fill.
func peerKey(_ fill: UInt8, named name: String? = nil) -> PeerKey {
  let secret = [UInt8](repeating: fill, count: PeerKey.secretBytes)
  return secret.withUnsafeBytes { PeerKey(identity: Array((name ?? "test-peer-1:\(fill)").utf8), secret: $0)! }
}

@Suite struct PeerKeysTests {
  private func make(identity: Int, secret: Int) -> PeerKey? {
    [UInt8](repeating: 7, count: secret).withUnsafeBytes { PeerKey(identity: [UInt8](repeating: 65, count: identity), secret: $0) }
  }

  @Test(arguments: [
    (0, 32, false), (1, 32, true), (128, 32, true), (129, 32, false), (16, 31, false), (16, 33, false), (16, 0, false),
  ])
  func `a key has a bounded identity and 32 bytes of secret`(identity: Int, secret: Int, isKey: Bool) {
    #expect((make(identity: identity, secret: secret) != nil) == isKey)
  }

  @Test func `a list without keys, of too many, or with two of one identity is refused, and the keys of before stay`() throws {
    let keys = try PeerKeys([peerKey(1)])
    let most = (1...UInt8(PeerKeys.keysMax)).map { peerKey($0) }
    for bad in [[], most + [peerKey(99)], [peerKey(1), peerKey(2), peerKey(3, named: "test-peer-1:1")]] {
      #expect(throws: TLSFault.self) { try PeerKeys(bad) }
      #expect(throws: TLSFault.self) { try keys.replace(bad) }
      #expect(keys.keys.map(\.description) == ["test-peer-1:1"])
    }
    try keys.replace(most)
    #expect(keys.keys.count == PeerKeys.keysMax)
  }

  @Test func `a secret is never shown`() throws {
    let key = peerKey(0x5a, named: "shown")
    var dumped = ""
    dump(try PeerKeys([key]), to: &dumped)
    for text in ["\(key)", String(reflecting: key), "\([key])", dumped] {
      #expect(!text.contains("ZZ") && !text.contains("90") && !text.contains("5a5a") && !text.contains("memory"))
    }
    #expect("\(key)" == "shown")
  }
}
