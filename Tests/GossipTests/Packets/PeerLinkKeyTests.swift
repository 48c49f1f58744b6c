import Foundation
import Runtime
import Testing

@testable import Gossip

@Suite struct PeerLinkKeyTests {
  private static func rows() throws -> [JSONValue] {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let data = try Data(contentsOf: folder.appendingPathComponent("Vectors/peer-link/derivation.json"))
    return try #require(try JSONValue.parse([UInt8](data))["rows"]?.arrayValue)
  }

  @Test func `identity and secret are what another implementation derives`() throws {
    let rows = try Self.rows()
    #expect(rows.count == 12)
    for row in rows {
      let key = try ClusterKey(text: try #require(row["secret"]?.stringValue))
      #expect(key.peerIdentity == Array(try #require(row["identity"]?.stringValue).utf8))
      let secret = key.peerSecret(cluster: try #require(row["cluster"]?.stringValue))
      let derived = secret.withBytes { Array($0) }
      #expect(derived == [UInt8](hex: try #require(row["psk"]?.stringValue)), "\(row.text())")
    }
  }

  @Test func `every cluster and every key has a secret of its own, and none is the key's`() {
    let keys = (0..<4).map { PacketFixture.key(UInt8($0)) }
    var seen = Set(keys.map { $0.secret.withBytes { Array($0) } })
    for key in keys {
      for cluster in ["", "a", "b", "ab", "a\0", "\0a"] {
        let derived = key.peerSecret(cluster: cluster).withBytes { Array($0) }
        #expect(seen.insert(derived).inserted, "\(key.id) in \"\(cluster)\"")
      }
    }
  }

  @Test func `a ring lists the key in use first and every key once`() throws {
    let (a, b, c) = (PacketFixture.key(1), PacketFixture.key(2), PacketFixture.key(3))
    var ring = try KeyRing([a, b, c])
    #expect(ring.peerKeys(cluster: "one").map(\.identity) == [a, b, c].map(\.peerIdentity))
    try ring.use(c.id)
    try ring.remove(a.id)
    let listed = ring.peerKeys(cluster: "one")
    #expect(listed.map(\.identity) == [c, b].map(\.peerIdentity))
    #expect(listed.map(\.secret) == [c, b].map { $0.peerSecret(cluster: "one") })
  }
}
