// Owns: who gets in at the admin listener. Pure. Three dangers: somebody without the secret; a page in an operator's browser that
// sends requests here (CSRF), which the content type, Host and Origin give away; and a foreign name that was made to resolve to this
// address (DNS rebinding), which Host gives away.
import Proxy
import Runtime

struct AdminGate: Sendable {
  /// How a `Host` or `Origin` relates to this listener.
  enum Standing: Equatable {
    /// One of the listener's own names, with its port.
    case own
    /// An address, or `localhost` with another port (as after forwarding a port): nobody can make those resolve elsewhere.
    case literal
    /// Any other name.
    case foreign
    /// HTTP/1.0 without Host: no browser's.
    case absent
  }

  private let port: UInt16
  private let host: String
  private let address: SocketAddress?
  private let token: [UInt8]?
  private let trustsCertificates: Bool

  init(_ options: AdminOptions) {
    port = options.listen.port
    host = options.listen.host
    address = SocketAddress(host: options.listen.host, port: 0)
    token = options.token.map { Array($0.utf8) }
    trustsCertificates = options.trustsCertificates
  }

  // MARK: who asks

  enum Admission: Equatable {
    /// Nothing is asked for: only this machine reaches the listener.
    case open
    /// By the token, which no browser adds by itself.
    case token
    /// By a client certificate, which a browser may add by itself.
    case certificate
    case refused
  }

  func admission(_ request: LocalRequest) -> Admission {
    if let token, AdminGate.bearer(request).map({ AdminGate.isEqual($0, token) }) == true { return .token }
    if trustsCertificates && request.clientSubject != nil { return .certificate }
    return token == nil && !trustsCertificates ? .open : .refused
  }

  /// The credentials of `Authorization: Bearer …` (RFC 6750 §2.1); schemes know no case.
  private static func bearer(_ request: LocalRequest) -> [UInt8]? {
    guard let value = request.field("authorization") else { return nil }
    let bytes = Array(value.utf8)
    guard bytes.count > 7, String(decoding: bytes[..<7], as: UTF8.self).lowercased() == "bearer " else { return nil }
    return Array(bytes[7...])
  }

  /// Takes time in proportion to what was sent, whatever of it is right.
  static func isEqual(_ given: [UInt8], _ secret: [UInt8]) -> Bool {
    guard !secret.isEmpty else { return given.isEmpty }
    var difference = given.count ^ secret.count
    for (i, byte) in given.enumerated() { difference |= Int(byte ^ secret[i % secret.count]) }
    return difference == 0
  }

  // MARK: by which name

  func standing(ofHost text: String, isSecure: Bool) -> Standing {
    if text.isEmpty { return .absent }
    guard let (name, given) = AdminGate.split(text) else { return .foreign }
    let literal = SocketAddress(host: name, port: 0)
    let isLocal = name == "localhost" || literal?.isLoopback == true
    let listensEverywhere = address?.isUnspecified == true
    let isConfigured = name == host || (literal != nil && (literal == address || listensEverywhere))
    if (isLocal || isConfigured) && (given ?? (isSecure ? 443 : 80)) == port { return .own }
    return isLocal || isConfigured || literal != nil ? .literal : .foreign
  }

  /// An origin (RFC 6454 §7) is ours when its scheme, name and port are; "null" is nobody's.
  func isOwn(origin: String, isSecure: Bool) -> Bool {
    let scheme = isSecure ? "https://" : "http://"
    guard origin.lowercased().hasPrefix(scheme) else { return false }
    return standing(ofHost: String(origin.dropFirst(scheme.count)), isSecure: isSecure) == .own
  }

  /// Host, without brackets and in lower case, and port, where one is given.
  private static func split(_ text: String) -> (String, UInt16?)? {
    let text = text.lowercased()
    var name = Substring(text)
    var port: UInt16?
    if let colon = text.lastIndex(of: ":"), !text[colon...].contains("]"), text.first == "[" || text.firstIndex(of: ":") == colon {
      let digits = text[text.index(after: colon)...]
      guard (1...5).contains(digits.utf8.count), digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let number = UInt16(digits)
      else { return nil }
      port = number
      name = text[..<colon]
    }
    if name.hasPrefix("["), name.hasSuffix("]") {
      name = name.dropFirst().dropLast()
      guard name.contains(":") else { return nil }
    } else if name.contains(":") {
      return nil
    }
    return name.isEmpty ? nil : (String(name), port)
  }

  // MARK: refusing

  /// Why a request that only asks is refused for the name it came under; nil when it is not.
  func refusalToTell(_ request: LocalRequest, _ admission: Admission) -> LocalResponse? {
    // A page under a rebound name cannot have the token.
    if admission == .token || standing(ofHost: request.authority, isSecure: request.isSecure) != .foreign { return nil }
    return .message(421, "Host is not one of this listener's names; ask by its address.")
  }

  /// Why a request that would change something is refused; nil when it is not.
  func refusalToChange(_ request: LocalRequest) -> LocalResponse? {
    guard standing(ofHost: request.authority, isSecure: request.isSecure) == .own else {
      return .message(403, "Host is not one of this listener's own names with its port.")
    }
    let origins = request.fields.filter { $0.name.lowercased() == "origin" }
    guard origins.allSatisfy({ isOwn(origin: $0.value, isSecure: request.isSecure) }) else {
      return .message(403, "Origin is not this listener's own.")
    }
    let type = request.field("content-type")?.split(separator: ";", maxSplits: 1).first
    guard let type, type.lowercased().filter({ $0 != " " && $0 != "\t" }) == "application/json" else {
      return .message(415, "Content-Type must be application/json.")
    }
    if !request.body.isEmpty, (try? JSONValue.parse(request.body)) == nil { return .message(400, "The body is not JSON.") }
    return nil
  }
}

extension LocalResponse {
  /// `{"message":…}`, as the gateway answers everywhere.
  static func message(_ status: Int, _ text: String, _ fields: [(name: String, value: String)] = []) -> LocalResponse {
    var response = LocalResponse(status: status, json: JSONValue.object([JSONMember("message", .string(text))]).text() + "\n")
    response.fields += fields
    return response
  }
}
