// Owns: which formats there are, in which draft, and what is said of a text that is not in one. How each looks stands beside, in
// SchemaFormat+Dates, +Names and +Addresses.

/// A format that `format` can name.
public enum SchemaFormat: String, CaseIterable, Sendable {
  case dateTime = "date-time"
  case date
  case time
  case duration
  case email
  case idnEmail = "idn-email"
  case hostname
  case idnHostname = "idn-hostname"
  case ipv4
  case ipv6
  case uri
  case uriReference = "uri-reference"
  case iri
  case iriReference = "iri-reference"
  case uriTemplate = "uri-template"
  case jsonPointer = "json-pointer"
  case relativeJSONPointer = "relative-json-pointer"
  case regex
  case uuid
  // Not JSON Schema's, but known to the validator that API Gateway uses (json-schema-validator's ExtraFormatsDictionary).
  case base64
  case mac
  case md5
  case sha1
  case sha256
  case sha512

  /// - Returns: nil where the draft does not know the name.
  init?(_ name: String, draft: SchemaDraft) {
    guard let format = SchemaFormat(rawValue: name), draft >= format.first else { return nil }
    if format.isExtra, draft > .draft4 { return nil }
    self = format
  }

  private var isExtra: Bool {
    switch self {
    case .base64, .mac, .md5, .sha1, .sha256, .sha512: true
    default: false
    }
  }

  /// The draft that brought it. Draft 4 has some of later ones here, since json-schema-validator has them.
  private var first: SchemaDraft {
    switch self {
    case .dateTime, .email, .hostname, .ipv4, .ipv6, .uri, .regex, .base64, .jsonPointer, .mac, .md5, .sha1, .sha256, .sha512,
      .uriTemplate, .uuid:
      .draft4
    case .uriReference: .draft6
    case .date, .time, .idnEmail, .idnHostname, .iri, .iriReference, .relativeJSONPointer: .draft7
    case .duration: .draft2019
    }
  }

  /// Whether a text is in this format.
  func holds(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    switch self {
    case .dateTime: return FormatScanner.whole(bytes) { $0.dateTime() }
    case .date: return FormatScanner.whole(bytes) { $0.date() }
    case .time: return FormatScanner.whole(bytes) { $0.timeOfDay() }
    case .duration: return FormatScanner.whole(bytes) { $0.duration() }
    case .email: return FormatScanner.isEmail(bytes, allowsUnicode: false)
    case .idnEmail: return FormatScanner.isEmail(bytes, allowsUnicode: true)
    case .hostname: return FormatScanner.isHostname(text, allowsUnicode: false)
    case .idnHostname: return FormatScanner.isHostname(text, allowsUnicode: true)
    case .ipv4: return FormatScanner.whole(bytes) { $0.ipv4() }
    case .ipv6: return FormatScanner.isIPv6(bytes[...])
    case .uri: return FormatScanner.isURI(bytes, allowsUnicode: false, allowsRelative: false)
    case .uriReference: return FormatScanner.isURI(bytes, allowsUnicode: false, allowsRelative: true)
    case .iri: return FormatScanner.isURI(bytes, allowsUnicode: true, allowsRelative: false)
    case .iriReference: return FormatScanner.isURI(bytes, allowsUnicode: true, allowsRelative: true)
    case .uriTemplate: return FormatScanner.isURITemplate(bytes)
    case .jsonPointer: return FormatScanner.isJSONPointer(bytes[...])
    case .relativeJSONPointer: return FormatScanner.isRelativeJSONPointer(bytes)
    case .regex: return bytes.count <= 8192 && (try? ECMAPattern.translated(text, isStrict: true)) != nil
    case .uuid: return FormatScanner.isUUID(bytes)
    case .base64: return FormatScanner.isBase64(bytes)
    case .mac: return FormatScanner.isMAC(bytes)
    case .md5: return bytes.count == 32 && bytes.allSatisfy(FormatScanner.isHex)
    case .sha1: return bytes.count == 40 && bytes.allSatisfy(FormatScanner.isHex)
    case .sha256: return bytes.count == 64 && bytes.allSatisfy(FormatScanner.isHex)
    case .sha512: return bytes.count == 128 && bytes.allSatisfy(FormatScanner.isHex)
    }
  }

