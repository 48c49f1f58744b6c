// Owns the vocabulary in which ConfigurationTable is written: keys, shapes, defaults and their prose.
// ConfigurationChecker reads it to judge a document, ConfigurationReference to describe one; neither knows a key by name.
import Runtime

/// A mapping with known keys.
struct SectionTable: Sendable {
  /// The heading in the reference, unique among all sections.
  let name: String
  let doc: String
  let keys: [KeyEntry]

  func key(_ name: String) -> KeyEntry? { keys.first { $0.name == name } }
}

/// One key of a section.
struct KeyEntry: Sendable {
  enum Status: Sendable {
    case inEffect
    /// Checked and accepted with a warning; a later release acts on it.
    case notYet
    /// Refused: the document protects or serves something that this build cannot.
    case refused
  }

  let name: String
  let shape: Shape
  /// YAML text, checked by `shape` like a document's own value; nil when the key may be absent.
  let fallback: String?
  let required: Bool
  let secret: Bool
  let status: Status
  let doc: String

  init(
    _ name: String, _ shape: Shape, _ fallback: String? = nil, required: Bool = false, secret: Bool = false,
    status: Status = .inEffect, _ doc: String
  ) {
    self.name = name
    self.shape = shape
    self.fallback = fallback
    self.required = required
    self.secret = secret
    self.status = status
    self.doc = doc
  }

  /// An optional key without a default.
  static func optional(
    _ name: String, _ shape: Shape, secret: Bool = false, status: Status = .inEffect, _ doc: String
  ) -> KeyEntry {
    KeyEntry(name, shape, nil, secret: secret, status: status, doc)
  }

  static func required(_ name: String, _ shape: Shape, _ doc: String) -> KeyEntry { KeyEntry(name, shape, nil, required: true, doc) }
}

/// What a value looks like.
indirect enum Shape: Sendable {
  case text(TextForm)
  /// One of some words; words of `refused` are known and not in this build.
  case choice([String], refused: [String] = [])
  case integer(ClosedRange<Int>)
  case number(ClosedRange<Double>)
  case flag
  /// `zero` says what 0 means; without it 0 is refused.
  case duration(zero: String?)
  /// `zero` says what 0 means; without it 0 is refused.
  case size(zero: String?)
  case list(Shape, atLeast: Int)
  /// A mapping with free keys of a form.
  case map(keys: TextForm, Shape)
  case section(SectionTable)
  /// A scalar, or the long form with more to say.
  case either(Shape, SectionTable)
}

/// What a text looks like.
enum TextForm: String, Sendable, CaseIterable {
  case any, nonEmpty, name, path, certificate, privateKey, ticketKey, accessLog
  case listenAddress, peerAddress, seed, endpoint, network, hostPattern, hostName, authority
  case urlPath, fieldName, fieldValue, retryCondition, status, routeKey, base64Key

  /// Why `text` does not have this form, or nil. Files are looked at elsewhere.
  func refusal(of text: String) -> Quantities.Refusal? {
    do throws(Quantities.Refusal) {
      switch self {
      case .any: break
      case .nonEmpty, .path, .certificate, .privateKey, .ticketKey, .accessLog:
        if text.isEmpty { throw .init("is empty") }
        if self != .nonEmpty, text.utf8.contains(0) { throw .init("a path cannot hold a NUL character") }
      case .name: try Self.checkName(text)
      case .listenAddress: try Self.checkListen(text)
      case .peerAddress: _ = try HostPort.parse(text)
      case .seed: _ = try HostPort.parse(text.hasPrefix("dns:") ? String(text.dropFirst(4)) : text)
      case .endpoint: _ = try EndpointAddress.parse(text)
      case .network: try Self.checkNetwork(text)
      case .hostPattern: try Self.checkHostPattern(text)
      case .hostName: if let reason = HostPort.nameFault(text) { throw .init(reason) }
      case .authority: try Self.checkAuthority(text)
      case .urlPath: try Self.checkURLPath(text)
      case .fieldName:
        guard !text.isEmpty, text.utf8.count <= 256, text.utf8.allSatisfy(Characters.isToken) else {
          throw .init("`\(Shown.text(text))` is no field name (RFC 9110 §5.1)")
        }
      case .fieldValue:
        guard text.utf8.allSatisfy({ $0 == 9 || ($0 >= 0x20 && $0 != 0x7F) }) else {
          throw .init("a field value cannot hold control characters (RFC 9110 §5.5)")
        }
      case .retryCondition:
        guard !Self.retryConditions.contains(text) else { return nil }
        guard let codes = try? StatusSet.codes(text), codes.lowerBound >= 400 else {
          let words = Self.retryConditions.joined(separator: ", ")
          throw .init("`\(Shown.text(text))` is no retry condition; use \(words), a status of 400 to 599, or `5xx`")
        }
      case .status: _ = try StatusSet.codes(text)
      case .routeKey: if text.isEmpty || text.utf8.count > 4096 { throw .init("a route key has 1 to 4096 bytes") }
      case .base64Key: try Self.checkKey(text)
      }
      return nil
    } catch { return error }
  }

