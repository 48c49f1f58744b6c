// Owns the way through a schema to its references: which keywords hold schemas, in drafts 4 to 2020-12. All else is data.
import Runtime

enum SchemaReferences {
  /// What stands under a keyword.
  enum Holding {
    case schema
    case schemas
    /// One schema, or several: `items`.
    case either
    /// Names with a schema each.
    case named
    case reference
    case data
  }

  static func holding(_ keyword: String) -> Holding {
    switch keyword {
    case "$ref": .reference
    case "properties", "patternProperties", "definitions", "$defs", "dependentSchemas", "dependencies": .named
    case "allOf", "anyOf", "oneOf", "prefixItems": .schemas
    case "items": .either
    case "additionalProperties", "additionalItems", "not", "contains", "propertyNames", "if", "then", "else", "unevaluatedItems",
      "unevaluatedProperties", "contentSchema":
      .schema
    default: .data
    }
  }

  /// The schema with each reference replaced. It has been read before, so its depth is bounded.
  static func mapped(_ schema: JSONValue, _ replace: (String) -> String) -> JSONValue {
    rewritten(schema) { name, value in
      guard name == "$ref", case .string(let text) = value else { return value }
      return .string(replace(text))
    }
  }

  /// The schema with the names after each `required` in the order of the alphabet, as AWS keeps them.
  static func sortingRequired(_ schema: JSONValue) -> JSONValue {
    rewritten(schema) { name, value in
      guard name == "required", case .array(let names) = value else { return value }
      let texts = names.compactMap(\.stringValue)
      return texts.count == names.count ? .array(texts.sorted().map { .string($0) }) : value
    }
  }

  /// The schema with the values of its keywords replaced where they hold no schema.
  private static func rewritten(_ schema: JSONValue, _ replace: (String, JSONValue) -> JSONValue) -> JSONValue {
    guard case .object(let members) = schema else { return schema }
    return .object(
      members.map { member in
        let value: JSONValue =
          switch (holding(member.name), member.value) {
          case (.schema, _), (.either, .object): rewritten(member.value, replace)
          case (.schemas, .array(let elements)), (.either, .array(let elements)): .array(elements.map { rewritten($0, replace) })
          case (.named, .object(let members)): .object(members.map { JSONMember($0.name, rewritten($0.value, replace)) })
          default: replace(member.name, member.value)
          }
        return JSONMember(member.name, value)
      })
  }
}
