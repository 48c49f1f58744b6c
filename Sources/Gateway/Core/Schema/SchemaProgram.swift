// Owns: what a schema is compiled to: flat tables of trivial values that refer to each other by index. Making them is the compiler's,
// running them the walker's.

/// What a value is, in the order in which messages list types.
enum JSONKind: Int, CaseIterable, Sendable {
  case array, boolean, null, number, object, string
}

/// A set of the types that `type` can name.
struct SchemaTypes: OptionSet, Sendable {
  let rawValue: UInt8

  static let integer = SchemaTypes(rawValue: 1 << 6)
  static let every = SchemaTypes(rawValue: 0x3F)

  init(rawValue: UInt8) { self.rawValue = rawValue }

  init(_ kind: JSONKind) { rawValue = 1 << UInt8(kind.rawValue) }
}

/// One thing to be checked. Payloads are indices into the program's tables, nodes' unless their names say otherwise.
enum SchemaRule: Equatable, Sendable {
  // Any value.
  case values(set: Int32)
  case allOf(list: Int32, count: Int32)
  case anyOf(list: Int32, count: Int32)
  case oneOf(list: Int32, count: Int32)
  case not(Int32)
  case condition(if: Int32, then: Int32, else: Int32)
  case reference(Int32)
  case dynamicReference(Int32, anchor: Int32)
  case recursiveReference(Int32)
  /// A format that is not known: never a failure, but mentioned beside failures.
  case unknownFormat(name: Int32)
  // Numbers.
  case minimum(number: Int32, isExclusive: Bool)
  case maximum(number: Int32, isExclusive: Bool)
  case multipleOf(number: Int32)
  // Strings.
  case minLength(Int)
  case maxLength(Int)
  case pattern(Int32)
  case format(SchemaFormat)
  // Arrays.
  case minItems(Int)
  case maxItems(Int)
  case uniqueItems
  case items(table: Int32)
  case contains(table: Int32)
  case unevaluatedItems(Int32)
  // Objects.
  case minProperties(Int)
  case maxProperties(Int)
  /// `isCovered`: the rule for members sees to it, and this one only says what is missing.
  case required(table: Int32, isCovered: Bool)
  case members(table: Int32)
  case propertyNames(Int32)
  case dependencies(table: Int32)
  case unevaluatedProperties(Int32)
}

/// One schema.
struct SchemaNode: Sendable {
  /// The types that a value may have; none for the schema `false`.
  var types: SchemaTypes
  /// Draft 4 takes a number for an integer by how it is written, later drafts by its value.
  var integersByText: Bool
  var isNever: Bool
  /// Whether a rule needs to know what others have evaluated.
  var isUnevaluated: Bool
  var resource: Int32
}

/// A number of a schema.
struct SchemaNumber: Sendable {
  let value: JSONDecimal
  let text: String
}

/// `items`, `prefixItems` and `additionalItems`.
struct SchemaItems: Sendable {
  /// Nodes for the first items, in the program's lists.
  var list: Int32
  var count: Int32
  /// The node of all others; -1: none.
  var rest: Int32
}

/// `contains` with its bounds.
struct SchemaContains: Sendable {
  var node: Int32
  var min: Int
  var max: Int
  /// Whether it evaluates the items that it finds (2020-12 core §10.3.1.3).
  var evaluates: Bool
}

/// `properties`, `patternProperties` and `additionalProperties`, and `required` with them, so that a name is looked up once.
struct SchemaMembers: Sendable {
  var names: NameTable
  /// The node of each name; -1: it is only required.
  var nodes: [Int32]
  /// For each name its place among those that are required; -1: it is not.
  var requiredPlaces: [Int32]
  var requiredCount: Int
  var patterns: [(pattern: Int32, node: Int32)]
  /// The node of all others; -1: none.
  var rest: Int32
}

/// `required`.
struct SchemaRequired: Sendable {
  var table: NameTable
  var names: [String]
}

/// `dependencies`, `dependentRequired` and `dependentSchemas`.
struct SchemaDependencies: Sendable {
  struct Dependency: Sendable {
    /// Names that must be there; an index into the program's `required`, -1: none.
    var required: Int32
    /// -1: none.
    var node: Int32
  }

  var table: NameTable
  var names: [String]
  /// Of each name.
  var dependencies: [[Dependency]]
}

/// A compiled schema.
struct SchemaProgram: Sendable {
  var nodes: [SchemaNode] = []
  /// The rules of node n for kind k are `rules[starts[6n+k]..<starts[6n+k+1]]`.
  var starts: [Int32] = []
  var rules: [SchemaRule] = []
  var root: Int32 = 0
  /// Whether `dynamicReference` or `recursiveReference` occurs, so that the way to a value matters.
  var isDynamic = false

  var lists: [Int32] = []
  var numbers: [SchemaNumber] = []
  var names: [String] = []
  var patterns: [SchemaPattern] = []
  var valueSets: [JSONValueSet] = []
  /// As the schema wrote them, for messages.
  var valueTexts: [String] = []
  var items: [SchemaItems] = []
  var contains: [SchemaContains] = []
  var members: [SchemaMembers] = []
  var required: [SchemaRequired] = []
  var dependencies: [SchemaDependencies] = []
  /// For each anchor that a `dynamicReference` names, the node of that anchor in each resource, or -1.
  var dynamicTargets: [[Int32]] = []
  /// The root node of each resource that says `$recursiveAnchor`, or -1.
  var recursiveTargets: [Int32] = []

  /// `JSONKind.allCases.count`, without making the array.
  static let kindCount = 6

  func rules(of node: Int32, for kind: JSONKind) -> Range<Int> {
    let place = Int(node) * Self.kindCount + kind.rawValue
    return Int(starts[place])..<Int(starts[place + 1])
  }
}

extension SchemaRule {
  /// The kinds of value that the rule says something about.
  var kinds: [JSONKind] {
    switch self {
    case .values, .allOf, .anyOf, .oneOf, .not, .condition, .reference, .dynamicReference, .recursiveReference, .unknownFormat:
      JSONKind.allCases
    case .minimum, .maximum, .multipleOf: [.number]
    case .minLength, .maxLength, .pattern, .format: [.string]
    case .minItems, .maxItems, .uniqueItems, .items, .contains, .unevaluatedItems: [.array]
    case .minProperties, .maxProperties, .required, .members, .propertyNames, .dependencies, .unevaluatedProperties: [.object]
    }
  }

  /// The rule with other nodes in the place of its own.
  func mapped(_ node: (Int32) -> Int32) -> SchemaRule {
    switch self {
    case .not(let inner): .not(node(inner))
    case .condition(let test, let then, let otherwise): .condition(if: node(test), then: node(then), else: node(otherwise))
    case .reference(let target): .reference(node(target))
    case .dynamicReference(let target, let anchor): .dynamicReference(node(target), anchor: anchor)
    case .recursiveReference(let target): .recursiveReference(node(target))
    case .unevaluatedItems(let inner): .unevaluatedItems(node(inner))
    case .propertyNames(let inner): .propertyNames(node(inner))
    case .unevaluatedProperties(let inner): .unevaluatedProperties(node(inner))
    case .values, .allOf, .anyOf, .oneOf, .unknownFormat, .minimum, .maximum, .multipleOf, .minLength, .maxLength, .pattern, .format,
      .minItems, .maxItems, .uniqueItems, .items, .contains, .minProperties, .maxProperties, .required, .members, .dependencies:
      self
    }
  }
}
