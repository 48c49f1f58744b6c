// A JSON document as a value that loses nothing: members keep their order and their duplicates, numbers keep their text. Reading
// text is JSONParser.swift's, writing it JSONWriter.swift's.

/// A JSON value (RFC 8259 §3).
public enum JSONValue: Hashable, Sendable {
  case null
  case bool(Bool)
  /// The number as the document wrote it: "1.0" and "1" differ, and nothing is rounded.
  case number(String)
  case string(String)
  case array([JSONValue])
  /// Members in the document's order, duplicates included.
  case object([JSONMember])

  /// The number's shortest text that reads back as the same Double; what JSON cannot say (NaN, infinity) becomes null.
  public init(_ value: Double) { self = value.isFinite ? .number(value.description) : .null }

  public init(_ value: some BinaryInteger) { self = .number(String(value)) }
}

/// One name and value of an object.
public struct JSONMember: Hashable, Sendable {
  public var name: String
  public var value: JSONValue

  public init(_ name: String, _ value: JSONValue) {
    self.name = name
    self.value = value
  }
}

extension JSONValue {
  public var isNull: Bool { self == .null }

  public var boolValue: Bool? { if case .bool(let value) = self { value } else { nil } }

  public var stringValue: String? { if case .string(let value) = self { value } else { nil } }

  /// A number's text.
  public var numberText: String? { if case .number(let text) = self { text } else { nil } }

  /// A number written without fraction and exponent that fits 64 bits.
  public var intValue: Int64? { if case .number(let text) = self { Int64(text) } else { nil } }

  /// A number rounded to the nearest Double; nil if it is too large for one.
  public var doubleValue: Double? {
    guard case .number(let text) = self, let value = Double(text), value.isFinite else { return nil }
    return value
  }

  public var arrayValue: [JSONValue]? { if case .array(let elements) = self { elements } else { nil } }

  public var objectValue: [JSONMember]? { if case .object(let members) = self { members } else { nil } }

  /// The value of the last member of that name, which is the one that most readers settle on (RFC 8259 §4); nil if there is none or
  /// this is no object. Where a duplicate could smuggle something past a check, refuse it with `duplicateName`.
  public subscript(name: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.last { $0.name == name }?.value
  }

  /// The element at that index; nil if there is none or this is no array.
  public subscript(index: Int) -> JSONValue? {
    guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
    return elements[index]
  }

  /// The first name that an object has twice (of this object only, not of what it contains).
  public var duplicateName: String? {
    guard case .object(let members) = self else { return nil }
    var seen = Set<String>()
    return members.first { !seen.insert($0.name).inserted }?.name
  }
}

extension JSONValue: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByStringInterpolation, ExpressibleByArrayLiteral,
  ExpressibleByDictionaryLiteral
{
  public init(nilLiteral: ()) { self = .null }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(integerLiteral value: Int64) { self.init(value) }
  public init(floatLiteral value: Double) { self.init(value) }
  public init(stringLiteral value: String) { self = .string(value) }
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  public init(dictionaryLiteral elements: (String, JSONValue)...) { self = .object(elements.map { JSONMember($0.0, $0.1) }) }
}
