// Owns `${NAME}` in scalars. It works on parsed values, so a variable can never add keys or structure to a document.
import Runtime

enum Interpolation {
  /// A text with its variables put in, or why that cannot be done.
  enum Outcome: Equatable {
    case text(String)
    case fault(reason: String)
  }

  /// Replaces `${NAME}` and `${NAME:-default}` by the environment's values and `$$` by `$`; any other `$` stands for itself.
  ///
  /// A default counts when the variable is unset or empty, as in a POSIX shell (XCU 2.6.2), and holds no variable of its own.
  static func expand(_ text: String, environment: [String: String]) -> Outcome {
    guard text.utf8.contains(UInt8(ascii: "$")) else { return .text(text) }
    var result = ""
    var rest = Substring(text)
    while let dollar = rest.firstIndex(of: "$") {
      result += rest[..<dollar]
      let after = rest[rest.index(after: dollar)...]
      if after.first == "$" {
        result += "$"
        rest = after.dropFirst()
      } else if after.first == "{" {
        guard let close = after.firstIndex(of: "}") else {
          return .fault(reason: "`${` has no closing `}`; write `$$` for a dollar sign")
        }
        switch value(of: after[after.index(after: after.startIndex)..<close], environment) {
        case .text(let value): result += value
        case .fault(let reason): return .fault(reason: reason)
        }
        rest = after[after.index(after: close)...]
      } else {
        result += "$"
        rest = after
      }
    }
    return .text(result + rest)
  }

  private static func value(of inside: Substring, _ environment: [String: String]) -> Outcome {
    let parts = inside.split(separator: ":-", maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(parts[0])
    guard isName(name) else {
      return .fault(
        reason: "`${\(Shown.text(String(inside)))}` holds no variable name (letters, digits and `_`); write `$$` for a dollar sign")
    }
    if parts.count == 2 {
      if let value = environment[name], !value.isEmpty { return .text(value) }
      return .text(String(parts[1]))
    }
    guard let value = environment[name] else {
      return .fault(reason: "the environment variable `\(name)` is not set; set it or write `${\(name):-default}`")
    }
    return .text(value)
  }

  private static func isName(_ name: String) -> Bool {
    guard let first = name.utf8.first, first == UInt8(ascii: "_") || Characters.isLetter(first) else { return false }
    return name.utf8.allSatisfy { $0 == UInt8(ascii: "_") || Characters.isLetter($0) || Characters.isDigit($0) }
  }
}

/// ASCII classes.
enum Characters {
  static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

  static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) >= UInt8(ascii: "a") && (byte | 0x20) <= UInt8(ascii: "z") }

  /// RFC 9110 §5.6.2: tchar.
  static func isToken(_ byte: UInt8) -> Bool {
    isDigit(byte) || isLetter(byte) || "!#$%&'*+-.^_`|~".utf8.contains(byte)
  }
}

extension Shown {
  /// A step of a path: quoted unless it is a plain word.
  static func step(_ key: String) -> String {
    let plain = !key.isEmpty && key.utf8.allSatisfy { Characters.isLetter($0) || Characters.isDigit($0) || $0 == 0x5F || $0 == 0x2D }
    return plain && key.utf8.count <= 80 ? key : "\"\(text(key))\""
  }
}
