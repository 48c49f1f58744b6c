// Owns the choice among a REST integration's responses (API Gateway developer guide, "Set up an integration response"). The regular
// expressions are compiled and matched by somebody else, behind `PatternMatcher`.

/// A compiled regular expression.
public protocol PatternMatcher: Sendable {
  /// Whether the whole text matches, as Java's `matches()`; false where the match would cost more than its limits.
  func matchesWhole(_ text: ArraySlice<UInt8>) -> Bool
}

/// Which integration response answers: the first whose pattern matches a backend's status, or the message of a function's error, as a
/// whole, else the default one. Without either the caller answers 500, API_CONFIGURATION_ERROR.
public struct ResponseSelector: Sendable {
  private let patterns: [(index: Int, pattern: any PatternMatcher)]
  private let otherwise: Int?
  /// The choice for statuses 100 to 599, made in advance, so that no request of an HTTP integration runs an expression; -1 for none.
  private let byStatus: [Int32]

  /// - Parameters:
  ///   - patterns: of each response in the definition's order; nil or empty for the default. Of several defaults the first counts.
  ///   - compile: a pattern to its matcher; what it throws goes to the caller.
  public init<Failure: Error>(
    _ patterns: [String?], compile: (_ pattern: String) throws(Failure) -> any PatternMatcher
  ) throws(Failure) {
    var compiled: [(index: Int, pattern: any PatternMatcher)] = []
    for (index, pattern) in patterns.enumerated() {
      guard let pattern, !pattern.isEmpty else { continue }
      // A status written out, as most patterns are, needs no expression.
      let isLiteral = pattern.utf8.allSatisfy { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
      compiled.append((index, isLiteral ? LiteralPattern(text: Array(pattern.utf8)) : try compile(pattern)))
    }
    self.patterns = compiled
    otherwise = patterns.firstIndex { $0?.isEmpty ?? true }
    let selected = ResponseSelector.first(compiled)
    let fallback = otherwise.map { Int32($0) } ?? -1
    byStatus = (100...599).map { selected(Array(String($0).utf8)[...]).map { Int32($0) } ?? fallback }
  }

  private static func first(_ patterns: [(index: Int, pattern: any PatternMatcher)]) -> (ArraySlice<UInt8>) -> Int? {
    { text in patterns.first { $0.pattern.matchesWhole(text) }?.index }
  }

  /// The response for a backend's status, or for the one that a MOCK's template gives, which may be any integer.
  public func select(status: Int) -> Int? {
    if status >= 100 && status <= 599 {
      let index = byStatus[status - 100]
      return index < 0 ? nil : Int(index)
    }
    return select(message: Array(String(status).utf8)[...])
  }

  /// The response for the message of a function's error.
  public func select(functionError message: ArraySlice<UInt8>) -> Int? { select(message: message) }

  /// The response for a function that succeeded: patterns are for errors, so the default one; where there is none, the one for 200.
  public func selectForSuccess() -> Int? { otherwise ?? select(status: 200) }

  private func select(message: ArraySlice<UInt8>) -> Int? { ResponseSelector.first(patterns)(message) ?? otherwise }
}

private struct LiteralPattern: PatternMatcher {
  let text: [UInt8]

  func matchesWhole(_ text: ArraySlice<UInt8>) -> Bool { text.elementsEqual(self.text) }
}
