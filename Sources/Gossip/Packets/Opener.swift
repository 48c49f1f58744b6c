// Owns: opening datagrams from anybody: which are refused and why, and the ciphers of the senders heard lately. Whose replay windows are
// kept is SaltTable's; what a plaintext means is PartReader's and its messages'.
import Runtime

/// An authentic packet. Its plaintext lies in the opener's memory until the next packet is opened.
public struct OpenedPacket {
  public let plaintext: UnsafeRawBufferPointer
  /// The salt of the sender's start.
  public let salt: PacketSalt
  /// The key it was sealed under: shows who still sends under an old one.
  public let key: KeyID
}

/// Opens packets. For one thread; allocates when a sender is new, not per packet.
public final class Opener {
  /// A sender's cipher, and which derived key it holds.
  private struct Slot {
    var cipher: PacketCipher
    var key: KeyID
    var epoch: UInt64
  }

  private let cluster: ClusterTag
  private let ownSalt: PacketSalt
  private var ring: KeyRing
  private let keys = SealingKeys()
  private var senders: SaltTable
  // By the slots of `senders`; nil after the cipher's key was removed from the ring.
  private var slots: [Slot?] = []
  /// What a packet that its sender's cipher does not fit is tried with, until it is authentic.
  private var trial = PacketCipher(.open)
  private let plaintext: UnsafeMutableRawBufferPointer

  /// - Parameters:
  ///   - ownSalt: the salt that this node seals with; its own packets are refused.
  ///   - start: the wall clock at the start of this node.
  public init(ring: KeyRing, cluster: ClusterTag, ownSalt: PacketSalt, start: WallTime, limits: SaltTableLimits = SaltTableLimits()) {
    self.ring = ring
    self.cluster = cluster
    self.ownSalt = ownSalt
    senders = SaltTable(start: start, limits: limits)
    // SAFETY: freed in `deinit`; holds the plaintext of the greatest datagram.
    plaintext = .allocate(byteCount: PacketLimits.datagramBytesMax, alignment: 16)
  }

  deinit { plaintext.deallocate() }

  /// Keys derived. A sender costs one when it is new and one when it changes its key; many more, and somebody who knows the clear headers
  /// sends forged ones.
  public private(set) var derivations: UInt64 = 0

  /// Senders remembered, at most `sendersMax`.
  public var senderCount: Int { senders.count }

  /// Takes over a changed ring. Ciphers under keys that are gone go too; windows stay, in case a key comes back.
  public func use(_ ring: KeyRing) {
    self.ring = ring
    for at in slots.indices {
      if let slot = slots[at], ring.key(slot.key) == nil { slots[at] = nil }
    }
    trial = PacketCipher(.open)
  }

  /// Opens one datagram.
  /// - Parameters:
  ///   - datagram: any bytes at all.
  ///   - wall: the wall clock, for senders that are not remembered and for forgetting others.
  /// - Throws: why it is not taken. Nothing of it was kept then.
  public func open(_ datagram: UnsafeRawBufferPointer, wall: WallTime) throws(PacketRefusal) -> OpenedPacket {
    let header = try PacketHeader(decoding: datagram)
    guard header.cluster == cluster else { throw .otherCluster }
    guard let key = ring.key(header.key) else { throw .unknownKey(header.key) }
    guard header.salt != ownSalt else { throw .reflected }
    let known = senders.slot(of: header.salt)
    if let known {
      guard senders.isTimely(sentAt: header.sentAt, slot: known) else { throw .untimely }
      guard senders.isFresh(header.counter, slot: known) else { throw .replayed }
    } else {
      guard senders.isTimely(sentAt: header.sentAt, wall: wall) else { throw .untimely }
    }
    let epoch = SealingKeys.epoch(header.counter)
    if let known, let slot = slots[known], slot.key == key.id, slot.epoch == epoch {
      guard authenticate(datagram, header, slot.cipher) else { throw .damaged }
      senders.mark(header.counter, sentAt: header.sentAt, slot: known)
    } else {
      try openOnTrial(datagram, header, key, epoch: epoch, known: known, wall: wall)
    }
    let count = datagram.count - PacketHeader.overhead
    return OpenedPacket(plaintext: UnsafeRawBufferPointer(rebasing: plaintext[..<count]), salt: header.salt, key: key.id)
  }

  /// Opens a packet of a new sender, or of one that changed its key, with a key derived for it; keeps the key once it proved right.
  private func openOnTrial(
    _ datagram: UnsafeRawBufferPointer, _ header: PacketHeader, _ key: ClusterKey, epoch: UInt64, known: Int?, wall: WallTime
  ) throws(PacketRefusal) {
    let derived = DerivedKey()
    keys.packetKey(key.secret, salt: header.salt, epoch: epoch, into: derived)
    trial.setKey(derived)
    derivations += 1
    guard authenticate(datagram, header, trial) else { throw .damaged }
    guard let known else {
      guard let slot = senders.admit(header.salt, counter: header.counter, sentAt: header.sentAt, wall: wall) else { throw .crowded }
      if slot == slots.count { slots.append(nil) }
      adopt(slot, key.id, epoch)
      return
    }
    // A late packet under an old key is taken, and does not bring that key's cipher back.
    let isNewest = header.counter > senders.newest(slot: known)
    senders.mark(header.counter, sentAt: header.sentAt, slot: known)
    if isNewest || slots[known] == nil { adopt(known, key.id, epoch) }
  }

  private func adopt(_ slot: Int, _ key: KeyID, _ epoch: UInt64) {
    let old = slots[slot]?.cipher
    slots[slot] = Slot(cipher: trial, key: key, epoch: epoch)
    trial = old ?? PacketCipher(.open)
  }

  private func authenticate(_ datagram: UnsafeRawBufferPointer, _ header: PacketHeader, _ cipher: PacketCipher) -> Bool {
    let associated = UnsafeRawBufferPointer(rebasing: datagram[..<PacketHeader.byteCount])
    let sealed = UnsafeRawBufferPointer(rebasing: datagram[PacketHeader.byteCount...])
    return cipher.open(counter: header.counter, associated: associated, sealed: sealed, to: plaintext)
  }
}
