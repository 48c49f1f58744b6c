// Owns: regular expressions as Java's String methods take them, run by PCRE2 within bounds. What the two grammars share is nearly all;
// Java's POSIX names (`\p{Alpha}`) are translated, its classes within classes are not known here and are refused by PCRE2's own rules.
import CPCRE2

/// A compiled regular expression.
// SAFETY: (@unchecked Sendable) `code` is only read after `init`; PCRE2 allows many threads to match by one compiled pattern at once
// (pcre2api, "Multithreading"). The match data and context belong to one call each.
// SAFETY: `code` is freed once, by `deinit`. Offsets that a match gives lie within the subject, whose memory outlives the call.
final class JavaRegex: @unchecked Sendable {
  struct SyntaxError: Error {
    let reason: String
  }

  /// Matching took more attempts than are allowed.
  struct Exhausted: Error {}

  /// Where a match and its groups lie; nil for a group that took no part.
  struct Match {
    let groups: [Range<Int>?]
    var range: Range<Int> { groups.first.flatMap(\.self) ?? 0..<0 }
  }

  static let stepsMaxStandard = 100_000
  static let patternBytesMax = 4 << 10

  private let code: OpaquePointer
  private let stepsMax: UInt32
  let groupCount: Int
  private let names: [String: Int]

  /// - Parameters:
  ///   - pattern: the expression; UTF-8.
  ///   - flags: letters behind `/pattern/`: `i`, `m`, `s`, `x`, `u`, `d`; the last two change nothing here.
  ///   - stepsMax: the attempts of one match (`match_limit`, and `depth_limit` with it).
  init(_ pattern: ArraySlice<UInt8>, flags: [UInt8] = [], stepsMax: Int) throws(SyntaxError) {
    if pattern.count > Self.patternBytesMax { throw SyntaxError(reason: "a pattern has \(Self.patternBytesMax) bytes at most") }
    var options = UInt32(PCRE2_UTF) | UInt32(PCRE2_MATCH_INVALID_UTF) | UInt32(PCRE2_NEVER_BACKSLASH_C)
    for flag in flags {
      switch flag {
      case UInt8(ascii: "i"): options |= UInt32(PCRE2_CASELESS)
      case UInt8(ascii: "m"): options |= UInt32(PCRE2_MULTILINE)
      case UInt8(ascii: "s"): options |= UInt32(PCRE2_DOTALL)
      case UInt8(ascii: "x"): options |= UInt32(PCRE2_EXTENDED)
      case UInt8(ascii: "u"), UInt8(ascii: "d"), UInt8(ascii: "U"): break
      default: throw SyntaxError(reason: "there is no flag '\(Unicode.Scalar(flag))'")
      }
    }
    let translated = Self.translated(pattern)
    var errorCode: Int32 = 0
    var errorOffset = 0
    let context = pcre2_compile_context_create_8(nil)
    defer { pcre2_compile_context_free_8(context) }
    pcre2_set_newline_8(context, UInt32(PCRE2_NEWLINE_ANY))
    pcre2_set_parens_nest_limit_8(context, 64)
    let compiled = translated.withUnsafeBufferPointer {
      pcre2_compile_8($0.baseAddress, $0.count, options, &errorCode, &errorOffset, context)
    }
    guard let compiled else { throw SyntaxError(reason: Self.message(errorCode)) }
    code = compiled
    self.stepsMax = UInt32(clamping: stepsMax)
    var count: UInt32 = 0
    pcre2_pattern_info_8(compiled, UInt32(PCRE2_INFO_CAPTURECOUNT), &count)
    groupCount = Int(count)
    names = Self.groupNames(compiled)
  }

  deinit { pcre2_code_free_8(code) }

  private static func message(_ code: Int32) -> String {
    var buffer = [UInt8](repeating: 0, count: 120)
    let length = buffer.withUnsafeMutableBufferPointer { pcre2_get_error_message_8(code, $0.baseAddress, $0.count) }
    return length > 0 ? String(decoding: buffer.prefix(Int(length)), as: UTF8.self) : "error \(code)"
  }

