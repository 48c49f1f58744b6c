// Owns: sealing plaintexts into datagrams: header, counter, ciphertext, tag. What stands in a plaintext is PartPacker's; sending is
// DatagramSocket's.
import Runtime

/// Seals this node's packets with AES-256-GCM. For one thread; allocates nothing per packet.
///
/// The nonce is a counter that never goes back, under a key derived from the cluster's key and a salt of this start: random nonces, or
/// counters that restart under one key, repeat, and a repeated nonce gives the key's authentication away (NIST SP 800-38D §8).
public final class Sealer {
  public let salt: PacketSalt
  private let cluster: ClusterTag
  private let cipher = PacketCipher(.seal)
  private let keys = SealingKeys()
  private var key: ClusterKey
  private var epoch: UInt64 = 0
  /// Packets sealed, and the counter of the next.
  public private(set) var counter: UInt64

  /// - Parameters:
  ///   - salt: drawn for this start and used by no other sealer, ever.
  ///   - counter: where to begin; other than 0 in tests only.
  public init(ring: KeyRing, cluster: ClusterTag, salt: PacketSalt, counter: UInt64 = 0) {
    self.salt = salt
    self.cluster = cluster
    self.counter = counter
    key = ring.inUse
    epoch = SealingKeys.epoch(counter)
    setKey()
  }

  /// Takes over a changed ring. The counter goes on, so that a key that comes back into use meets no nonce again.
  public func use(_ ring: KeyRing) {
    guard ring.inUse != key else { return }
    key = ring.inUse
    setKey()
  }

  /// Seals one plaintext.
  /// - Parameters:
  ///   - plaintext: at most `datagramBytesMax - overhead` bytes.
  ///   - wall: the wall clock; it goes into the header in seconds.
  ///   - target: where the datagram goes; at least the plaintext and `PacketHeader.overhead` long.
  /// - Returns: the datagram's bytes.
  public func seal(_ plaintext: UnsafeRawBufferPointer, wall: WallTime, to target: UnsafeMutableRawBufferPointer) -> Int {
    let count = plaintext.count + PacketHeader.overhead
    precondition(count <= PacketLimits.datagramBytesMax && count <= target.count, "a datagram of \(count) bytes into \(target.count)")
    if SealingKeys.epoch(counter) != epoch {
      epoch = SealingKeys.epoch(counter)
      setKey()
    }
    let sentAt = UInt32(truncatingIfNeeded: wall.secondsSinceEpoch)
    let header = PacketHeader(key: key.id, cluster: cluster, sentAt: sentAt, salt: salt, counter: counter)
    // SAFETY: the precondition above holds the slices within `target`; the header's bytes are not written while they are read.
    header.write(to: target)
    let associated = UnsafeRawBufferPointer(rebasing: target[..<PacketHeader.byteCount])
    let sealed = UnsafeMutableRawBufferPointer(rebasing: target[PacketHeader.byteCount..<count])
    cipher.seal(counter: counter, associated: associated, plaintext: plaintext, to: sealed)
    counter += 1
    return count
  }

  /// As above, into an array: for tests and simulations.
  public func seal(_ plaintext: [UInt8], wall: WallTime) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: plaintext.count + PacketHeader.overhead) { target, count in
      count = plaintext.withUnsafeBytes { seal($0, wall: wall, to: UnsafeMutableRawBufferPointer(target)) }
    }
  }

  private func setKey() {
    let derived = DerivedKey()
    keys.packetKey(key.secret, salt: salt, epoch: epoch, into: derived)
    cipher.setKey(derived)
  }
}
