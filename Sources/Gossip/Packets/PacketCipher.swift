// Owns: the calls into libcrypto: AES-256-GCM under a key schedule that is kept, and HKDF. Layouts, nonces' uniqueness and replay are its
// users'. Nothing here is shared between threads.
import COpenSSL
import Runtime

// SAFETY: a fetched algorithm is immutable and reference-counted by libcrypto with atomics; it is never freed.
nonisolated(unsafe) private let packetAlgorithm: OpaquePointer = EVP_CIPHER_fetch(nil, "AES-256-GCM", nil)
nonisolated(unsafe) private let derivationAlgorithm: OpaquePointer = EVP_KDF_fetch(nil, "HKDF", nil)

/// AES-256-GCM (NIST SP 800-38D) in one direction, under a key that can be changed. Allocates when made, not when used.
///
/// SAFETY: the context is made in `init`, freed in `deinit` and used by one thread at a time, since the type is not Sendable.
final class PacketCipher {
  enum Direction: Int32 {
    case open = 0
    case seal = 1
  }

  private let context: OpaquePointer

  init(_ direction: Direction) {
    context = EVP_CIPHER_CTX_new()
    let ready = EVP_CipherInit_ex2(context, packetAlgorithm, nil, nil, direction.rawValue, nil)
    precondition(ready == 1, "libcrypto refuses AES-256-GCM")
  }

  deinit { EVP_CIPHER_CTX_free(context) }

  /// Changes the key.
  func setKey(_ key: borrowing DerivedKey) {
    let ready = EVP_CipherInit_ex2(context, nil, key.start, nil, -1, nil)
    precondition(ready == 1, "libcrypto refuses a key of AES-256-GCM")
  }

  /// Seals under the nonce that is a counter in 12 bytes, big-endian. No counter is ever used twice under a key.
  /// - Parameters:
  ///   - associated: authenticated, not encrypted.
  ///   - target: as long as the plaintext and the tag behind it; may begin where the plaintext does.
  func seal(
    counter: UInt64, associated: UnsafeRawBufferPointer, plaintext: UnsafeRawBufferPointer, to target: UnsafeMutableRawBufferPointer
  ) {
    precondition(target.count == plaintext.count + PacketHeader.tagBytes, "\(plaintext.count) bytes sealed into \(target.count)")
    // SAFETY: the precondition above bounds every write; bytes may be viewed as UInt8.
    let out = target.baseAddress!.assumingMemoryBound(to: UInt8.self)
    var written: Int32 = 0
    var sealed = begin(counter, associated) && update(out, plaintext)
    sealed = sealed && EVP_CipherFinal_ex(context, out + plaintext.count, &written) == 1
    let tag = out + plaintext.count
    sealed = sealed && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(PacketHeader.tagBytes), tag) == 1
    precondition(sealed, "libcrypto refuses to seal \(plaintext.count) bytes")
  }

  /// Opens what `seal` made.
  /// - Parameters:
  ///   - sealed: ciphertext and tag, at least as long as a tag.
  ///   - target: at least as long as the ciphertext; its bytes mean nothing unless the result is true.
  /// - Returns: whether it is authentic.
  func open(
    counter: UInt64, associated: UnsafeRawBufferPointer, sealed: UnsafeRawBufferPointer, to target: UnsafeMutableRawBufferPointer
  ) -> Bool {
    let count = sealed.count - PacketHeader.tagBytes
    precondition(count >= 0 && target.count >= count, "\(sealed.count) sealed bytes opened into \(target.count)")
    // SAFETY: the precondition above bounds every access; libcrypto only reads the tag, although its parameter is mutable.
    let out = target.baseAddress!.assumingMemoryBound(to: UInt8.self)
    let tag = UnsafeMutableRawPointer(mutating: sealed.baseAddress! + count)
    var written: Int32 = 0
    return begin(counter, associated) && update(out, UnsafeRawBufferPointer(rebasing: sealed[..<count]))
      && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32(PacketHeader.tagBytes), tag) == 1
      && EVP_CipherFinal_ex(context, out + count, &written) == 1
  }

  private func begin(_ counter: UInt64, _ associated: UnsafeRawBufferPointer) -> Bool {
    var nonce: (UInt32, UInt32, UInt32) = (
      0, UInt32(truncatingIfNeeded: counter >> 32).bigEndian, UInt32(truncatingIfNeeded: counter).bigEndian
    )
    let started = withUnsafeBytes(of: &nonce) {
      EVP_CipherInit_ex2(context, nil, nil, $0.baseAddress!.assumingMemoryBound(to: UInt8.self), -1, nil)
    }
    guard started == 1 else { return false }
    if associated.isEmpty { return true }
    var written: Int32 = 0
    let start = associated.baseAddress!.assumingMemoryBound(to: UInt8.self)
    return EVP_CipherUpdate(context, nil, &written, start, Int32(associated.count)) == 1
  }

  private func update(_ out: UnsafeMutablePointer<UInt8>, _ input: UnsafeRawBufferPointer) -> Bool {
    if input.isEmpty { return true }
    var written: Int32 = 0
    let start = input.baseAddress!.assumingMemoryBound(to: UInt8.self)
    return EVP_CipherUpdate(context, out, &written, start, Int32(input.count)) == 1 && Int(written) == input.count
  }
}

