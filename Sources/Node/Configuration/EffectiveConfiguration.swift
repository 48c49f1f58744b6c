// Owns how a configuration is shown to operators: every effective value, secrets hidden by the table's own mark.

enum EffectiveConfiguration {
  /// - Parameter names: the sections to show; nil for all.
  static func json(_ root: ConfigurationSection, only names: [String]? = nil) -> String { object(root, only: names).written() }

  private static func object(_ section: ConfigurationSection, only names: [String]? = nil) -> OrderedJSON {
    .object(
      section.table.keys.compactMap { entry in
        guard let value = section.values[entry.name], names?.contains(entry.name) ?? true else { return nil }
        return (entry.name, entry.secret ? hidden(value) : json(value))
      })
  }

  private static func hidden(_ value: CheckedValue) -> OrderedJSON {
    if let items = value.list { return .list(items.map(hidden)) }
    return .text("***")
  }

  private static func json(_ value: CheckedValue) -> OrderedJSON {
    switch value.content {
    case .text(let text): .text(text)
    case .integer(let number): .number("\(number)")
    case .number(let number): .number(Quantities.written(number))
    case .flag(let flag): .flag(flag)
    case .duration(let duration): .text(Quantities.written(duration))
    case .size(let bytes): .text(Quantities.written(bytes))
    case .list(let items): .list(items.map(json))
    case .map(let members): .object(members.map { ($0.key, json($0.value)) })
    case .section(let section): object(section)
    case .faulty: preconditionFailure("`\(value.path)` is faulty in a configuration without faults")
    }
  }
}
