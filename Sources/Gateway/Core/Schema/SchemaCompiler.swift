// Owns: the way from documents to a program: schemas that are reached get a node each, until no new one is reached. What a keyword
// asserts stands in SchemaCompiler+Values and +Containers; references and their loops in SchemaCompiler+References.
import Runtime

/// What to make of schemas beside what they say themselves.
public struct SchemaOptions: Sendable {
  /// Of schemas that do not say `$schema`.
  public var draft: SchemaDraft = .draft4
  /// Whether `format` decides; otherwise it tells nobody anything (2020-12 validation §7.2.1).
  public var assertsFormats = false
  public var limits = SchemaLimits()

  public init() {}

  /// Of the models of REST APIs: the service's validator checks formats, as its messages of those it does not know show.
  public static let restModels: SchemaOptions = {
    var options = SchemaOptions()
    options.assertsFormats = true
    return options
  }()
}

/// A schema on its way to become a node.
struct PendingNode {
  let location: SchemaLocation
  var types = SchemaTypes.every
  var integersByText = false
  var isNever = false
  var isUnevaluated = false
  var resource: Int32 = 0
  var rules: [SchemaRule] = []
}

struct SchemaCompiler {
  let options: SchemaOptions
  var index: SchemaIndex
  var program = SchemaProgram()
  var nodes: [PendingNode] = []
  private var nodeAt: [SchemaLocation: Int32] = [:]
  private var done = 0
  /// The anchors that dynamic references name, in the order of `program.dynamicTargets`.
  var dynamicAnchors: [ExactText] = []
  private var patternAt: [ExactText: Int32] = [:]

  init(registry: SchemaRegistry, options: SchemaOptions) {
    self.options = options
    index = SchemaIndex(registry: registry, defaultDraft: options.draft, limits: options.limits)
  }

  /// - Parameter uri: the document's own address, against which its references are read; empty: it has none.
  mutating func compile(_ document: JSONValue, at uri: String) throws(SchemaError) -> SchemaProgram {
    let address = uri.isEmpty ? SchemaIndex.nameless : SchemaURI(uri).document
    let root = node(at: try index.read(document, at: address))
    repeat {
      while done < nodes.count {
        try compileNode(done)
        done += 1
      }
    } while try reachDynamicTargets()
    try refuseLoops()
    finish(root)
    return program
  }

  /// The node of a schema, made later if there is none yet.
  mutating func node(at location: SchemaLocation) -> Int32 {
    if let known = nodeAt[location] { return known }
    let node = Int32(nodes.count)
    nodes.append(PendingNode(location: location))
    nodeAt[location] = node
    return node
  }

  /// The node of a schema below another.
  mutating func node(_ location: SchemaLocation, _ names: String..., value: JSONValue) throws(SchemaError) -> Int32 {
    let place = names.reduce(location) { $0.appending($1) }
    guard index.sites[place] != nil else { throw notASchema(place, value) }
    return node(at: place)
  }

  private func notASchema(_ place: SchemaLocation, _ value: JSONValue) -> SchemaError {
    index.fault(place, "a schema must be an object\(index.defaultDraft == .draft4 ? "" : " or a boolean"), not \(value.kindName)")
  }

  private mutating func compileNode(_ position: Int) throws(SchemaError) {
    let location = nodes[position].location
    guard let site = index.sites[location] else { throw index.fault(location, "no schema stands here") }
    var node = nodes[position]
    node.resource = Int32(site.resource)
    node.integersByText = site.dialect.draft == .draft4
    switch site.value {
    case .bool(let holds):
      node.isNever = !holds
      // Draft 4 has no boolean schemas, but for these two keywords, whose values are none.
      let keyword = location.pointer.text.utf8.split(separator: UInt8(ascii: "/")).last.map { String(decoding: $0, as: UTF8.self) } ?? ""
      if site.dialect.draft == .draft4, keyword != "additionalProperties", keyword != "additionalItems" {
        throw notASchema(location, site.value)
      }
    case .object: try compileKeywords(SchemaKeywords(site: site, location: location), into: &node)
    case .null, .number, .string, .array: throw notASchema(location, site.value)
    }
    nodes[position] = node
  }

