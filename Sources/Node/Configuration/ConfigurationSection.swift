// Owns a document after the check against ConfigurationTable: typed values with their places, defaults filled in.
// ConfigurationRules, ConfigurationBuilder and the redacted JSON read it.

/// A value of a checked document.
struct CheckedValue: Sendable {
  struct Member: Sendable {
    let key: String
    let mark: YAMLMark
    let value: CheckedValue
  }

  indirect enum Content: Sendable {
    case text(String)
    case integer(Int)
    case number(Double)
    case flag(Bool)
    case duration(Duration)
    /// Bytes.
    case size(Int)
    case list([CheckedValue])
    case map([Member])
    case section(ConfigurationSection)
    /// A fault has been reported for it.
    case faulty
  }

  let content: Content
  let mark: YAMLMark
  let path: String
  /// False for a default of the table.
  let given: Bool

  var text: String? { if case .text(let text) = content { text } else { nil } }
  var integer: Int? { if case .integer(let value) = content { value } else { nil } }
  var number: Double? { if case .number(let value) = content { value } else { nil } }
  var flag: Bool? { if case .flag(let value) = content { value } else { nil } }
  var duration: Duration? { if case .duration(let value) = content { value } else { nil } }
  var size: Int? { if case .size(let value) = content { value } else { nil } }
  var list: [CheckedValue]? { if case .list(let values) = content { values } else { nil } }
  var map: [Member]? { if case .map(let members) = content { members } else { nil } }
  var section: ConfigurationSection? { if case .section(let section) = content { section } else { nil } }
}

/// A checked mapping with known keys.
struct ConfigurationSection: Sendable {
  let table: SectionTable
  let mark: YAMLMark
  let path: String
  var values: [String: CheckedValue]

  /// The value of a key: the document's, or the table's default; nil for an absent one without default.
  ///
  /// Traps when the table has no such key: that is a slip in the program, not in a document.
  subscript(_ key: String) -> CheckedValue? {
    if let value = values[key] { return value }
    precondition(table.key(key) != nil, "the section `\(table.name)` has no key `\(key)`")
    return nil
  }

  /// Whether the document itself gives the key.
  func gives(_ key: String) -> Bool { self[key]?.given ?? false }

  func section(_ key: String) -> ConfigurationSection? { self[key]?.section }
  func text(_ key: String) -> String? { self[key]?.text }
  func texts(_ key: String) -> [String] { (self[key]?.list ?? []).compactMap(\.text) }
  func sections(_ key: String) -> [ConfigurationSection] { (self[key]?.list ?? []).compactMap(\.section) }
}
