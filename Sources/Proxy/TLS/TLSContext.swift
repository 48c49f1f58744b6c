// What server and client contexts share: the SSL_CTX with the house's settings, and certificates, keys and trust read from files.
import COpenSSL

/// A certificate chain and its key, both PEM files.
public struct TLSCertificateFiles: Sendable, Equatable {
  /// The certificate first, then its intermediates.
  public var certificatePath: String
  public var keyPath: String

  public init(certificatePath: String, keyPath: String) {
    self.certificatePath = certificatePath
    self.keyPath = keyPath
  }
}

/// Makes and furnishes an `SSL_CTX`.
enum TLSContext {
  /// Mozilla's "intermediate" list of 2024 without finite-field Diffie-Hellman, whose handshake costs several times an elliptic one.
  static let tls12Ciphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    + "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
  static let tls13Ciphers = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
  static let groups = "X25519:P-256"

  /// An `SSL_CTX` that the caller owns.
  static func make(server: Bool, minVersion: TLSVersion) throws(TLSFault) -> OpaquePointer {
    ERR_clear_error()
    guard let context = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method()) else {
      throw .queued(.configuration, "cannot make a TLS context")
    }
    SSL_CTX_set_options(context, tg_ssl_options_common | (server ? tg_ssl_options_server : 0))
    // Buffers of 16 KiB each way are given back between records: an idle connection keeps none.
    _ = tg_ssl_ctx_set_mode(context, tg_ssl_modes)
    let furnished =
      tg_ssl_ctx_set_min_version(context, minVersion.rawValue) == 1 && tg_ssl_ctx_set_max_version(context, TLSVersion.tls13.rawValue) == 1
      && SSL_CTX_set_cipher_list(context, tls12Ciphers) == 1 && SSL_CTX_set_ciphersuites(context, tls13Ciphers) == 1
      && tg_ssl_ctx_set_groups(context, groups) == 1
    if !furnished {
      SSL_CTX_free(context)
      throw .queued(.configuration, "OpenSSL refuses the TLS settings")
    }
    // Without this a key under a passphrase would ask the terminal, and a service would hang.
    SSL_CTX_set_default_passwd_cb(context) { _, _, _, _ in 0 }
    return context
  }

  /// Loads a chain and its key; both must be readable, whole and fit each other.
  static func use(_ files: TLSCertificateFiles, in context: OpaquePointer) throws(TLSFault) {
    ERR_clear_error()
    if SSL_CTX_use_certificate_chain_file(context, files.certificatePath) != 1 {
      throw .queued(.configuration, "cannot load certificate \(files.certificatePath)")
    }
    if SSL_CTX_use_PrivateKey_file(context, files.keyPath, SSL_FILETYPE_PEM) != 1 {
      throw .queued(.configuration, "cannot use key \(files.keyPath) for certificate \(files.certificatePath)")
    }
    if SSL_CTX_check_private_key(context) != 1 {
      throw .queued(.configuration, "key \(files.keyPath) does not fit certificate \(files.certificatePath)")
    }
  }

  /// Makes the certificates of a PEM file the only trust anchors.
  static func trust(_ path: String, in context: OpaquePointer) throws(TLSFault) {
    ERR_clear_error()
    if SSL_CTX_load_verify_file(context, path) != 1 { throw .queued(.configuration, "cannot load trusted certificates \(path)") }
  }

  /// Trusts what the operating system trusts.
  static func trustSystem(in context: OpaquePointer) throws(TLSFault) {
    ERR_clear_error()
    if SSL_CTX_set_default_verify_paths(context) != 1 { throw .queued(.configuration, "cannot load the system's trusted certificates") }
  }

  /// Protocol names as they go over the wire: each behind its length (RFC 7301 §3.1).
  static func wireALPN(_ names: [String]) throws(TLSFault) -> [UInt8] {
    var wire: [UInt8] = []
    for name in names {
      let bytes = Array(name.utf8)
      if bytes.isEmpty || bytes.count > 255 { throw TLSFault(.configuration, "ALPN name \"\(name)\" must have 1 to 255 bytes") }
      wire.append(UInt8(bytes.count))
      wire += bytes
    }
    return wire
  }

  /// 32 bytes of SHA-256 over the parts, each behind its length so that no two lists collide.
  static func digest(_ parts: [[UInt8]]) -> [UInt8] {
    var message: [UInt8] = []
    for part in parts {
      withUnsafeBytes(of: UInt64(part.count).littleEndian) { message += $0 }
      message += part
    }
    var digest = [UInt8](repeating: 0, count: 32)
    EVP_Digest(message, message.count, &digest, nil, EVP_sha256(), nil)
    return digest
  }
}
