// The pre-shared keys of the link between nodes: which are in force, and changing them while workers handshake. Where they come from is
// the owner's matter (a cluster's key ring); how TLS proves them is PeerKeys+TLS.swift's.
import COpenSSL
import Glibc
import Runtime

/// One key of the peer link: a public name by which the other side finds it, and a secret that both hold.
///
/// SAFETY: `@unchecked Sendable` because the memory is written in `init` and wiped in `deinit` only; it holds the identity's bytes and
/// `secretBytes` behind them.
public final class PeerKey: @unchecked Sendable, CustomStringConvertible, CustomReflectable {
  /// As long as the hash that the key is bound to (RFC 9257 §6 asks for 16 at the least).
  public static let secretBytes = 32
  /// Identities go over the wire in clear, in each hello.
  public static let identityBytesMax = 128

  let identityBytes: Int
  private let memory: UnsafeMutablePointer<UInt8>

  /// - Parameters:
  ///   - identity: 1 to ``identityBytesMax`` bytes.
  ///   - secret: ``secretBytes`` bytes for this use alone; they are copied, the caller's stay the caller's to wipe.
  /// - Returns: nil for any other counts.
  public init?(identity: [UInt8], secret: UnsafeRawBufferPointer) {
    guard !identity.isEmpty, identity.count <= PeerKey.identityBytesMax, secret.count == PeerKey.secretBytes else { return nil }
    identityBytes = identity.count
    memory = .allocate(capacity: identity.count + PeerKey.secretBytes)
    memory.initialize(from: identity, count: identity.count)
    for (at, byte) in secret.enumerated() { (memory + identity.count + at).initialize(to: byte) }
  }

  deinit {
    OPENSSL_cleanse(memory, identityBytes + PeerKey.secretBytes)
    memory.deallocate()
  }

  /// Valid as long as this key.
  var identityStart: UnsafePointer<UInt8> { UnsafePointer(memory) }

  /// Valid as long as this key.
  var secretStart: UnsafePointer<UInt8> { UnsafePointer(memory + identityBytes) }

  func isNamed(_ identity: UnsafeBufferPointer<UInt8>) -> Bool {
    identity.count == identityBytes && memcmp(identity.baseAddress!, memory, identityBytes) == 0
  }

  /// The identity, as text for an operator; never the secret.
  public var description: String { String(decoding: UnsafeBufferPointer(start: memory, count: identityBytes), as: UTF8.self) }
  public var customMirror: Mirror { Mirror(self, children: []) }
}

/// The keys of the peer link in force, shared by all contexts of the link: a change reaches the next handshake of each and leaves
/// connections that stand alone.
///
/// Keys change without downtime in three rounds, each finished on every node before the next begins: all accept the new key, all use it,
/// all drop the old one.
public final class PeerKeys: Sendable {
  /// More keys than this are refused: each identity of a stranger is compared with every key.
  public static let keysMax = 16

  // One uncontended lock per handshake; the keys inside never change, so the lock covers a retain and nothing else.
  private let current: Locked<[PeerKey]>

  /// - Parameter keys: clients offer the first, servers accept all.
  /// - Throws: ``TLSFault`` when there is no key, more than ``keysMax``, or two of one identity.
  public init(_ keys: [PeerKey]) throws(TLSFault) {
    try Self.check(keys)
    current = Locked(keys)
  }

  /// Puts other keys in force: from the next handshake on, clients offer the first of them and servers accept no others.
  ///
  /// - Throws: ``TLSFault`` as `init` does; the old keys then stay.
  public func replace(_ keys: [PeerKey]) throws(TLSFault) {
    try Self.check(keys)
    current.withLock { $0 = keys }
  }

  /// The keys in force, the one that clients offer first.
  public var keys: [PeerKey] { current.withLock { $0 } }

  private static func check(_ keys: [PeerKey]) throws(TLSFault) {
    if keys.isEmpty { throw TLSFault(.configuration, "no key for the peer link is given") }
    if keys.count > keysMax {
      throw TLSFault(.configuration, "\(keys.count) keys for the peer link are given; at most \(keysMax) are accepted")
    }
    for (at, key) in keys.enumerated() {
      let identity = UnsafeBufferPointer(start: key.identityStart, count: key.identityBytes)
      if keys[..<at].contains(where: { $0.isNamed(identity) }) {
        throw TLSFault(.configuration, "two keys for the peer link have the identity \(key)")
      }
    }
  }
}
