// Owns what an import is given: a document as a tree, its name, and where each part of it stands in the text. Reading files, and YAML,
// is Node's.
import Runtime

/// An OpenAPI or Swagger document.
public struct DefinitionDocument: Sendable {
  /// The file as the operator named it; empty where there is none.
  public let file: String
  public let root: JSONValue
  /// The line and column of the value at each pointer, or nil where that is not known.
  public let positions: @Sendable ([DocumentPointer]) -> [DocumentPosition?]

  public init(
    file: String, root: JSONValue,
    positions: @escaping @Sendable ([DocumentPointer]) -> [DocumentPosition?] = { Array(repeating: nil, count: $0.count) }
  ) {
    self.file = file
    self.root = root
    self.positions = positions
  }

  /// AWS takes no larger file (API Gateway developer guide, "Amazon API Gateway quotas and important notes").
  public static let bytesMax = 6 << 20

  /// Reads a document that is JSON.
  ///
  /// - Throws: the first fault of the text.
  public init(file: String, json bytes: [UInt8], limits: JSONLimits = JSONLimits(bytesMax: bytesMax)) throws(JSONError) {
    self.init(file: file, root: try JSONValue.parse(bytes, limits: limits)) { DocumentLocator.positions(of: $0, in: bytes) }
  }
}
