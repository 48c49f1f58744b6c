// Owns the bounds of one API's definition. Where AWS has a quota that definitions outgrow, ours is wider and AWS's stands beside it.

/// The bounds of a definition, each refused with a message of its own.
public struct DefinitionLimits: Sendable, Equatable {
  /// Resources of a REST API, or routes of an HTTP API; AWS allows 300.
  public var pathsMax = 16_384
  /// Parts of a path; `RouteLimits.segmentsMax` is the same.
  public static let segmentsMax = 64
  /// Bytes of a path.
  public var pathBytesMax = 2048
  /// Entries of an array that the definition keeps, such as an operation's parameters.
  public var elementsMax = 1024
  /// Models; AWS has no quota for them.
  public var modelsMax = 4096
  /// Bytes of a mapping template (API Gateway developer guide, "Amazon API Gateway quotas": 300 KB).
  public var templateBytesMax = 300 << 10
  /// Characters of a resource policy; AWS allows 8192.
  public var policyBytesMax = 64 << 10
  /// References that are followed from one to the next.
  public var referenceChainMax = 16
  /// Levels of a schema.
  public var schemaDepthMax = 128
  /// Milliseconds; AWS ends at 29,000 for REST and 30,000 for HTTP APIs.
  public var timeoutMillisecondsMax = 3_600_000

  /// Members of objects and arrays that an import looks at; each time that a reference is followed they count again.
  public var workMax = 2 << 20

  public init() {}
}
