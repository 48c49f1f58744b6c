// Owns: which keys a node holds, and which it seals with. Deriving anything from a key is libcrypto's, in Packets/; reading keys from text
// is KeyText's.
import Glibc

/// A key's name on the wire: 32 bits derived from its secret (`ClusterKey.init(secret:)`), so that nobody has to hand out names.
public struct KeyID: Hashable, Sendable, CustomStringConvertible {
  public let value: UInt32

  public init(_ value: UInt32) { self.value = value }

  /// Reads what `description` writes.
  public init?(_ text: String) {
    guard text.utf8.count == 8, text.utf8.allSatisfy({ KeyText.hexDigit($0) != nil }), let value = UInt32(text, radix: 16) else {
      return nil
    }
    self.value = value
  }

  /// Eight hexadecimal digits.
  public var description: String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 8 - digits.utf8.count) + digits
  }
}

/// The 256 bits of a key, wiped from memory with the last copy, and never shown.
///
/// SAFETY: `@unchecked Sendable` because the memory is written in `init` and wiped in `deinit` only; it holds `byteCount` bytes and lives
/// as long as this.
public final class KeySecret: @unchecked Sendable, Equatable, CustomStringConvertible, CustomReflectable {
  public static let byteCount = 32

  private let memory: UnsafeMutableRawPointer

  /// - Parameter bytes: `byteCount` bytes; nil for any other count. The caller's copy stays the caller's.
  public init?(_ bytes: [UInt8]) {
    guard bytes.count == KeySecret.byteCount else { return nil }
    memory = .allocate(byteCount: KeySecret.byteCount, alignment: 8)
    bytes.withUnsafeBytes { memory.copyMemory(from: $0.baseAddress!, byteCount: KeySecret.byteCount) }
  }

  deinit {
    explicit_bzero(memory, KeySecret.byteCount)
    memory.deallocate()
  }

  /// Lends the secret; the view is valid inside `body` only.
  public func withBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
    withExtendedLifetime(self) { body(UnsafeRawBufferPointer(start: memory, count: KeySecret.byteCount)) }
  }

  /// Not in constant time: only keys that an operator gives are compared.
  public static func == (left: KeySecret, right: KeySecret) -> Bool { memcmp(left.memory, right.memory, byteCount) == 0 }

  public var description: String { "(secret)" }
  public var customMirror: Mirror { Mirror(self, children: []) }
}

/// A key of the cluster: whoever holds it is a member, and can pose as any other.
public struct ClusterKey: Sendable, Equatable {
  public let id: KeyID
  public let secret: KeySecret

  public init(id: KeyID, secret: KeySecret) {
    self.id = id
    self.secret = secret
  }
}

/// Why a change to a key ring was refused. No case holds a secret.
public enum KeyRingFault: Error, Equatable, Sendable, CustomStringConvertible {
  case empty
  case full
  case duplicate(KeyID)
  /// Two secrets with one name: one pair in four thousand million.
  case collision(KeyID)
  case unknown(KeyID)
  case inUse(KeyID)
  case text(line: Int, KeyTextFault)
  case textTooLong(bytes: Int)

  public var description: String {
    switch self {
    case .empty: "no key is given; a key is 32 random bytes as 64 hexadecimal digits or 44 characters of base64, one a line"
    case .full: "the ring holds \(KeyRing.keysMax) keys already; remove one that no node uses any more"
    case .duplicate(let id): "key \(id) is in the ring already"
    case .collision(let id): "another key goes by the name \(id) already; draw a new key"
    case .unknown(let id): "no key \(id) is in the ring; add it on every node first"
    case .inUse(let id): "key \(id) is in use for sending; use another on every node first, then remove it"
    case .text(let line, let fault): "line \(line): \(fault)"
    case .textTooLong(let bytes): "\(bytes) bytes of keys; at most \(KeyRing.textBytesMax) are read"
    }
  }
}

/// The keys that a node accepts, one of them in use for sending. Never empty.
///
/// Keys are changed without downtime in three rounds, each finished on every node before the next begins: add the new key; use it; remove
/// the old one. At every moment whatever one node sends with, all others hold.
public struct KeyRing: Sendable, Equatable {
  /// More than one change at a time ever needs.
  public static let keysMax = 8
  /// The greatest text that keys are read from.
  public static let textBytesMax = 4_096

  /// In the order in which they were added.
  public private(set) var keys: [ClusterKey]
  /// The one that packets are sealed with.
  public private(set) var inUse: ClusterKey

  public init(_ key: ClusterKey) {
    keys = [key]
    inUse = key
  }

  /// - Parameter keys: the first is the one in use.
  /// - Throws: `empty`, and what `add` throws.
  public init(_ keys: [ClusterKey]) throws(KeyRingFault) {
    guard let first = keys.first else { throw .empty }
    self.init(first)
    for key in keys.dropFirst() { try add(key) }
  }

  public func key(_ id: KeyID) -> ClusterKey? { keys.first { $0.id == id } }

  /// Accepts what is sealed under another key.
  /// - Throws: `duplicate`, `collision` or `full`.
  public mutating func add(_ key: ClusterKey) throws(KeyRingFault) {
    if let same = self.key(key.id) { throw same.secret == key.secret ? .duplicate(key.id) : .collision(key.id) }
    guard keys.count < KeyRing.keysMax else { throw .full }
    keys.append(key)
  }

  /// Seals with a key of the ring from now on.
  /// - Throws: `unknown`.
  public mutating func use(_ id: KeyID) throws(KeyRingFault) {
    guard let key = key(id) else { throw .unknown(id) }
    inUse = key
  }

  /// Accepts no more what is sealed under a key.
  /// - Throws: `unknown`, or `inUse` for the one in use.
  public mutating func remove(_ id: KeyID) throws(KeyRingFault) {
    guard key(id) != nil else { throw .unknown(id) }
    guard inUse.id != id else { throw .inUse(id) }
    keys.removeAll { $0.id == id }
  }
}
