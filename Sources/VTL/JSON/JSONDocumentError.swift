// Owns: what a JSON body may not exceed, and how a refusal is told: with its place.

/// Bounds on a JSON body.
public struct JSONDocumentLimits: Equatable, Sendable {
  /// Bytes of text. What an API accepts at most is for its routes to say; this is what the reader bears.
  public var bytesMax: Int
  /// Arrays and objects inside each other.
  public var depthMax: Int
  /// Values and member names in all.
  public var nodesMax: Int

  public init(bytesMax: Int = 16 << 20, depthMax: Int = 128, nodesMax: Int = 2 << 20) {
    self.bytesMax = bytesMax
    self.depthMax = depthMax
    self.nodesMax = nodesMax
  }
}

/// Where and why a text is no JSON, however leniently it is read.
public struct JSONDocumentError: Error, Equatable, Sendable, CustomStringConvertible {
  public enum Kind: Equatable, Sendable {
    case unexpectedEnd
    case unexpectedByte(UInt8)
    case tooManyBytes(limit: Int)
    case tooDeep(limit: Int)
    case tooManyNodes(limit: Int)
  }

  public let kind: Kind
  /// Bytes before the fault.
  public let offset: Int

  public var description: String { "byte \(offset): \(reason)" }

  private var reason: String {
    switch kind {
    case .unexpectedEnd: "the text ends too early"
    case .unexpectedByte(let byte):
      (0x21..<0x7F).contains(byte) ? "unexpected '\(Unicode.Scalar(byte))'" : "unexpected byte \(byte)"
    case .tooManyBytes(let limit): "more than \(limit) bytes"
    case .tooDeep(let limit): "more than \(limit) arrays and objects inside each other"
    case .tooManyNodes(let limit): "more than \(limit) names and values"
    }
  }
}
