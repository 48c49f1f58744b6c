// What a JSON text may not exceed, and how a refusal is told: with the kind of fault and its place.

/// Bounds on a document, each refused with an error of its own.
public struct JSONLimits: Equatable, Sendable {
  /// Arrays and objects inside each other; an empty array has depth 1. Values above `JSONLimits.depthCeiling` count as that.
  public var depthMax: Int
  /// Bytes of text.
  public var bytesMax: Int
  /// Values in all, member names not counted: bounds the memory that short elements such as `0,0,0` take.
  public var valuesMax: Int

  public init(depthMax: Int = 128, bytesMax: Int = 8 << 20, valuesMax: Int = 1 << 20) {
    self.depthMax = depthMax
    self.bytesMax = bytesMax
    self.valuesMax = valuesMax
  }

  /// What the stack of any thread bears, since each level is a call.
  public static let depthCeiling = 512
}

/// What to do with `\uD800` and its like when the other half is missing (RFC 8259 §8.2 leaves it open).
public enum JSONSurrogatePolicy: Sendable {
  case refuse
  /// Put U+FFFD in its place, as Web browsers do when they encode.
  case replace
}

/// Where and why a text is not acceptable JSON.
public struct JSONError: Error, Equatable, Sendable, CustomStringConvertible {
  public enum Kind: Equatable, Sendable {
    case unexpectedEnd
    case unexpectedByte(UInt8)
    case byteOrderMark
    case trailingBytes
    case invalidLiteral
    case invalidNumber
    case invalidEscape
    case unpairedSurrogate
    case controlCharacter
    case invalidUTF8
    case tooDeep(limit: Int)
    case tooManyBytes(limit: Int)
    case tooManyValues(limit: Int)
  }

  public let kind: Kind
  /// Bytes before the fault.
  public let offset: Int
  /// From 1.
  public let line: Int
  /// From 1, counted in Unicode scalars.
  public let column: Int

  public init(kind: Kind, offset: Int, line: Int, column: Int) {
    self.kind = kind
    self.offset = offset
    self.line = line
    self.column = column
  }

  public var description: String { "line \(line), column \(column) (byte \(offset)): \(reason)" }

  /// What is wrong, without the place.
  public var reason: String {
    switch kind {
    case .unexpectedEnd: "the text ends too early"
    case .unexpectedByte(let byte): "unexpected \(JSONError.shown(byte))"
    case .byteOrderMark: "a byte order mark is not allowed; save the text as UTF-8 without one"
    case .trailingBytes: "text after the end of the value"
    case .invalidLiteral: "only true, false and null are words of JSON"
    case .invalidNumber: "not a number as JSON writes one"
    case .invalidEscape: "not an escape sequence of JSON"
    case .unpairedSurrogate: "half of a surrogate pair without the other half"
    case .controlCharacter: "a control character inside a string; write it as an escape sequence"
    case .invalidUTF8: "not UTF-8"
    case .tooDeep(let limit): "more than \(limit) arrays and objects inside each other"
    case .tooManyBytes(let limit): "more than \(limit) bytes"
    case .tooManyValues(let limit): "more than \(limit) values"
    }
  }

  private static func shown(_ byte: UInt8) -> String {
    if (0x21..<0x7F).contains(byte) { return "'\(Unicode.Scalar(byte))'" }
    return (byte < 0x10 ? "byte 0x0" : "byte 0x") + String(byte, radix: 16, uppercase: true)
  }
}
