// Owns: which drafts of JSON Schema there are, how a schema names its own, and which vocabularies count.

/// A draft, oldest first.
public enum SchemaDraft: Int, Comparable, CaseIterable, Sendable {
  /// draft-zyp-json-schema-04 and draft-fge-json-schema-validation-00: what models of REST APIs are written in (API Gateway developer
  /// guide, "Data models for REST APIs").
  case draft4
  /// draft-wright-json-schema-01.
  case draft6
  /// draft-handrews-json-schema-01.
  case draft7
  /// draft-handrews-json-schema-02.
  case draft2019
  /// draft-bhutton-json-schema-01.
  case draft2020

  public static func < (left: SchemaDraft, right: SchemaDraft) -> Bool { left.rawValue < right.rawValue }

  /// The draft whose metaschema has that address; nil for any other. An empty fragment does not count, nor whether it says http or https,
  /// which is often mistaken.
  public init?(metaschema uri: String) {
    let address = SchemaURI(uri)
    guard address.scheme == "http" || address.scheme == "https", address.authority == "json-schema.org", address.query == nil,
      address.fragment?.isEmpty ?? true
    else { return nil }
    switch address.path {
    case "/draft-04/schema": self = .draft4
    case "/draft-06/schema": self = .draft6
    case "/draft-07/schema": self = .draft7
    case "/draft/2019-09/schema": self = .draft2019
    case "/draft/2020-12/schema": self = .draft2020
    default: return nil
    }
  }

  /// The keyword that gives a schema its address.
  var idKeyword: String { self == .draft4 ? "id" : "$id" }

  /// Whether a `$ref` hides what stands beside it (draft 7 core §8.3: "All other properties in a "$ref" object MUST be ignored").
  var refStandsAlone: Bool { self <= .draft7 }
}

/// What the keywords of a schema mean: its draft and the vocabularies that its metaschema takes in (2019-09 and 2020-12 core §8.1).
struct SchemaDialect: Equatable, Sendable {
  var draft: SchemaDraft
  var hasApplicators = true
  var hasValidation = true
  var hasUnevaluated = true
  /// Whether `format` is an assertion because the metaschema says so (2020-12 validation §7.2.2).
  var assertsFormat = false

  init(_ draft: SchemaDraft) { self.draft = draft }

  /// - Parameter vocabularies: the members of `$vocabulary`.
  /// - Returns: the first that is required and unknown, if any.
  mutating func take(_ vocabularies: [(uri: String, isRequired: Bool)]) -> String? {
    hasApplicators = false
    hasValidation = false
    hasUnevaluated = false
    var unknown: String?
    for (uri, isRequired) in vocabularies {
      switch uri {
      case "https://json-schema.org/draft/2019-09/vocab/applicator":
        hasApplicators = true
        hasUnevaluated = true
      case "https://json-schema.org/draft/2020-12/vocab/applicator": hasApplicators = true
      case "https://json-schema.org/draft/2020-12/vocab/unevaluated": hasUnevaluated = true
      case "https://json-schema.org/draft/2019-09/vocab/validation", "https://json-schema.org/draft/2020-12/vocab/validation":
        hasValidation = true
      case "https://json-schema.org/draft/2019-09/vocab/format": assertsFormat = isRequired
      case "https://json-schema.org/draft/2020-12/vocab/format-assertion": assertsFormat = true
      case "https://json-schema.org/draft/2019-09/vocab/core", "https://json-schema.org/draft/2020-12/vocab/core",
        "https://json-schema.org/draft/2019-09/vocab/meta-data", "https://json-schema.org/draft/2020-12/vocab/meta-data",
        "https://json-schema.org/draft/2019-09/vocab/content", "https://json-schema.org/draft/2020-12/vocab/content",
        "https://json-schema.org/draft/2020-12/vocab/format-annotation":
        break
      default: if isRequired, unknown == nil { unknown = uri }
      }
    }
    return unknown
  }
}
