// Owns: what a node reads of another one's Cache-Status, which is this cache's own.
import Runtime

extension CacheStatusLine {
  /// What this cache says in an answer of what became of the request, as far as others have to know it; nil where it does not say it, or
  /// where somebody else may have said it in its name.
  /// - Returns: the outcome, and whether the response was stored.
  public static func read(_ answer: HeadFields) -> (outcome: Outcome, stored: Bool)? {
    let ours = answer.all("cache-status").filter(isOurs)
    guard ours.count == 1, !answer.isBroken else { return nil }
    var outcome = Outcome.none
    var stored = false
    for word in words(ours[0]) {
      if Octets.equals(word, "hit") { outcome = .hit }
      if Octets.equals(word, "stored") { stored = true }
      guard word.count > 4, Octets.equals(word.prefix(4), "fwd=") else { continue }
      for reason in Forward.allCases where Octets.equals(word.dropFirst(4), reason.token) { outcome = .fwd(reason) }
    }
    return (outcome, stored)
  }

  /// Whether a line of the field names this cache: what it writes itself is a line of its own.
  static func isOurs(_ line: ArraySlice<UInt8>) -> Bool {
    line.split(separator: 0x2C).contains { member in words(member).first.map { Octets.equals($0, "tidegate") } ?? false }
  }

  static func isCollapsed(_ line: ArraySlice<UInt8>) -> Bool { words(line).contains { Octets.equals($0, "collapsed") } }

  private static func words(_ member: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] { member.split(separator: 0x3B).map(Octets.trimmed) }
}
