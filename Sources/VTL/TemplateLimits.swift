// Owns: what a template and its rendering may not exceed.

/// Bounds, each refused with an error of its own.
public struct TemplateLimits: Equatable, Sendable {
  /// Bytes of a template: 300 KB (API Gateway quotas, "Mapping template size").
  public var sourceBytesMax: Int
  /// Blocks, expressions, macros, #define and #evaluate inside each other, while parsing and while rendering.
  public var depthMax: Int
  /// Rounds of one #foreach; those behind are left out, as the service leaves them out (quotas, "Number of iterations in a
  /// #foreach ... #end loop"; Velocity's `directive.foreach.maxloops`).
  public var roundsMax: Int
  /// Steps of a rendering: each node, call and element is one, and so are every 64 bytes of a text that is made.
  public var stepsMax: Int
  /// Bytes of what a rendering gives, and of any text that it makes on the way.
  public var outputBytesMax: Int
  /// What a body, and a text given to `$util.parseJson`, may not exceed.
  public var json: JSONDocumentLimits
  /// Attempts of one match of a regular expression.
  public var regexStepsMax: Int

  public init(
    sourceBytesMax: Int = 300 << 10, depthMax: Int = 96, roundsMax: Int = 1000, stepsMax: Int = 2_000_000, outputBytesMax: Int = 16 << 20,
    json: JSONDocumentLimits = JSONDocumentLimits(), regexStepsMax: Int = 100_000
  ) {
    self.sourceBytesMax = sourceBytesMax
    self.depthMax = depthMax
    self.roundsMax = roundsMax
    self.stepsMax = stepsMax
    self.outputBytesMax = outputBytesMax
    self.json = json
    self.regexStepsMax = regexStepsMax
  }
}

/// Whose rules hold where API Gateway's engine and the Velocity it is built on differ.
public enum TemplateDialect: Sendable {
  /// A reference without value is an empty text: when printed, when compared, when tested, when assigned.
  case apiGateway
  /// A reference without value is null: it prints as it is written, and tests as false. For trying templates of other origin.
  case velocity
}