/// 32 bytes for one use, wiped afterwards.
///
/// SAFETY: the memory holds `byteCount` bytes from `init` to `deinit`, and one thread reaches it, since the type is not Sendable.
struct DerivedKey: ~Copyable {
  static let byteCount = 32
  let start: UnsafeMutablePointer<UInt8>

  init() {
    start = .allocate(capacity: DerivedKey.byteCount)
    start.initialize(repeating: 0, count: DerivedKey.byteCount)
  }

  deinit {
    OPENSSL_cleanse(start, DerivedKey.byteCount)
    start.deallocate()
  }
}

/// HKDF-SHA-256 (RFC 5869), to 32 bytes.
///
/// SAFETY: as PacketCipher.
final class KeyDerivation {
  private let context: OpaquePointer

  init() { context = EVP_KDF_CTX_new(derivationAlgorithm) }

  deinit { EVP_KDF_CTX_free(context) }

  /// - Parameters:
  ///   - secret: the input keying material.
  ///   - salt: not empty.
  ///   - info: says what the key is for; not empty.
  func derive(_ secret: KeySecret, salt: UnsafeRawBufferPointer, info: UnsafeRawBufferPointer, into key: borrowing DerivedKey) {
    let derived = secret.withBytes { secret in
      // SAFETY: libcrypto reads these four values during the call below only; the parameters' names and values outlive it.
      withUnsafeTemporaryAllocation(of: OSSL_PARAM.self, capacity: 5) { parameters in
        parameters[0] = OSSL_PARAM_construct_utf8_string(KeyDerivation.name("digest"), KeyDerivation.text("SHA256"), 0)
        parameters[1] = KeyDerivation.octets("key", secret)
        parameters[2] = KeyDerivation.octets("salt", salt)
        parameters[3] = KeyDerivation.octets("info", info)
        parameters[4] = OSSL_PARAM_construct_end()
        return EVP_KDF_derive(context, key.start, DerivedKey.byteCount, parameters.baseAddress!)
      }
    }
    EVP_KDF_CTX_reset(context)
    precondition(derived == 1, "libcrypto refuses HKDF-SHA-256 with a salt of \(salt.count) bytes")
  }

  private static func octets(_ name: StaticString, _ bytes: UnsafeRawBufferPointer) -> OSSL_PARAM {
    OSSL_PARAM_construct_octet_string(KeyDerivation.name(name), UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
  }

  // SAFETY: a static string lives for ever, ends with a zero byte, and is only read.
  private static func name(_ text: StaticString) -> UnsafePointer<CChar> {
    UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
  }

  private static func text(_ text: StaticString) -> UnsafeMutablePointer<CChar> { UnsafeMutablePointer(mutating: name(text)) }
}
