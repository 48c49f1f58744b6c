// Owns: why a schema was refused, and the bounds on schemas and on validation.

/// A schema that cannot be compiled: where, and why in one sentence.
public struct SchemaError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The address of the document, empty for the one that was to be compiled.
  public let document: String
  /// A JSON pointer (RFC 6901) in that document, empty for its root.
  public let pointer: String
  public let reason: String

  public init(document: String = "", pointer: String, reason: String) {
    self.document = document
    self.pointer = pointer
    self.reason = reason
  }

  public var description: String { "\(document)#\(pointer): \(reason)" }
}

/// Bounds on what a schema may cost, when it is compiled and whenever it is used.
public struct SchemaLimits: Equatable, Sendable {
  /// Schemas in all, those of referenced documents included.
  public var schemasMax = 20_000
  /// Schemas inside each other, in a document.
  public var nestingMax = 128
  /// Bytes of a regular expression.
  public var patternBytesMax = 8192
  /// Schemas applied to values in one validation; what would need more is invalid.
  public var stepsMax = 4_000_000
  /// Schemas applied inside each other in one validation; what would need more is invalid.
  public var depthMax = 400
  /// Messages about one value.
  public var messagesMax = 64
  /// Bytes of a message.
  public var messageBytesMax = 1024
  /// Bytes of all messages.
  public var messagesBytesMax = 16 << 10

  public init() {}
}
