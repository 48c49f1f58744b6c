// The keys that seal session tickets (RFC 5077, RFC 8446 §4.6.1). The first key encrypts, all decrypt; a ticket sealed with an older
// key is renewed. Whoever owns the ring (a node's cluster, a timer) rotates it while workers on other threads handshake.
import COpenSSL
import Runtime

/// One ticket key: a public name by which a ticket finds it, and two secrets.
public struct TicketKey: Sendable, Equatable {
  public static let byteCount = 80

  /// Name (16 bytes), AES-256 key (32), HMAC-SHA-256 key (32), in this order.
  let bytes: [UInt8]

  /// - Parameter bytes: 16 bytes of name, 32 of AES key, 32 of HMAC key; nil when there are not exactly 80.
  public init?(bytes: [UInt8]) {
    if bytes.count != Self.byteCount { return nil }
    self.bytes = bytes
  }

  /// A key drawn from OpenSSL's generator; traps when the system gives no randomness, for no key may be guessable.
  public static func random() -> TicketKey {
    let bytes = [UInt8](unsafeUninitializedCapacity: byteCount) { memory, count in
      precondition(RAND_priv_bytes(memory.baseAddress!, Int32(byteCount)) == 1, "no randomness for a ticket key")
      count = byteCount
    }
    return TicketKey(bytes: bytes)!
  }
}

/// The ticket keys in force, shared by every context that shall accept the same tickets.
public final class TLSTicketKeyRing: Sendable {
  /// More keys than this are refused: every ticket of a stranger is compared with each.
  public static let keysMax = 16
  /// Keys that ``rotate()`` keeps: the current one and one predecessor, so that a ticket lives at least one period.
  static let rotatedKeysKept = 2

  // One uncontended lock per handshake; the box inside never changes, so the lock covers a retain and nothing else.
  private let current: Locked<KeyBox>

  /// A ring with one random key: tickets are good on this process alone and until it ends.
  public init() {
    current = Locked(KeyBox([.random()]))
  }

  /// - Throws: ``TLSFault`` when there is no key, more than ``keysMax``, or two of one name.
  public init(_ keys: [TicketKey]) throws(TLSFault) {
    try Self.check(keys)
    current = Locked(KeyBox(keys))
  }

  /// Puts new keys in force: the first encrypts from the next handshake on, all decrypt.
  ///
  /// - Throws: ``TLSFault`` when there is no key, more than ``keysMax``, or two of one name; the old keys then stay.
  public func replace(_ keys: [TicketKey]) throws(TLSFault) {
    try Self.check(keys)
    let box = KeyBox(keys)
    current.withLock { $0 = box }
  }

  /// Encrypts with a new random key from now on, and still decrypts with the one before.
  public func rotate() {
    let fresh = TicketKey.random()
    current.withLock { $0 = KeyBox([fresh] + $0.keys.prefix(Self.rotatedKeysKept - 1)) }
  }

  var box: KeyBox { current.withLock { $0 } }

  private static func check(_ keys: [TicketKey]) throws(TLSFault) {
    if keys.isEmpty { throw TLSFault(.configuration, "no ticket key is given") }
    if keys.count > keysMax { throw TLSFault(.configuration, "\(keys.count) ticket keys are given; at most \(keysMax) are accepted") }
    for (i, key) in keys.enumerated() where keys[..<i].contains(where: { $0.bytes[..<16] == key.bytes[..<16] }) {
      throw TLSFault(.configuration, "ticket keys \(i) and an earlier one have the same name")
    }
  }

  /// Immutable keys in flat memory, wiped when the last handshake that reads them is done.
  ///
  /// SAFETY: `@unchecked Sendable` because the memory is written in `init` and wiped in `deinit` only.
  final class KeyBox: @unchecked Sendable {
    let count: Int
    private let memory: UnsafeMutablePointer<UInt8>

    init(_ keys: [TicketKey]) {
      count = keys.count
      memory = .allocate(capacity: keys.count * TicketKey.byteCount)
      for (i, key) in keys.enumerated() { (memory + i * TicketKey.byteCount).update(from: key.bytes, count: TicketKey.byteCount) }
    }

    deinit {
      OPENSSL_cleanse(memory, count * TicketKey.byteCount)
      memory.deallocate()
    }

    var keys: [TicketKey] {
      (0..<count).map { TicketKey(bytes: Array(UnsafeBufferPointer(start: name($0), count: TicketKey.byteCount)))! }
    }

    func name(_ i: Int) -> UnsafeMutablePointer<UInt8> { memory + i * TicketKey.byteCount }
    func aes(_ i: Int) -> UnsafeMutablePointer<UInt8> { name(i) + 16 }
    func hmac(_ i: Int) -> UnsafeMutablePointer<UInt8> { name(i) + 48 }

    func index(named wanted: UnsafePointer<UInt8>) -> Int? {
      (0..<count).first { memcmp(name($0), wanted, 16) == 0 }
    }
  }
}

/// AES-256-CBC looked up once: OpenSSL 3 otherwise searches its providers for every ticket.
// SAFETY: a fetched EVP_CIPHER is immutable and reference-counted by OpenSSL with atomics; it is never freed.
nonisolated(unsafe) private let ticketCipher: OpaquePointer = EVP_CIPHER_fetch(nil, "AES-256-CBC", nil)

extension TLSTicketKeyRing {
  /// What OpenSSL's ticket callback returns.
  private enum Verdict {
    static let fault: Int32 = -1
    static let unknownKey: Int32 = 0
    static let ok: Int32 = 1
    static let okAndRenew: Int32 = 2
  }

  /// Keys the cipher and the MAC that OpenSSL is about to seal or open a ticket with (`SSL_CTX_set_tlsext_ticket_key_evp_cb`).
  func prepare(
    _ session: OpaquePointer, name: UnsafeMutablePointer<UInt8>, iv: UnsafeMutablePointer<UInt8>, cipher: OpaquePointer, mac: OpaquePointer,
    sealing: Bool
  ) -> Int32 {
    let keys = box
    if sealing {
      if RAND_bytes(iv, 16) != 1 { return Verdict.fault }
      name.update(from: keys.name(0), count: 16)
      let ready = EVP_EncryptInit_ex2(cipher, ticketCipher, keys.aes(0), iv, nil) == 1 && tg_mac_set_sha256_key(mac, keys.hmac(0)) == 1
      return ready ? Verdict.ok : Verdict.fault
    }
    guard let i = keys.index(named: name) else { return Verdict.unknownKey }
    let ready = tg_mac_set_sha256_key(mac, keys.hmac(i)) == 1 && EVP_DecryptInit_ex2(cipher, ticketCipher, keys.aes(i), iv, nil) == 1
    if !ready { return Verdict.fault }
    // RFC 8446 §C.4: a client shall not use a ticket twice, so in TLS 1.3 it needs a new one each time.
    return i == 0 && SSL_version(session) != TLS1_3_VERSION ? Verdict.ok : Verdict.okAndRenew
  }
}
