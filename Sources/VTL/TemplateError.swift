// Owns: how it is told that a template cannot be compiled or rendered: the kind, the place, one sentence.

/// Why a text is no template.
public struct TemplateError: Error, Equatable, Sendable, CustomStringConvertible {
  public enum Kind: Equatable, Sendable {
    case syntax
    /// A directive that reads other templates, of which there are none.
    case refusedDirective
    /// A literal JSONPath that is none.
    case jsonPath
    case tooLarge
    case tooDeep
  }

  public let kind: Kind
  /// From 1.
  public let line: Int
  /// From 1, counted in Unicode scalars.
  public let column: Int
  public let reason: String

  public var description: String { "line \(line), column \(column): \(reason)" }

  init(_ kind: Kind, at offset: Int, in source: ArraySlice<UInt8>, _ reason: String) {
    self.kind = kind
    (line, column) = SourcePlace.lineAndColumn(of: offset, in: source)
    self.reason = reason
  }
}

/// Why a rendering ended without a result.
public struct RenderError: Error, Equatable, Sendable, CustomStringConvertible {
  public enum Kind: Equatable, Sendable {
    /// The body begins as JSON and is none: the sender's fault, answered with 400.
    case unprocessableBody
    /// A method failed as it would in Java, for instance on a place outside of a text.
    case method
    /// A JSONPath or a regular expression made while rendering is none.
    case expression
    /// `#evaluate` of a text that is no template.
    case evaluation
    /// A parameter was overridden twice.
    case overriddenTwice
    case tooManySteps
    case tooDeep
    case tooMuchOutput
  }

  public let kind: Kind
  /// From 1.
  public let line: Int
  /// From 1, counted in Unicode scalars.
  public let column: Int
  public let reason: String

  public var description: String { "line \(line), column \(column): \(reason)" }

  init(_ fault: RenderFault, in source: ArraySlice<UInt8>) {
    kind = fault.kind
    (line, column) = SourcePlace.lineAndColumn(of: fault.offset, in: source)
    reason = fault.reason
  }
}

/// A fault of a rendering before anybody counted lines.
struct RenderFault: Error {
  let kind: RenderError.Kind
  let offset: Int
  let reason: String

  init(_ kind: RenderError.Kind, at offset: Int, _ reason: String) {
    self.kind = kind
    self.offset = offset
    self.reason = reason
  }
}

enum SourcePlace {
  static func lineAndColumn(of offset: Int, in source: ArraySlice<UInt8>) -> (line: Int, column: Int) {
    var line = 1
    var column = 1
    for byte in source.prefix(max(offset, 0)) {
      if byte == UInt8(ascii: "\n") {
        line += 1
        column = 1
      } else if byte & 0xC0 != 0x80 {
        column += 1
      }
    }
    return (line, column)
  }
}
