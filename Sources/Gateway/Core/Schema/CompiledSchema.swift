// Owns: a compiled schema as others see it: made once from documents, then asked by any thread whether values are valid, and why not.
import Runtime

/// A schema, ready for use.
public final class CompiledSchema: Sendable {
  let program: SchemaProgram
  public let limits: SchemaLimits

  /// Compiles a schema and all that it refers to.
  /// - Parameters:
  ///   - document: the schema.
  ///   - uri: the document's own address, against which its references are read; empty: it has none.
  ///   - registry: what its references may lead to.
  /// - Throws: the first fault, with its place.
  public init(
    _ document: JSONValue, at uri: String = "", registry: SchemaRegistry = SchemaRegistry(), options: SchemaOptions = SchemaOptions()
  ) throws(SchemaError) {
    var compiler = SchemaCompiler(registry: registry, options: options)
    program = try compiler.compile(document, at: uri)
    limits = options.limits
  }

  /// Compiles a model of an API.
  /// - Parameters:
  ///   - name: the model's name in the registry.
  ///   - registry: the models of the API.
  public convenience init(
    model name: String, registry: SchemaRegistry, options: SchemaOptions = SchemaOptions()
  ) throws(SchemaError) {
    let address = SchemaRegistry.address(ofModel: name)
    guard let document = registry.document(address) else { throw SchemaError(pointer: "", reason: "there is no model '\(name)'") }
    try self.init(document, at: address, registry: registry, options: options)
  }

  /// Whether a value is valid. It stops at the first failure. A value that takes more steps or depth than the limits allow is not valid.
  /// Every one of members that have the same name must be valid, since nobody knows which of them the service behind will take.
  public func isValid(_ value: JSONValue) -> Bool {
    var walker = SchemaWalker(self)
    return walker.isValid(value)
  }

  /// What is wrong with a value, in API Gateway's words; nil if it is valid.
  public func failures(of value: JSONValue) -> SchemaFailures? {
    if isValid(value) { return nil }
    var report = SchemaReport(self)
    return report.failures(of: value)
  }
}

/// Why a value is not valid.
public struct SchemaFailures: Equatable, Sendable {
  /// One message a failure, each once.
  public let messages: [String]

  public init(messages: [String]) { self.messages = messages }

  /// As `$context.error.validationErrorString` shows it.
  public var text: String { "[\(messages.joined(separator: ", "))]" }
}
