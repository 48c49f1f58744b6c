// Owns: when two JSON values are equal (draft 4 core §3.6, later drafts core §4.2.2): numbers by value, strings code point by code point,
// objects without regard to order.
import Runtime

/// A text that is equal to another only when their bytes are: Swift's own comparison takes canonically equivalent ones for the same.
struct ExactText: Hashable, Sendable {
  let text: String

  init(_ text: String) { self.text = text }

  static func == (left: ExactText, right: ExactText) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }

  // SAFETY: the hasher reads the span's own memory, only during the call.
  func hash(into hasher: inout Hasher) {
    text.utf8.span.withUnsafeBufferPointer { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    // No text's UTF-8 has this byte, so that where one ends counts.
    hasher.combine(UInt8(0xFF))
  }
}

/// A value in the form in which equal values are the same. Of members that have one name the last counts, as with `JSONValue`'s subscript.
enum JSONIdentity: Hashable, Sendable {
  case null
  case bool(Bool)
  case number(JSONDecimal)
  case string(ExactText)
  case array([JSONIdentity])
  case object([ExactText: JSONIdentity])

  /// - Parameter budget: taken down by one a value; where it is used up the value is null, and the caller gives up.
  init(_ value: JSONValue, budget: inout Int) {
    budget -= 1
    guard budget > 0 else {
      self = .null
      return
    }
    switch value {
    case .null: self = .null
    case .bool(let value): self = .bool(value)
    case .number(let text): self = .number(JSONDecimal(text))
    case .string(let text): self = .string(ExactText(text))
    case .array(let elements):
      var identities: [JSONIdentity] = []
      identities.reserveCapacity(elements.count)
      for element in elements { identities.append(JSONIdentity(element, budget: &budget)) }
      self = .array(identities)
    case .object(let members):
      var identities: [ExactText: JSONIdentity] = [:]
      identities.reserveCapacity(members.count)
      for member in members { identities[ExactText(member.name)] = JSONIdentity(member.value, budget: &budget) }
      self = .object(identities)
    }
  }
}

/// The values of `enum` or `const`, looked up by what the instance is.
struct JSONValueSet: Sendable {
  private var hasNull = false
  private var hasTrue = false
  private var hasFalse = false
  private let strings: NameTable
  private var numbers: Set<JSONDecimal> = []
  private var others: Set<JSONIdentity> = []

  init(_ values: [JSONValue]) {
    var names: [String] = []
    for value in values {
      switch value {
      case .null: hasNull = true
      case .bool(let value): if value { hasTrue = true } else { hasFalse = true }
      case .number(let text): numbers.insert(JSONDecimal(text))
      case .string(let text): names.append(text)
      case .array, .object:
        var budget = Int.max
        others.insert(JSONIdentity(value, budget: &budget))
      }
    }
    strings = NameTable(names)
  }

  /// - Parameter budget: as for `JSONIdentity`.
  func contains(_ value: JSONValue, budget: inout Int) -> Bool {
    switch value {
    case .null: hasNull
    case .bool(let value): value ? hasTrue : hasFalse
    case .number(let text): !numbers.isEmpty && numbers.contains(JSONDecimal(text))
    case .string(let text): strings.index(of: text) >= 0
    case .array, .object: !others.isEmpty && others.contains(JSONIdentity(value, budget: &budget))
    }
  }
}