  static let retryConditions = ["connect_failure", "reset", "timeout", "refused_stream", "gateway_error"]

  private static func checkName(_ text: String) throws(Quantities.Refusal) {
    let fits =
      !text.isEmpty && text.utf8.count <= 64
      && text.utf8.allSatisfy { Characters.isLetter($0) || Characters.isDigit($0) || $0 == 0x2D || $0 == 0x5F || $0 == 0x2E }
    if !fits { throw .init("`\(Shown.text(text))` is no name; use 1 to 64 letters, digits, `-`, `_` and `.`") }
  }

  private static func checkListen(_ text: String) throws(Quantities.Refusal) {
    let address = try HostPort.parse(text, portMin: 0)
    guard address.isAddress || address.host == "localhost" else {
      throw .init("`\(Shown.text(address.host))` is a name; a listener is bound to an IP address of this machine")
    }
  }

  private static func checkNetwork(_ text: String) throws(Quantities.Refusal) {
    guard AddressRange(text) != nil else {
      throw .init("`\(Shown.text(text))` is no network; write an IP address with its prefix, such as `10.0.0.0/8` or `fd00::/8`")
    }
    if AddressRange.hasHostBits(text) { throw .init("`\(text)` has bits set beyond its prefix; write the first address of the network") }
  }

  private static func checkHostPattern(_ text: String) throws(Quantities.Refusal) {
    if text == "*" || HostPort.addressBytes(text) != nil { return }
    if text.utf8.contains(UInt8(ascii: ":")) {
      throw .init("a host has no port and no scheme; write `example.com`, `*.example.com` or `*`")
    }
    let name = text.hasPrefix("*.") ? String(text.dropFirst(2)) : text
    if name.utf8.contains(UInt8(ascii: "*")) { throw .init("`*` stands alone or for the first label: `*` or `*.example.com`") }
    if let reason = HostPort.nameFault(name) { throw .init(reason) }
  }

  private static func checkAuthority(_ text: String) throws(Quantities.Refusal) {
    if HostPort.nameFault(text) == nil { return }
    _ = try HostPort.parse(text)
  }

  private static func checkURLPath(_ text: String) throws(Quantities.Refusal) {
    guard text.utf8.first == UInt8(ascii: "/") else { throw .init("a path starts with `/`") }
    guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") }) else {
      throw .init("a path holds visible ASCII without `#`; percent-encode the rest")
    }
  }

  /// Base64 (RFC 4648 §4) of 32 bytes: 43 characters and one `=`.
  private static func checkKey(_ text: String) throws(Quantities.Refusal) {
    let bytes = Array(text.utf8)
    let fits =
      bytes.count == 44 && bytes[43] == UInt8(ascii: "=")
      && bytes[..<43].allSatisfy { Characters.isLetter($0) || Characters.isDigit($0) || $0 == 0x2B || $0 == 0x2F }
      && "AEIMQUYcgkosw048".utf8.contains(bytes[42])
    if !fits { throw .init("a key is the base64 of 32 bytes (44 characters); `openssl rand -base64 32` makes one") }
  }
}