  // SAFETY: the table has `count` entries of `size` bytes each: two of a number, then a name that ends in zero (pcre2api).
  private static func groupNames(_ code: OpaquePointer) -> [String: Int] {
    var count: UInt32 = 0
    var size: UInt32 = 0
    var table: UnsafePointer<UInt8>?
    pcre2_pattern_info_8(code, UInt32(PCRE2_INFO_NAMECOUNT), &count)
    pcre2_pattern_info_8(code, UInt32(PCRE2_INFO_NAMEENTRYSIZE), &size)
    pcre2_pattern_info_8(code, UInt32(PCRE2_INFO_NAMETABLE), &table)
    guard let table, size > 2 else { return [:] }
    var names: [String: Int] = [:]
    for entry in 0..<Int(count) {
      let bytes = UnsafeBufferPointer(start: table + entry * Int(size), count: Int(size))
      names[String(decoding: bytes.dropFirst(2).prefix { $0 != 0 }, as: UTF8.self)] = Int(bytes[0]) << 8 | Int(bytes[1])
    }
    return names
  }

  func group(named name: String) -> Int? { names[name] }

  /// The first match at or behind an offset.
  /// - Parameter whole: whether it has to be the whole text, as for `String.matches`.
  func match(in text: UnsafeBufferPointer<UInt8>, from start: Int, whole: Bool = false) throws(Exhausted) -> Match? {
    guard let data = pcre2_match_data_create_from_pattern_8(code, nil), let context = pcre2_match_context_create_8(nil) else { return nil }
    defer {
      pcre2_match_data_free_8(data)
      pcre2_match_context_free_8(context)
    }
    pcre2_set_match_limit_8(context, stepsMax)
    pcre2_set_depth_limit_8(context, min(stepsMax, 5000))
    pcre2_set_heap_limit_8(context, 8 << 10)
    let options = whole ? UInt32(PCRE2_ANCHORED) | UInt32(PCRE2_ENDANCHORED) : 0
    var empty: UInt8 = 0
    let result = withUnsafePointer(to: &empty) { pcre2_match_8(code, text.baseAddress ?? $0, text.count, start, options, data, context) }
    if result == PCRE2_ERROR_NOMATCH { return nil }
    if result <= 0 { throw Exhausted() }
    guard let offsets = pcre2_get_ovector_pointer_8(data) else { return nil }
    let count = Int(pcre2_get_ovector_count_8(data))
    var groups: [Range<Int>?] = []
    groups.reserveCapacity(count)
    for group in 0..<count {
      let (low, high) = (offsets[group * 2], offsets[group * 2 + 1])
      groups.append(group < Int(result) && low >= 0 && low <= high && high <= text.count ? low..<high : nil)
    }
    return Match(groups: groups)
  }

  /// Java's names of ASCII classes (`java.util.regex.Pattern`, "POSIX character classes").
  private static let classes: [String: String] = [
    "Lower": "a-z", "Upper": "A-Z", "ASCII": "\\x00-\\x7F", "Alpha": "a-zA-Z", "Digit": "0-9", "Alnum": "a-zA-Z0-9",
    "Punct": "!-\\/:-@\\[-`{-~", "Graph": "!-~", "Print": "\\x20-~", "Blank": "\\x20\\t", "Cntrl": "\\x00-\\x1F\\x7F",
    "XDigit": "0-9a-fA-F", "Space": "\\x20\\t\\n\\x0B\\f\\r", "IsAlphabetic": "\\p{L}\\p{Nl}", "IsDigit": "\\p{Nd}", "IsLetter": "\\p{L}",
  ]

  private static func translated(_ pattern: ArraySlice<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    var cursor = pattern.startIndex
    var isInClass = false
    while cursor < pattern.endIndex {
      let byte = pattern[cursor]
      if byte == UInt8(ascii: "\\"), cursor + 1 < pattern.endIndex {
        if let (text, end) = translatedClass(pattern, cursor, isInClass) {
          result.append(contentsOf: text.utf8)
          cursor = end
        } else {
          result.append(contentsOf: pattern[cursor..<cursor + 2])
          cursor += 2
        }
        continue
      }
      if byte == UInt8(ascii: "[") { isInClass = true }
      if byte == UInt8(ascii: "]") { isInClass = false }
      result.append(byte)
      cursor += 1
    }
    return result
  }

  private static func translatedClass(_ pattern: ArraySlice<UInt8>, _ start: Int, _ isInClass: Bool) -> (String, Int)? {
    let code = pattern[start + 1]
    guard code == UInt8(ascii: "p") || code == UInt8(ascii: "P"), start + 2 < pattern.endIndex, pattern[start + 2] == UInt8(ascii: "{"),
      let end = pattern[start...].firstIndex(of: UInt8(ascii: "}"))
    else { return nil }
    guard let set = classes[String(decoding: pattern[start + 3..<end], as: UTF8.self)] else { return nil }
    let isNegated = code == UInt8(ascii: "P")
    if isInClass { return isNegated ? nil : (set, end + 1) }
    return (isNegated ? "[^\(set)]" : "[\(set)]", end + 1)
  }
}
