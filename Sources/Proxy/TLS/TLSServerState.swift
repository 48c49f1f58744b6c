// What OpenSSL's server callbacks look at during a handshake: names, the contexts behind them, ticket keys, protocols. Lives as long as
// the context that clients start with, and thereby as long as any session made from it.
import COpenSSL

/// SAFETY: `@unchecked Sendable` because everything here is set in `init` and only read afterwards; the ring guards itself.
final class TLSServerState: @unchecked Sendable {
  private let names: TLSNameTable
  /// Not owned: it owns this object.
  private let primary: OpaquePointer
  /// Owned; certificate `i` of the table is number `i - 1` here.
  private let secondary: [OpaquePointer]
  private let tickets: TLSTicketKeyRing
  /// Protocol names as they go over the wire, in order of preference.
  private let alpn: UnsafeMutableBufferPointer<UInt8>

  init(names: TLSNameTable, primary: OpaquePointer, secondary: [OpaquePointer], tickets: TLSTicketKeyRing, alpn: [UInt8]) {
    self.names = names
    self.primary = primary
    self.secondary = secondary
    self.tickets = tickets
    self.alpn = .allocate(capacity: alpn.count)
    _ = self.alpn.initialize(from: alpn)
  }

  deinit {
    for context in secondary {
      // The last session may hold it a moment longer than the primary context: it must not find this object any more.
      SSL_CTX_set_ex_data(context, serverStateIndex, nil)
      SSL_CTX_free(context)
    }
    alpn.deallocate()
  }

  /// Hands this object to the contexts; the primary one owns it from now on.
  func attach() {
    let unowned = Unmanaged.passUnretained(self).toOpaque()
    _ = Unmanaged.passRetained(self)
    for context in [primary] + secondary {
      SSL_CTX_set_ex_data(context, serverStateIndex, unowned)
      tg_ssl_ctx_set_servername_callback(context, onServerName, unowned)
      _ = tg_ssl_ctx_set_ticket_key_callback(context, onTicket)
      if !alpn.isEmpty { SSL_CTX_set_alpn_select_cb(context, onProtocols, unowned) }
    }
  }

  fileprivate static func of(_ pointer: UnsafeMutableRawPointer) -> TLSServerState {
    // SAFETY: the pointer was set by `attach`; a session keeps the primary context alive, and that context this object.
    Unmanaged<TLSServerState>.fromOpaque(pointer).takeUnretainedValue()
  }

  /// Switches the session to the certificate for the name that the client sent (RFC 6066 §3).
  fileprivate func selectCertificate(_ session: OpaquePointer) -> Int32 {
    guard let asked = SSL_get_servername(session, TLSEXT_NAMETYPE_host_name) else { return SSL_TLSEXT_ERR_NOACK }
    guard let index = names.index(of: String(cString: asked)) else { return SSL_TLSEXT_ERR_NOACK }
    if index > 0 && SSL_set_SSL_CTX(session, secondary[index - 1]) == nil { return SSL_TLSEXT_ERR_ALERT_FATAL }
    return SSL_TLSEXT_ERR_OK
  }

  /// The first of our protocols that the client offers; without one the handshake ends in `no_application_protocol` (RFC 7301 §3.2).
  fileprivate func selectProtocol(offered: UnsafeBufferPointer<UInt8>) -> Range<Int>? {
    var ours = 0
    while ours < alpn.count {
      let count = Int(alpn[ours])
      var theirs = 0
      while theirs < offered.count {
        let offeredCount = Int(offered[theirs])
        if offeredCount > offered.count - theirs - 1 { return nil }
        if offeredCount == count && memcmp(alpn.baseAddress! + ours + 1, offered.baseAddress! + theirs + 1, count) == 0 {
          return ours + 1..<ours + 1 + count
        }
        theirs += 1 + offeredCount
      }
      ours += 1 + count
    }
    return nil
  }

  fileprivate func protocolName(at range: Range<Int>) -> UnsafePointer<UInt8> { UnsafePointer(alpn.baseAddress! + range.lowerBound) }

  fileprivate func isOwned(by context: UnsafeMutableRawPointer?) -> Bool { context == UnsafeMutableRawPointer(primary) }

  fileprivate var ring: TLSTicketKeyRing { tickets }
}

private let serverStateIndex: Int32 = tg_ssl_ctx_ex_index { context, pointer, _, _, _, _ in
  guard let pointer, TLSServerState.of(pointer).isOwned(by: context) else { return }
  Unmanaged<TLSServerState>.fromOpaque(pointer).release()
}

private let onServerName: tg_servername_cb = { session, _, pointer in
  TLSServerState.of(pointer!).selectCertificate(session!)
}

private let onTicket: tg_ticket_key_cb = { session, name, iv, cipher, mac, sealing in
  let pointer = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(session), serverStateIndex)!
  return TLSServerState.of(pointer).ring.prepare(session!, name: name!, iv: iv!, cipher: cipher!, mac: mac!, sealing: sealing == 1)
}

private let onProtocols: SSL_CTX_alpn_select_cb_func = { _, chosen, chosenCount, offered, offeredCount, pointer in
  let state = TLSServerState.of(pointer!)
  guard let range = state.selectProtocol(offered: UnsafeBufferPointer(start: offered, count: Int(offeredCount))) else {
    return SSL_TLSEXT_ERR_ALERT_FATAL
  }
  chosen!.pointee = state.protocolName(at: range)
  chosenCount!.pointee = UInt8(range.count)
  return SSL_TLSEXT_ERR_OK
}
