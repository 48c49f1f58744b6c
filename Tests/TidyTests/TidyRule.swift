// Owns: what a tidy rule is, and how a comment lifts one. Which rules there are stands in TidyRule+Rooms, +Hearts, +Shape and +Safety.

import Foundation
import Testing

/// A file as the rules see it.
struct TidyFile {
  /// From the top of the repository, as `Sources/Proxy/Core/Balancer.swift`.
  let path: String
  let source: SourceText

  init(path: String, text: String) {
    self.path = path
    source = SourceText(text)
  }

  var parts: [Substring] { path.split(separator: "/") }
  /// The file's name without its folder and extension.
  var stem: String { String(parts.last?.split(separator: ".").first ?? "") }
  var isSource: Bool { path.hasPrefix("Sources/") }
  var isTest: Bool { path.hasPrefix("Tests/") }
  /// The target's folder: `Proxy` of `Sources/Proxy/Core/Balancer.swift`, `ProxyTests` of `Tests/ProxyTests/BalancerTests.swift`.
  var room: String { parts.count > 2 ? String(parts[1]) : "" }
  /// Whether it belongs to a pure heart: a `Core` folder, or VTL, which is a heart as a whole.
  var isHeart: Bool { isSource && (parts.dropLast().contains("Core") || room == "VTL") }
}

/// A line that breaks a rule.
struct TidyFault: Equatable {
  /// Counted from 1; 0 for the file as a whole.
  let line: Int
  /// What was found.
  let found: String
}

/// One rule: a name for the comment that lifts it, the sentence that says what to do instead, and the check.
struct TidyRule: Sendable, CustomTestStringConvertible {
  let name: String
  let instead: String
  let check: @Sendable (TidyFile) -> [TidyFault]

  var testDescription: String { name }

  /// - Returns: what the file does against the rule, without what a `// tidy: allow <rule>: <reason>` on the line, on the line above,
  ///   or, for a fault of the whole file, anywhere, lifts.
  func faults(in file: TidyFile) -> [TidyFault] {
    guard name != "tidy-comment" else { return check(file) }
    return check(file).filter { fault in
      let lines = file.source.lines
      let near = fault.line == 0 ? Array(lines.indices) : [fault.line - 1, fault.line - 2].filter { lines.indices.contains($0) }
      return !near.contains { TidyAllowance(lines[$0].comment)?.rule == name }
    }
  }

  static let all: [TidyRule] = rooms + hearts + shape + safety
}

/// `// tidy: allow <rule>: <reason>`.
struct TidyAllowance {
  let rule: String
  let reason: String

  /// - Returns: nil where the comment is about something else, or quotes the form, as the line above.
  init?(_ comment: String) {
    let mark = "// tidy: "
    guard let start = comment.range(of: mark), !comment[..<start.lowerBound].hasSuffix("`") else { return nil }
    let text = comment[start.upperBound...]
    let words = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let order = words[0].split(separator: " ")
    rule = order.count == 2 && order[0] == "allow" ? String(order[1]) : ""
    reason = words.count == 2 ? words[1].trimmingCharacters(in: .whitespaces) : ""
  }
}
