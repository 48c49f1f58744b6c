// Owns what a load reports: faults and warnings with their place, and the result that carries them.

/// Something in a configuration that is wrong, or (as a warning) has no effect, and where it stands.
public struct ConfigurationFault: Error, Sendable, Equatable, CustomStringConvertible {
  /// The file as it was named to `load`.
  public let file: String
  /// From 1; 0 when the fault concerns the file as a whole.
  public let line: Int
  /// From 1, in characters; 0 when the fault concerns the file as a whole.
  public let column: Int
  /// The place in the document, for example `upstreams.catalog.endpoints[1].weight`; empty for the root.
  public let path: String
  /// What is wrong and what to do.
  public let reason: String
  /// The known word nearest to the one that was written.
  public let suggestion: String?

  /// `tidegate.yaml:12:7: upstreams.catalog.balanse: unknown key; did you mean `balance`?`
  public var description: String {
    var text = file
    if line > 0 { text += ":\(line):\(column)" }
    if !path.isEmpty { text += ": \(path)" }
    text += ": \(reason)"
    if let suggestion { text += "; did you mean `\(suggestion)`?" }
    return text
  }
}

/// What a load gives: a configuration exactly when there is no fault.
public struct ConfigurationResult: Sendable, Equatable {
  /// Nil when there is any fault.
  public let configuration: Configuration?
  /// Every fault of the document, in the order of their places; at most `faultsMax` and one that says so.
  public let faults: [ConfigurationFault]
  /// What was accepted and has no effect, or deserves a second look.
  public let warnings: [ConfigurationFault]

  /// How many faults, and how many warnings, one load reports.
  public static let faultsMax = 100
}
