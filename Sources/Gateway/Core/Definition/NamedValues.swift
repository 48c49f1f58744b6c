// Owns a list of names with values that keeps the order of its document and finds by name without a search.

/// Names, each once, and what stands under them, in order. Two are equal when their entries are equal in order.
public struct NamedValues<Value: Hashable & Sendable>: Hashable, Sendable, RandomAccessCollection, ExpressibleByDictionaryLiteral {
  public struct Entry: Hashable, Sendable {
    public let name: String
    public var value: Value
  }

  private var entries: [Entry] = []
  private var positions: [String: Int] = [:]

  public init() {}

  /// Later values of a name replace earlier ones.
  public init(dictionaryLiteral elements: (String, Value)...) {
    for (name, value) in elements { self[name] = value }
  }

  public var startIndex: Int { entries.startIndex }
  public var endIndex: Int { entries.endIndex }
  public subscript(position: Int) -> Entry { entries[position] }

  public var names: [String] { entries.map(\.name) }

  /// The value of a name. A new name is added at the end; nil takes a name out.
  public subscript(name: String) -> Value? {
    get { positions[name].map { entries[$0].value } }
    set {
      switch (positions[name], newValue) {
      case (let position?, let value?): entries[position].value = value
      case (nil, let value?):
        positions[name] = entries.count
        entries.append(Entry(name: name, value: value))
      case (_?, nil):
        entries.removeAll { $0.name == name }
        positions = Dictionary(uniqueKeysWithValues: entries.enumerated().map { ($1.name, $0) })
      case (nil, nil): break
      }
    }
  }

  public subscript(name: String, default fallback: Value) -> Value {
    get { self[name] ?? fallback }
    set { self[name] = newValue }
  }

  public func contains(name: String) -> Bool { positions[name] != nil }

  /// Takes over every entry of `others`; a name that both have gets the value of `others` and keeps its place.
  public mutating func merge(_ others: NamedValues) {
    for entry in others { self[entry.name] = entry.value }
  }

  public static func == (left: NamedValues, right: NamedValues) -> Bool { left.entries == right.entries }

  public func hash(into hasher: inout Hasher) { hasher.combine(entries) }
}
