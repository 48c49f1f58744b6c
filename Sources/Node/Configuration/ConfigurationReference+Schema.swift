// Owns docs/reference/configuration.schema.json: the same table for editors. A schema cannot say everything that the
// check says (references, files, addresses used twice); what it refuses, the check refuses too.

extension ConfigurationReference {
  /// The text of docs/reference/configuration.schema.json (JSON Schema, draft 7, which editors of YAML know best).
  public static func jsonSchema() -> String {
    var members: [(name: String, value: OrderedJSON)] = [
      ("$schema", .text("http://json-schema.org/draft-07/schema#")),
      ("title", .text("Tidegate configuration")),
    ]
    members += object(ConfigurationTable.root)
    return OrderedJSON.object(members).written() + "\n"
  }

  /// A value that holds `${NAME}` may stand for anything.
  private static let variable = "\\$\\{"

  private static func object(_ table: SectionTable) -> [(name: String, value: OrderedJSON)] {
    let keys = table.keys.filter { !isRefused($0) }
    let required = keys.filter(\.required).map { OrderedJSON.text($0.name) }
    var members: [(name: String, value: OrderedJSON)] = [
      ("type", .text("object")),
      ("additionalProperties", .flag(false)),
      ("properties", .object(keys.map { ($0.name, property($0)) })),
    ]
    if !required.isEmpty { members.append(("required", .list(required))) }
    return members
  }

  private static func property(_ key: KeyEntry) -> OrderedJSON {
    var note = key.doc
    if case .notYet = key.status { note = "Not in effect yet. " + note }
    if let fallback = key.fallback, fallback != "{}" { note += " Default: \(fallback)." }
    return .object([("description", .text(note))] + members(key.shape))
  }

  private static func members(_ shape: Shape) -> [(name: String, value: OrderedJSON)] {
    switch shape {
    case .text(let form): return text(form)
    case .choice(let words, _): return choice(words)
    case .integer(let range):
      return scalar("integer") + [("minimum", .number("\(range.lowerBound)")), ("maximum", .number("\(range.upperBound)"))]
    case .number(let range):
      return scalar("number") + [
        ("minimum", .number(Quantities.written(range.lowerBound))), ("maximum", .number(Quantities.written(range.upperBound))),
      ]
    case .flag: return scalar("boolean")
    case .duration(let zero): return quantity(Quantities.durationPattern, minimum: zero == nil ? 1 : 0, maximum: 0)
    case .size(let zero): return quantity(Quantities.sizePattern, minimum: zero == nil ? 1 : 0, maximum: nil)
    case .list(let item, let atLeast):
      return [("type", .text("array")), ("items", .object(members(item)))] + (atLeast > 0 ? [("minItems", .number("\(atLeast)"))] : [])
    case .map(_, let item): return [("type", .text("object")), ("additionalProperties", .object(members(item)))]
    case .section(let table): return object(table)
    case .either(let short, let table): return [("anyOf", .list([.object(members(short)), .object(object(table))]))]
    }
  }

  private static func scalar(_ type: String) -> [(name: String, value: OrderedJSON)] {
    [("type", .list([.text(type), .text("string")])), ("pattern", .text("\(variable)|^[0-9.a-z]+$"))]
  }

  private static func quantity(_ pattern: String, minimum: Int, maximum: Int?) -> [(name: String, value: OrderedJSON)] {
    let text: OrderedJSON = .object([("type", .text("string")), ("pattern", .text("\(pattern)|\(variable)"))])
    if let maximum, maximum < minimum { return [("anyOf", .list([text]))] }
    var number: [(name: String, value: OrderedJSON)] = [("type", .text("integer")), ("minimum", .number("\(minimum)"))]
    if let maximum { number.append(("maximum", .number("\(maximum)"))) }
    return [("anyOf", .list([text, .object(number)]))]
  }

  /// Words that look like numbers may be written without quotes.
  private static func choice(_ words: [String]) -> [(name: String, value: OrderedJSON)] {
    let numbers = words.filter { Double($0) != nil }.map { OrderedJSON.number($0) }
    return [
      (
        "anyOf",
        .list([
          .object([("enum", .list(words.map { .text($0) } + numbers))]),
          .object([("type", .text("string")), ("pattern", .text(variable))]),
        ])
      )
    ]
  }

  private static func text(_ form: TextForm) -> [(name: String, value: OrderedJSON)] {
    switch form {
    case .status, .retryCondition: [("type", .list([.text("string"), .text("integer")]))]
    case .any, .nonEmpty, .fieldValue, .name, .path, .accessLog, .certificate, .privateKey, .ticketKey, .listenAddress, .peerAddress,
      .seed, .endpoint, .network, .hostPattern, .hostName, .authority, .urlPath, .fieldName, .routeKey, .base64Key:
      [("type", .list([.text("string"), .text("number"), .text("boolean")]))]
    }
  }
}
