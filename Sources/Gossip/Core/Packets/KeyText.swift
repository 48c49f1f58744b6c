// Owns: reading a secret from configuration text. Faults say what is wrong with it and never show any of it.

/// What is wrong with a key's text.
public enum KeyTextFault: Error, Equatable, Sendable, CustomStringConvertible {
  /// Neither of the two lengths.
  case length(characters: Int)
  /// The character at this column, from 1, belongs neither to hexadecimal nor to base64.
  case character(column: Int)
  /// The last character holds bits beyond the 32 bytes: some of the text was lost.
  case leftoverBits
  /// All its bytes are the same.
  case predictable

  public var description: String {
    switch self {
    case .length(let characters):
      "\(characters) characters; a key is 32 bytes as 64 hexadecimal digits or 44 characters of base64 (tidegate keys generate)"
    case .character(let column): "column \(column) is no digit of a key in hexadecimal or base64"
    case .leftoverBits: "the base64 has bits left over behind 32 bytes; the key was copied wrongly"
    case .predictable: "all bytes of the key are the same; draw a random one (tidegate keys generate)"
    }
  }
}

/// Text forms of a secret.
public enum KeyText {
  /// Reads 64 hexadecimal digits or 44 characters of base64 (RFC 4648 §4, with its padding), without white space.
  public static func secret(_ text: Substring) throws(KeyTextFault) -> KeySecret {
    let characters = Array(text.utf8.prefix(65))
    var bytes: [UInt8]
    switch characters.count {
    case 64: bytes = try hexadecimal(characters)
    case 44: bytes = try base64(characters)
    default: throw .length(characters: text.utf8.count)
    }
    defer { for at in bytes.indices { bytes[at] = 0 } }
    if bytes.allSatisfy({ $0 == bytes[0] }) { throw .predictable }
    guard let secret = KeySecret(bytes) else { throw .length(characters: characters.count) }
    return secret
  }

  /// Splits text of one key a line, the first the one in use, with empty lines and `#` comments.
  /// - Returns: the secrets in order, with their lines from 1.
  public static func secrets(_ text: String) throws(KeyRingFault) -> [(line: Int, secret: KeySecret)] {
    guard text.utf8.count <= KeyRing.textBytesMax else { throw .textTooLong(bytes: text.utf8.count) }
    var found: [(line: Int, secret: KeySecret)] = []
    var line = 0
    // Not by "\n" alone: a carriage return before it makes one Character of the two.
    for raw in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
      line += 1
      var word = raw.drop { isBlank($0) }
      while let last = word.last, isBlank(last) { word.removeLast() }
      if word.isEmpty || word.first == "#" { continue }
      do throws(KeyTextFault) { found.append((line, try secret(word))) } catch { throw .text(line: line, error) }
    }
    return found
  }

  private static func isBlank(_ character: Character) -> Bool { character == " " || character == "\t" }

  static func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }

  private static func base64Digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A")
    case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0") + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }

  private static func hexadecimal(_ characters: [UInt8]) throws(KeyTextFault) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(KeySecret.byteCount)
    for at in stride(from: 0, to: characters.count, by: 2) {
      guard let high = hexDigit(characters[at]) else { throw .character(column: at + 1) }
      guard let low = hexDigit(characters[at + 1]) else { throw .character(column: at + 2) }
      bytes.append(high << 4 | low)
    }
    return bytes
  }

  /// 43 digits and one `=`: 258 bits, the last two of them zero.
  private static func base64(_ characters: [UInt8]) throws(KeyTextFault) -> [UInt8] {
    guard characters[43] == UInt8(ascii: "=") else { throw .character(column: 44) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(KeySecret.byteCount)
    var (held, bits): (UInt32, UInt32) = (0, 0)
    for at in 0..<43 {
      guard let digit = base64Digit(characters[at]) else { throw .character(column: at + 1) }
      held = held << 6 | UInt32(digit)
      bits += 6
      if bits >= 8 {
        bits -= 8
        bytes.append(UInt8(truncatingIfNeeded: held >> bits))
        held &= (1 << bits) - 1
      }
    }
    guard held == 0 else { throw .leftoverBits }
    return bytes
  }
}