  /// What json-schema-validator says (its validation.properties), and in its manner where it says nothing.
  func complaint(_ text: String) -> String {
    switch self {
    case .dateTime:
      "string \"\(text)\" is invalid against requested date format(s) [yyyy-MM-dd'T'HH:mm:ssZ, yyyy-MM-dd'T'HH:mm:ss.[0-9]{1,12}Z]"
    case .date: "string \"\(text)\" is invalid against requested date format(s) yyyy-MM-dd"
    case .time: "string \"\(text)\" is invalid against requested date format(s) HH:mm:ss"
    case .duration: "string \"\(text)\" is not a valid duration"
    case .email, .idnEmail: "string \"\(text)\" is not a valid email address"
    case .hostname, .idnHostname: "string \"\(text)\" is not a valid hostname"
    case .ipv4: "string \"\(text)\" is not a valid IPv4 address"
    case .ipv6: "string \"\(text)\" is not a valid IPv6 address"
    case .uri, .uriReference, .iri, .iriReference: "string \"\(text)\" is not a valid URI"
    case .uriTemplate: "input string \"\(text)\" is not a valid URI template"
    case .jsonPointer, .relativeJSONPointer: "input string \"\(text)\" is not a valid JSON Pointer"
    case .regex: "string \"\(text)\" is not a valid ECMA 262 regular expression"
    case .uuid: "input string \"\(text)\" is not a valid UUID"
    case .base64:
      text.utf16.count % 4 == 0
        ? "input is not a valid Base64 string: illegal characters"
        : "input has illegal length (must be a multiple of 4, found \(text.utf16.count))"
    case .mac: "input string \"\(text)\" is not a valid MAC address"
    case .md5: hexComplaint(text, 32)
    case .sha1: hexComplaint(text, 40)
    case .sha256: hexComplaint(text, 64)
    case .sha512: hexComplaint(text, 128)
    }
  }

  private func hexComplaint(_ text: String, _ count: Int) -> String {
    text.utf16.count == count
      ? "input string has illegal characters" : "input string has bad length (\(text.utf16.count), expected \(count))"
  }
}

/// Reads a text from left to right.
struct FormatScanner {
  private let bytes: [UInt8]
  var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Whether what `read` reads is the whole text.
  static func whole(_ bytes: [UInt8], _ read: (inout FormatScanner) -> Bool) -> Bool {
    var scanner = FormatScanner(bytes)
    return read(&scanner) && scanner.peeked == nil
  }

  var peeked: UInt8? { position < bytes.count ? bytes[position] : nil }

  mutating func take(_ byte: UInt8) -> Bool {
    guard peeked == byte else { return false }
    position += 1
    return true
  }

  /// A letter in either case.
  mutating func take(letter: UInt8) -> Bool {
    guard let byte = peeked, byte | 0x20 == letter else { return false }
    position += 1
    return true
  }

  mutating func digit() -> Int? {
    guard let byte = peeked, Self.isDigit(byte) else { return nil }
    position += 1
    return Int(byte - UInt8(ascii: "0"))
  }

  /// Exactly so many digits.
  mutating func digits(_ count: Int) -> Int? {
    var value = 0
    for _ in 0..<count {
      guard let digit = digit() else { return nil }
      value = value * 10 + digit
    }
    return value
  }

  /// One digit or more.
  mutating func anyDigits() -> Bool {
    let start = position
    while digit() != nil {}
    return position > start
  }

  static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

  static func isLetter(_ byte: UInt8) -> Bool { byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z") }

  static func isHex(_ byte: UInt8) -> Bool { isDigit(byte) || byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "f") }
}
