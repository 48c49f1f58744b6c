// What a certificate says, read once into plain values: for the admin listing, for logs and for the steps that look at a client's
// certificate. Trust is not decided here.
import COpenSSL

/// The readable parts of an X.509 certificate.
public struct TLSCertificate: Sendable, Equatable {
  /// Names as RFC 2253 writes them, such as `CN=edge.example.com,O=Example`.
  public let subject: String
  public let issuer: String
  /// Octets of the serial number in hexadecimal, parted by colons.
  public let serial: String
  /// Seconds since 1970 (UTC).
  public let notBefore: Int64
  public let notAfter: Int64
  /// The same moments as text, such as `May 28 12:30:02 2019 GMT`.
  public let notBeforeText: String
  public let notAfterText: String
  /// The dNSName entries of the subject alternative name; without one, the common name (RFC 6125 §6.4.4).
  public let names: [String]
  /// SHA-256 over the DER form, in hexadecimal.
  public let fingerprint: String
  public let pem: String

  /// - Parameter x509: an `X509`, borrowed.
  init(_ x509: OpaquePointer) {
    subject = Self.text(X509_get_subject_name(x509))
    issuer = Self.text(X509_get_issuer_name(x509))
    serial = Self.serial(X509_get0_serialNumber(x509))
    (notBefore, notBeforeText) = Self.time(X509_get0_notBefore(x509))
    (notAfter, notAfterText) = Self.time(X509_get0_notAfter(x509))
    names = Self.names(x509)
    fingerprint = Self.fingerprint(x509)
    pem = Self.written { _ = PEM_write_bio_X509($0, x509) }
  }

  private static func text(_ name: OpaquePointer?) -> String {
    written { _ = X509_NAME_print_ex($0, name, 0, tg_name_flags) }
  }

  private static func serial(_ number: UnsafePointer<ASN1_INTEGER>?) -> String {
    guard let number, let digits = ASN1_INTEGER_to_BN(number, nil) else { return "" }
    defer { BN_free(digits) }
    var bytes = [UInt8](repeating: 0, count: max(1, (Int(BN_num_bits(digits)) + 7) / 8))
    BN_bn2bin(digits, &bytes)
    return hexadecimal(bytes, separator: ":")
  }

  private static func time(_ time: UnsafePointer<ASN1_TIME>?) -> (seconds: Int64, text: String) {
    guard let time, let epoch = ASN1_TIME_set(nil, 0) else { return (0, "") }
    defer { ASN1_TIME_free(epoch) }
    var days: Int32 = 0
    var seconds: Int32 = 0
    ASN1_TIME_diff(&days, &seconds, epoch, time)
    return (Int64(days) * 86400 + Int64(seconds), written { _ = ASN1_TIME_print($0, time) })
  }

  private static func names(_ x509: OpaquePointer) -> [String] {
    var names: [String] = []
    if let list = X509_get_ext_d2i(x509, NID_subject_alt_name, nil, nil) {
      let list = OpaquePointer(list)
      defer { GENERAL_NAMES_free(list) }
      for i in 0..<tg_general_name_count(list) {
        guard let name = tg_general_name_dns(tg_general_name_at(list, i)) else { continue }
        names.append(text(of: name))
      }
    }
    if !names.isEmpty { return names }
    let subject = X509_get_subject_name(x509)
    let at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1)
    guard at >= 0, let value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)) else { return [] }
    return [text(of: value)]
  }

  /// The octets as they stand: a NUL inside is kept, so no shorter name can be feigned.
  private static func text(of string: UnsafePointer<ASN1_STRING>) -> String {
    String(decoding: UnsafeBufferPointer(start: ASN1_STRING_get0_data(string), count: Int(ASN1_STRING_length(string))), as: UTF8.self)
  }

  private static func fingerprint(_ x509: OpaquePointer) -> String {
    var digest = [UInt8](repeating: 0, count: 32)
    X509_digest(x509, EVP_sha256(), &digest, nil)
    return hexadecimal(digest)
  }

  private static func hexadecimal(_ bytes: [UInt8], separator: String = "") -> String {
    let digits = Array("0123456789abcdef")
    return bytes.map { String([digits[Int($0 >> 4)], digits[Int($0 & 15)]]) }.joined(separator: separator)
  }

  /// What `body` prints into a memory BIO.
  private static func written(_ body: (OpaquePointer) -> Void) -> String {
    guard let bio = BIO_new(BIO_s_mem()) else { return "" }
    defer { BIO_free(bio) }
    body(bio)
    var bytes: UnsafeMutablePointer<CChar>?
    let count = tg_bio_memory(bio, &bytes)
    guard let bytes, count > 0 else { return "" }
    return String(decoding: UnsafeRawBufferPointer(start: bytes, count: count), as: UTF8.self)
  }
}
