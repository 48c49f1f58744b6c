// What went wrong with TLS, in words for an operator: what was attempted and on which file or peer, then OpenSSL's own reason.
// Draining OpenSSL's per-thread error queue happens here alone.
import COpenSSL

/// An operating error of the TLS layer.
public struct TLSFault: Error, Sendable, Equatable, CustomStringConvertible {
  /// Who has to act.
  public enum Kind: Sendable, Equatable {
    /// A setting, a file or a key of ours.
    case configuration
    /// The peer's certificate was refused.
    case verification
    /// The peer broke the protocol or offered nothing that we accept.
    case handshake
  }

  public let kind: Kind
  public let message: String
  public var description: String { message }

  public init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  /// A fault whose reason is what OpenSSL has queued on this thread; the queue is empty afterwards.
  static func queued(_ kind: Kind, _ what: String) -> TLSFault {
    let reasons = drainQueue()
    return TLSFault(kind, reasons.isEmpty ? what : "\(what): \(reasons)")
  }

  /// Says why a handshake or a record failed: the verify result when the certificate was refused, else OpenSSL's reasons.
  ///
  /// - Parameter session: the `SSL` whose last call returned `SSL_ERROR_SSL`. Call at once, on the same thread.
  public static func ofSession(_ session: OpaquePointer) -> TLSFault {
    let reasons = drainQueue()
    let verdict = SSL_get_verify_result(session)
    if verdict != Int(X509_V_OK) {
      let text = String(cString: X509_verify_cert_error_string(verdict))
      return TLSFault(.verification, "the peer's certificate is refused: \(text)")
    }
    return TLSFault(.handshake, reasons.isEmpty ? "the peer ended the TLS session" : reasons)
  }

  /// Empties this thread's queue; the reasons without repetition, oldest first, parted by "; ".
  static func drainQueue() -> String {
    var reasons: [String] = []
    var data: UnsafePointer<CChar>?
    var flags: Int32 = 0
    while true {
      let code = ERR_get_error_all(nil, nil, nil, &data, &flags)
      if code == 0 { break }
      var text = ERR_reason_error_string(code).map { String(cString: $0) } ?? systemReason(code)
      if flags & ERR_TXT_STRING != 0, let data, data.pointee != 0 { text += " (\(String(cString: data)))" }
      if !reasons.contains(text) { reasons.append(text) }
    }
    return reasons.joined(separator: "; ")
  }

  /// Codes of the operating system (a missing file, no permission) have no OpenSSL text of their own.
  private static func systemReason(_ code: UInt) -> String {
    let system: UInt = 0x8000_0000
    if code & system != 0 { return String(cString: strerror(Int32(truncatingIfNeeded: code & ~system))) }
    return "OpenSSL error \(String(code, radix: 16))"
  }
}
