// Owns: JSONPath as API Gateway has it, which is Jayway's JsonPath: a compiled path, and what reading a document by it gives. Its grammar
// is JSONPathParser's, its way through a document JSONPathReader's.

/// A path into JSON documents. Used by templates, parameter mapping and route selection alike.
public struct JSONPath: Sendable {
  /// Where the path begins.
  enum Root: Sendable {
    /// `$`.
    case document
    /// `@`, inside a filter.
    case current
  }

  struct Segment: Sendable {
    enum Choice: Sendable {
      case name(ArraySlice<UInt8>)
      /// Several names: at the end of a path an object of those members.
      case names([ArraySlice<UInt8>])
      case index(Int)
      case indices([Int])
      case slice(from: Int?, to: Int?)
      case all
      case filter(Predicate)
    }

    let choice: Choice
    /// `..`: here and in everything below.
    let descends: Bool
  }

  indirect enum Predicate: Sendable {
    case or(Predicate, Predicate)
    case and(Predicate, Predicate)
    case not(Predicate)
    case exists(JSONPath)
    case compare(Operand, Comparison, Operand)
  }

  enum Operand: Sendable {
    case path(JSONPath)
    case null
    case bool(Bool)
    case number(Double)
    case text(ArraySlice<UInt8>)
    case list([Operand])
    case regex(JavaRegex)
  }

  enum Comparison: String, Sendable {
    case equal = "=="
    case unequal = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case matches = "=~"
    case within = "in"
    case notWithin = "nin"
    case subsetOf = "subsetof"
    case allOf = "all"
    case anyOf = "anyof"
    case noneOf = "noneof"
    case contains
    case size
    case empty
  }

  /// What is computed of what the path finds: `length()`, `max()` …
  struct Function: Sendable {
    enum Name: String, Sendable {
      case min, max, avg, stddev, sum, length, size, keys, concat, append, first, last, index
    }

    let name: Name
    let arguments: [Operand]
  }

  let root: Root
  let segments: [Segment]
  let function: Function?

  init(root: Root, segments: [Segment], function: Function?) {
    self.root = root
    self.segments = segments
    self.function = function
  }

  /// Parses a path. As in Jayway's `PathCompiler`, one that does not begin with `$` is taken to begin with `$.`.
  /// - Throws: the first fault, with its place.
  public init(_ text: some Collection<UInt8>) throws(JSONPathError) {
    var parser = JSONPathParser(Array(text))
    self = try parser.parse()
  }

  public init(_ text: String) throws(JSONPathError) { try self.init(text.utf8) }

  /// Whether it leads to one value at most, and not to a list of what it finds.
  public var isDefinite: Bool {
    segments.indices.allSatisfy { position in
      if segments[position].descends { return false }
      switch segments[position].choice {
      case .name, .index: return true
      case .names: return position == segments.count - 1
      case .indices, .slice, .all, .filter: return false
      }
    }
  }

  /// Reads a document.
  /// - Parameter stepsMax: how many values may be looked at, because a path such as `$..*..*` finds the same ones again and again.
  /// - Throws: if that is not enough.
  public func read(_ document: JSONDocument, stepsMax: Int = 1_000_000) throws(JSONPathError) -> JSONSelection {
    var reader = JSONPathReader(document: document, steps: stepsMax)
    return JSONSelection(value: try reader.value(of: self, current: 0))
  }
}

/// What a path has found in a document.
public struct JSONSelection {
  /// nil where there is nothing.
  let value: Value?

  public var isMissing: Bool { value == nil }

  /// A whole number of 64 bits that the document wrote as a number.
  public var integer: Int64? { if case .integer(let number) = value { number } else { nil } }

  /// As parameter mapping and route selection write it: a string as it is, everything else as JSON; empty where there is nothing or null.
  public var text: [UInt8] {
    switch value {
    case nil, .null: return []
    case .text(let text): return Array(text)
    case .some(let value):
      var printer = ValuePrinter(bytesMax: .max)
      // A document's values are within the bounds of its reader, so printing meets none of its own.
      try? printer.appendJSON(value, slashes: false)
      return printer.output
    }
  }
}

/// Why a text is no JSONPath, or why reading by it was given up.
public struct JSONPathError: Error, Equatable, Sendable, CustomStringConvertible {
  public enum Kind: Equatable, Sendable {
    case syntax, tooLong, tooDeep, tooManySteps
  }

  public let kind: Kind
  public let path: String
  /// From 1, in bytes.
  public let column: Int
  public let reason: String

  public var description: String { "column \(column): \(reason)" }

  static let tooManySteps = JSONPathError(kind: .tooManySteps, path: "", column: 1, reason: "the path leads to too many values")
}
