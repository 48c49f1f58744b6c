// Owns: the pre-shared keys of the link between nodes, derived from the cluster's keys. How TLS proves them is the engine's, and who hands
// them over is Node's: nothing here is sent.
import COpenSSL
import Runtime

extension ClusterKey {
  /// Longest name of a cluster that a key can be derived for, in bytes of UTF-8.
  static let clusterNameBytesMax = 255

  /// The key's name on the peer link: the version of the derivation and the key's id, in clear in each TLS hello.
  public var peerIdentity: [UInt8] { Array("tidegate-peer-1:\(id)".utf8) }

  /// The key's secret on the peer link: HKDF-SHA-256 (RFC 5869) of the secret with 32 zero bytes as salt and the info
  /// "tidegate peer link v1", a zero byte, and the cluster's name. It opens neither gossip's packets nor the link of another cluster that
  /// has the same key, and serves one hash alone (RFC 8446 §4.2.11).
  ///
  /// - Parameter cluster: the name of the cluster, at most 255 bytes.
  public func peerSecret(cluster: String) -> KeySecret {
    precondition(cluster.utf8.count <= ClusterKey.clusterNameBytesMax, "a cluster's name of \(cluster.utf8.count) bytes")
    let derived = DerivedKey()
    let info = Array("tidegate peer link v1\0".utf8) + Array(cluster.utf8)
    [UInt8](repeating: 0, count: 32).withUnsafeBytes { salt in
      info.withUnsafeBytes { KeyDerivation().derive(secret, salt: salt, info: $0, into: derived) }
    }
    // SAFETY: `derived` holds so many bytes, and lives to the end of this function.
    var bytes = Array(UnsafeBufferPointer(start: derived.start, count: DerivedKey.byteCount))
    defer { for at in bytes.indices { bytes[at] = 0 } }
    return KeySecret(bytes)!
  }
}

extension KeyRing {
  /// What the peer link is to know of the ring: the key in use first, which clients offer, then the others, which servers accept too.
  ///
  /// - Parameter cluster: the name of the cluster, at most 255 bytes.
  public func peerKeys(cluster: String) -> [(identity: [UInt8], secret: KeySecret)] {
    ([inUse] + keys.filter { $0.id != inUse.id }).map { ($0.peerIdentity, $0.peerSecret(cluster: cluster)) }
  }
}
