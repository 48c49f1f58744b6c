// Owns the name of a place within a document: a JSON pointer, and the line and column it has in the text.

/// A JSON pointer (RFC 6901): the way from the root of a document to one value.
public struct DocumentPointer: Hashable, Sendable, CustomStringConvertible {
  /// Member names and array indices, unescaped.
  public var tokens: [String]

  public init(_ tokens: [String] = []) { self.tokens = tokens }

  /// Reads the fragment of a reference within the document: `#`, or `#/` and escaped tokens (RFC 6901 section 6).
  ///
  /// - Returns: nil if it is none, or if percent-encoding does not give UTF-8.
  public init?(fragment: String) {
    var bytes: [UInt8] = []
    var rest = fragment.utf8.dropFirst()
    guard fragment.utf8.first == UInt8(ascii: "#") else { return nil }
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      let digits = String(decoding: rest.prefix(2), as: UTF8.self)
      guard rest.count >= 2, digits.first?.isHexDigit == true, let code = UInt8(digits, radix: 16) else { return nil }
      rest = rest.dropFirst(2)
      bytes.append(code)
    }
    guard let text = String(validating: bytes, as: UTF8.self) else { return nil }
    guard !text.isEmpty else {
      self.init()
      return
    }
    guard text.utf8.first == UInt8(ascii: "/") else { return nil }
    self.init(text.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map(DocumentPointer.unescaped))
  }

  public func appending(_ token: String) -> DocumentPointer { DocumentPointer(tokens + [token]) }
  public func appending(_ index: Int) -> DocumentPointer { appending(String(index)) }

  /// As RFC 6901 section 3 writes it; empty for the root.
  public var description: String { tokens.map { "/" + DocumentPointer.escaped($0) }.joined() }

  /// As a reference writes it (RFC 6901 section 6). Only the percent sign has to be encoded for `init(fragment:)` to give it back.
  public var fragment: String { "#" + description.split(separator: "%", omittingEmptySubsequences: false).joined(separator: "%25") }

  /// `~0` stands for `~` and `~1` for `/`.
  private static func escaped(_ token: String) -> String {
    var text = ""
    for scalar in token.unicodeScalars {
      switch scalar {
      case "~": text += "~0"
      case "/": text += "~1"
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text
  }

  private static func unescaped(_ token: Substring) -> String {
    guard token.utf8.contains(UInt8(ascii: "~")) else { return String(token) }
    var text = ""
    var scalars = token.unicodeScalars[...]
    while let scalar = scalars.popFirst() {
      switch (scalar, scalars.first) {
      case ("~", "0"):
        text += "~"
        scalars.removeFirst()
      case ("~", "1"):
        text += "/"
        scalars.removeFirst()
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text
  }
}

/// A place in a text; both count from 1, columns in Unicode scalars.
public struct DocumentPosition: Hashable, Sendable {
  public var line: Int
  public var column: Int

  public init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }
}
