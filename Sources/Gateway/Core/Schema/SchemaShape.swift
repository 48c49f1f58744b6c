// Owns: at which keywords of a schema other schemas stand, draft by draft.
import Runtime

enum SchemaShape {
  /// The schemas directly inside a schema, each with the names and indices that lead to it.
  static func subschemas(of schema: JSONValue, dialect: SchemaDialect) -> [(path: [String], value: JSONValue)] {
    let draft = dialect.draft
    if draft.refStandsAlone, schema["$ref"]?.stringValue != nil { return inDefinitions(schema) }
    var found: [(path: [String], value: JSONValue)] = []
    for member in schema.distinctMembers {
      switch (keyword(member.name, draft), member.value) {
      case (.schema, let value) where isSchema(value), (.schemaOrList, let value) where isSchema(value):
        found.append(([member.name], value))
      case (.list, .array(let elements)), (.schemaOrList, .array(let elements)):
        for (index, element) in elements.enumerated() where isSchema(element) { found.append(([member.name, String(index)], element)) }
      case (.map, .object):
        for entry in member.value.distinctMembers where isSchema(entry.value) { found.append(([member.name, entry.name], entry.value)) }
      default: break
      }
    }
    return found
  }

  /// What a `$ref` hides is not read, but others may point into its definitions.
  private static func inDefinitions(_ schema: JSONValue) -> [(path: [String], value: JSONValue)] {
    (schema["definitions"]?.distinctMembers ?? []).filter { isSchema($0.value) }.map { (["definitions", $0.name], $0.value) }
  }

  static func isSchema(_ value: JSONValue) -> Bool {
    switch value {
    case .object, .bool: true
    case .null, .number, .string, .array: false
    }
  }

  private enum Place { case none, schema, list, schemaOrList, map }

  private static func keyword(_ name: String, _ draft: SchemaDraft) -> Place {
    switch name {
    case "additionalProperties", "not": .schema
    case "additionalItems": draft <= .draft2019 ? .schema : .none
    case "contains", "propertyNames": draft >= .draft6 ? .schema : .none
    case "if", "then", "else": draft >= .draft7 ? .schema : .none
    case "unevaluatedItems", "unevaluatedProperties", "contentSchema": draft >= .draft2019 ? .schema : .none
    case "items": draft <= .draft2019 ? .schemaOrList : .schema
    case "allOf", "anyOf", "oneOf": .list
    case "prefixItems": draft >= .draft2020 ? .list : .none
    case "properties", "patternProperties", "definitions", "dependencies": .map
    case "$defs", "dependentSchemas": draft >= .draft2019 ? .map : .none
    default: .none
    }
  }
}
