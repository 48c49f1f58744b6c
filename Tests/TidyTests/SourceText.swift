// Owns: telling code from comments and string literals in a Swift source, line by line, and the words of the code. It understands
// nested comments, raw and multi-line strings and interpolation, whose expressions count as code. What the words mean is the rules'.

/// A source split into lines; columns are those of the file.
struct SourceText {
  struct Line {
    /// The line as it stands, without its newline.
    let raw: String
    /// The code alone: comments and the contents of string literals are spaces.
    let code: String
    /// The comment alone.
    let comment: String
    /// The identifiers in the code, in order.
    let words: [Word]
  }

  /// An identifier and what touches it.
  struct Word {
    let text: String
    /// The byte before it, 0 at the start of the line.
    let before: UInt8
    /// The byte after it, 0 at the end of the line.
    let after: UInt8
  }

  let lines: [Line]

  init(_ text: String) {
    var scanner = SourceScanner(Array(text.utf8))
    scanner.scanCode(untilParenthesis: false)
    let raw = SourceText.split(Array(text.utf8))
    let code = SourceText.split(scanner.code)
    let comment = SourceText.split(scanner.comment)
    lines = raw.indices.map { index in
      Line(
        raw: String(decoding: raw[index], as: UTF8.self), code: String(decoding: code[index], as: UTF8.self),
        comment: String(decoding: comment[index], as: UTF8.self), words: SourceText.words(code[index]))
    }
  }

  private static func split(_ bytes: [UInt8]) -> [[UInt8]] {
    var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map(Array.init)
    if lines.last?.isEmpty == true { lines.removeLast() }
    return lines
  }

  static func words(_ line: [UInt8]) -> [Word] {
    var words: [Word] = []
    var index = 0
    while index < line.count {
      guard isWordByte(line[index]) else {
        index += 1
        continue
      }
      let start = index
      while index < line.count, isWordByte(line[index]) { index += 1 }
      words.append(
        Word(
          text: String(decoding: line[start..<index], as: UTF8.self), before: start > 0 ? line[start - 1] : 0,
          after: index < line.count ? line[index] : 0))
    }
    return words
  }

  private static func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
    case UInt8(ascii: "_"), 0x80...: true
    default: false
    }
  }
}

/// The pass over the bytes. `code` and `comment` keep the length and the newlines of the input; all else in them is spaces.
private struct SourceScanner {
  private let input: [UInt8]
  private var at = 0
  private(set) var code: [UInt8]
  private(set) var comment: [UInt8]

  init(_ input: [UInt8]) {
    self.input = input
    code = input.map { $0 == UInt8(ascii: "\n") ? $0 : UInt8(ascii: " ") }
    comment = code
  }

  private func byte(_ ahead: Int = 0) -> UInt8 { at + ahead < input.count ? input[at + ahead] : 0 }

  private func sees(_ text: StaticString) -> Bool {
    text.withUTF8Buffer { wanted in wanted.indices.allSatisfy { byte($0) == wanted[$0] } }
  }

  /// Code up to the end, or up to the parenthesis that closes an interpolation.
  mutating func scanCode(untilParenthesis: Bool) {
    var depth = 1
    while at < input.count {
      if sees("//") {
        while at < input.count, byte() != UInt8(ascii: "\n") { takeComment() }
        continue
      }
      if sees("/*") {
        scanBlockComment()
        continue
      }
      if let hashes = stringAhead() {
        scanString(hashes: hashes)
        continue
      }
      if untilParenthesis, byte() == UInt8(ascii: "(") { depth += 1 }
      if untilParenthesis, byte() == UInt8(ascii: ")") {
        depth -= 1
        if depth == 0 { return }
      }
      code[at] = byte()
      at += 1
    }
  }

  private mutating func takeComment() {
    comment[at] = byte()
    at += 1
  }

  private mutating func scanBlockComment() {
    var depth = 0
    while at < input.count {
      let opens = sees("/*")
      let closes = sees("*/")
      takeComment()
      guard opens || closes else { continue }
      takeComment()
      depth += opens ? 1 : -1
      if depth == 0 { return }
    }
  }

  /// The number of `#` before a string literal that begins here, or nil.
  private func stringAhead() -> Int? {
    var hashes = 0
    while byte(hashes) == UInt8(ascii: "#") { hashes += 1 }
    return byte(hashes) == UInt8(ascii: "\"") ? hashes : nil
  }

  private func seesHashes(_ count: Int, ahead: Int) -> Bool {
    (0..<count).allSatisfy { byte(ahead + $0) == UInt8(ascii: "#") }
  }

  private mutating func scanString(hashes: Int) {
    at += hashes
    let quotes = sees("\"\"\"") ? 3 : 1
    at += quotes
    while at < input.count {
      if byte() == UInt8(ascii: "\\"), seesHashes(hashes, ahead: 1) {
        at += 1 + hashes
        if byte() == UInt8(ascii: "(") {
          at += 1
          scanCode(untilParenthesis: true)
        }
        if at < input.count, byte() != UInt8(ascii: "\n") { at += 1 }
        continue
      }
      if quotes == 3 ? sees("\"\"\"") : byte() == UInt8(ascii: "\""), seesHashes(hashes, ahead: quotes) {
        at += quotes + hashes
        return
      }
      if quotes == 1, byte() == UInt8(ascii: "\n") { return }
      at += 1
    }
  }
}