  private mutating func compileKeywords(_ schema: SchemaKeywords, into node: inout PendingNode) throws(SchemaError) {
    if schema.draft.refStandsAlone, let reference = schema["$ref"]?.stringValue {
      node.rules.append(.reference(self.node(at: try index.resolve(reference, from: schema.location))))
      return
    }
    if schema.dialect.hasValidation {
      try compileValues(schema, into: &node)
      try compileSizes(schema, into: &node)
    }
    try compileFormat(schema, into: &node)
    if schema.dialect.hasApplicators {
      try compileItems(schema, into: &node)
      try compileMembers(schema, into: &node)
    }
    try compileReferences(schema, into: &node)
    if schema.dialect.hasApplicators { try compileLogic(schema, into: &node) }
    // Last, when everything else has said what it evaluates.
    if schema.dialect.hasUnevaluated, schema.draft >= .draft2019 {
      if let value = schema["unevaluatedItems"] {
        node.rules.append(.unevaluatedItems(try self.node(schema.location, "unevaluatedItems", value: value)))
        node.isUnevaluated = true
      }
      if let value = schema["unevaluatedProperties"] {
        node.rules.append(.unevaluatedProperties(try self.node(schema.location, "unevaluatedProperties", value: value)))
        node.isUnevaluated = true
      }
    }
  }

  /// A pattern, compiled once however often it occurs.
  mutating func pattern(_ text: String, at location: SchemaLocation) throws(SchemaError) -> Int32 {
    if let known = patternAt[ExactText(text)] { return known }
    if text.utf8.count > options.limits.patternBytesMax {
      throw index.fault(location, "a pattern is longer than \(options.limits.patternBytesMax) bytes")
    }
    do {
      let pattern = Int32(program.patterns.count)
      program.patterns.append(try SchemaPattern(text))
      patternAt[ExactText(text)] = pattern
      return pattern
    } catch {
      throw index.fault(location, "the pattern cannot be used: \(error.description)")
    }
  }

  /// Lays the nodes out flat; those that are nothing but a reference give way to their target.
  private mutating func finish(_ root: Int32) {
    var final = [Int32](repeating: -1, count: nodes.count)
    for position in nodes.indices where final[position] < 0 {
      var chain = [position]
      while let last = chain.last, final[last] < 0, let target = alias(of: nodes[last]) { chain.append(Int(target)) }
      let end = chain.last.map { final[$0] < 0 ? Int32($0) : final[$0] } ?? Int32(position)
      for link in chain { final[link] = end }
    }
    func mapped(_ node: Int32) -> Int32 { node < 0 ? node : final[Int(node)] }
    program.root = mapped(root)
    program.lists = program.lists.map(mapped)
    for place in program.items.indices { program.items[place].rest = mapped(program.items[place].rest) }
    for place in program.contains.indices { program.contains[place].node = mapped(program.contains[place].node) }
    for place in program.members.indices {
      program.members[place].nodes = program.members[place].nodes.map(mapped)
      program.members[place].patterns = program.members[place].patterns.map { ($0.pattern, mapped($0.node)) }
      program.members[place].rest = mapped(program.members[place].rest)
    }
    for place in program.dependencies.indices {
      program.dependencies[place].dependencies = program.dependencies[place].dependencies.map { group in
        group.map { SchemaDependencies.Dependency(required: $0.required, node: mapped($0.node)) }
      }
    }
    program.starts = [0]
    for node in nodes {
      program.nodes.append(
        SchemaNode(
          types: node.types, integersByText: node.integersByText, isNever: node.isNever, isUnevaluated: node.isUnevaluated,
          resource: node.resource))
      for kind in JSONKind.allCases {
        for rule in node.rules where rule.kinds.contains(kind) { program.rules.append(rule.mapped(mapped)) }
        program.starts.append(Int32(program.rules.count))
      }
    }
  }

  private func alias(of node: PendingNode) -> Int32? {
    guard !program.isDynamic, !node.isNever, node.types == .every, node.rules.count == 1, case .reference(let target) = node.rules[0] else {
      return nil
    }
    return target
  }
}

/// The keywords of one schema, the last of a name counting.
struct SchemaKeywords {
  let site: SchemaSite
  let location: SchemaLocation

  var dialect: SchemaDialect { site.dialect }
  var draft: SchemaDraft { site.dialect.draft }

  subscript(name: String) -> JSONValue? { site.value[name] }

  func place(_ name: String) -> SchemaLocation { location.appending(name) }
}

extension JSONValue {
  var kind: JSONKind {
    switch self {
    case .null: .null
    case .bool: .boolean
    case .number: .number
    case .string: .string
    case .array: .array
    case .object: .object
    }
  }

  /// With its article, for messages.
  var kindName: String {
    switch self {
    case .null: "null"
    case .bool: "a boolean"
    case .number: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }
}
