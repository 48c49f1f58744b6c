// Owns: where schemas stand in the documents at hand, what their base addresses, drafts and anchors are, and what a reference means.
// It reads documents when something first refers to them. What the keywords assert is the compiler's.
import Runtime

/// A place in a document.
struct SchemaLocation: Hashable {
  let document: Int
  /// A JSON pointer, as in the document's own names.
  let pointer: ExactText

  init(_ document: Int, _ pointer: String) {
    self.document = document
    self.pointer = ExactText(pointer)
  }

  /// A step down from here.
  func appending(_ names: String...) -> SchemaLocation {
    var text = pointer.text
    for name in names { text += "/" + Self.escaped(name) }
    return SchemaLocation(document, text)
  }

  static func escaped(_ name: String) -> String {
    guard name.utf8.contains(where: { $0 == UInt8(ascii: "~") || $0 == UInt8(ascii: "/") }) else { return name }
    var bytes: [UInt8] = []
    for byte in name.utf8 {
      switch byte {
      case UInt8(ascii: "~"): bytes += [UInt8(ascii: "~"), UInt8(ascii: "0")]
      case UInt8(ascii: "/"): bytes += [UInt8(ascii: "~"), UInt8(ascii: "1")]
      default: bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// A schema in a document.
struct SchemaSite {
  let value: JSONValue
  let base: SchemaURI
  /// The resource that it belongs to: the nearest schema around it that has an address, or the document.
  let resource: Int
  let dialect: SchemaDialect
}

/// A schema that has an address of its own, with what is inside it up to the next such schema (2020-12 core §4.3.5).
struct SchemaResource {
  let root: SchemaLocation
  var anchors: [ExactText: SchemaLocation] = [:]
  var dynamicAnchors: [ExactText: SchemaLocation] = [:]
  /// Whether its root says `$recursiveAnchor` (2019-09 core §8.2.4.2.2).
  var isRecursive = false
}

/// The schemas of all documents that were read.
struct SchemaIndex {
  let registry: SchemaRegistry
  let defaultDraft: SchemaDraft
  let limits: SchemaLimits
  private(set) var addresses: [String] = []
  private(set) var resources: [SchemaResource] = []
  private var documents: [JSONValue] = []
  private(set) var sites: [SchemaLocation: SchemaSite] = [:]
  private var resourceAt: [String: Int] = [:]

  init(registry: SchemaRegistry, defaultDraft: SchemaDraft, limits: SchemaLimits) {
    self.registry = registry
    self.defaultDraft = defaultDraft
    self.limits = limits
  }

  /// The base of a document that has no address; no reference can be written that meets it by chance.
  static let nameless = "tidegate-schema:///"

  func fault(_ location: SchemaLocation, _ reason: String) -> SchemaError {
    let address = addresses[location.document]
    return SchemaError(document: address == Self.nameless ? "" : address, pointer: location.pointer.text, reason: reason)
  }

  /// Takes a document in.
  mutating func read(_ document: JSONValue, at uri: String) throws(SchemaError) -> SchemaLocation {
    let index = documents.count
    documents.append(document)
    addresses.append(uri)
    let location = SchemaLocation(index, "")
    let dialect = try dialect(of: document, at: location, else: SchemaDialect(defaultDraft))
    resourceAt[uri] = resources.count
    resources.append(SchemaResource(root: location))
    let site = SchemaSite(value: document, base: SchemaURI(uri), resource: resources.count - 1, dialect: dialect)
    try scan(site, at: location, depth: 0)
    return location
  }

  /// What `$schema` says.
  private func dialect(
    of schema: JSONValue, at location: SchemaLocation, else inherited: SchemaDialect
  ) throws(SchemaError) -> SchemaDialect {
    guard let uri = schema["$schema"]?.stringValue else { return inherited }
    if let draft = SchemaDraft(metaschema: uri) { return SchemaDialect(draft) }
    let address = SchemaURI(uri).document
    // "The latest version" (draft 4 core §6.2); AWS's own examples use it for draft 4.
    if address == "http://json-schema.org/schema" || address == "https://json-schema.org/schema" { return inherited }
    guard let metaschema = registry.document(address) else {
      throw fault(location, "\"$schema\" names the dialect '\(uri)', which is not known; drafts 4, 6, 7, 2019-09 and 2020-12 are")
    }
    let draft = metaschema["$schema"]?.stringValue.flatMap { SchemaDraft(metaschema: $0) } ?? defaultDraft
    var dialect = SchemaDialect(draft)
    guard draft >= .draft2019, let vocabularies = metaschema["$vocabulary"]?.objectValue else { return dialect }
    if let unknown = dialect.take(vocabularies.map { ($0.name, $0.value.boolValue ?? true) }) {
      throw fault(location, "the dialect '\(uri)' requires the vocabulary '\(unknown)', which is not known")
    }
    return dialect
  }

  /// Registers a schema and those inside it.
  private mutating func scan(_ outer: SchemaSite, at location: SchemaLocation, depth: Int) throws(SchemaError) {
    if sites[location] != nil { return }
    if depth > limits.nestingMax { throw fault(location, "more than \(limits.nestingMax) schemas inside each other") }
    if sites.count >= limits.schemasMax { throw fault(location, "more than \(limits.schemasMax) schemas in all") }
    let site = try identified(outer, at: location)
    sites[location] = site
    guard case .object = site.value else { return }
    for (path, value) in SchemaShape.subschemas(of: site.value, dialect: site.dialect) {
      let inner = SchemaSite(value: value, base: site.base, resource: site.resource, dialect: site.dialect)
      try scan(inner, at: path.reduce(location) { $0.appending($1) }, depth: depth + 1)
    }
  }

  /// Reads the address and the anchors that a schema gives itself.
  private mutating func identified(_ site: SchemaSite, at location: SchemaLocation) throws(SchemaError) -> SchemaSite {
    let schema = site.value
    guard case .object = schema else { return site }
    var dialect = site.dialect
    if !location.pointer.text.isEmpty, schema[dialect.draft.idKeyword]?.stringValue != nil || schema["$id"]?.stringValue != nil {
      dialect = try self.dialect(of: schema, at: location, else: dialect)
    }
    let draft = dialect.draft
    var base = site.base
    var resource = site.resource
    let hidden = draft.refStandsAlone && schema["$ref"]?.stringValue != nil
    if !hidden, let id = schema[draft.idKeyword]?.stringValue {
      if id.utf8.count > SchemaURI.bytesMax { throw fault(location, "\"\(draft.idKeyword)\" is longer than \(SchemaURI.bytesMax) bytes") }
      let reference = SchemaURI(id)
      let target = reference.resolved(against: base)
      if draft <= .draft7, let anchor = target.decodedFragment, !anchor.isEmpty, target.document == base.document {
        add(anchor: anchor, at: location, to: resource)
      } else if id.utf8.first != UInt8(ascii: "#") {
        if location == resources[resource].root {
          resourceAt[target.document] = resourceAt[target.document] ?? resource
        } else {
          resources.append(SchemaResource(root: location))
          resource = resources.count - 1
          resourceAt[target.document] = resourceAt[target.document] ?? resource
        }
        base = target
        base.fragment = nil
      }
    }
    if draft >= .draft2019 {
      if let anchor = schema["$anchor"]?.stringValue { add(anchor: anchor, at: location, to: resource) }
      if draft == .draft2020, let anchor = schema["$dynamicAnchor"]?.stringValue {
        add(anchor: anchor, at: location, to: resource)
        resources[resource].dynamicAnchors[ExactText(anchor)] = resources[resource].dynamicAnchors[ExactText(anchor)] ?? location
      }
      if draft == .draft2019, schema["$recursiveAnchor"]?.boolValue == true, location == resources[resource].root {
        resources[resource].isRecursive = true
      }
    }
    return SchemaSite(value: schema, base: base, resource: resource, dialect: dialect)
  }

  private mutating func add(anchor: String, at location: SchemaLocation, to resource: Int) {
    resources[resource].anchors[ExactText(anchor)] = resources[resource].anchors[ExactText(anchor)] ?? location
  }
}

/// References.
extension SchemaIndex {
  /// The place that a reference means.
  /// - Parameters:
  ///   - reference: the value of `$ref` or one of its kin.
  ///   - location: where it stands.
  mutating func resolve(_ reference: String, from location: SchemaLocation) throws(SchemaError) -> SchemaLocation {
    guard let site = sites[location] else { throw fault(location, "no schema stands here") }
    if reference.utf8.count > SchemaURI.bytesMax { throw fault(location, "a reference is longer than \(SchemaURI.bytesMax) bytes") }
    let target = SchemaURI(reference).resolved(against: site.base)
    guard let fragment = target.decodedFragment else { throw fault(location, "the reference '\(reference)' has a broken escape") }
    let resource = try resource(target.document, for: reference, from: location)
    if fragment.isEmpty { return resources[resource].root }
    if fragment.utf8.first != UInt8(ascii: "/") {
      if let anchor = resources[resource].anchors[ExactText(fragment)] { return anchor }
      throw fault(location, "the reference '\(reference)' leads nowhere: there is no anchor '\(fragment)'")
    }
    let root = resources[resource].root
    let place = SchemaLocation(root.document, root.pointer.text + fragment)
    if sites[place] != nil { return place }
    if try discover(place) { return place }
    if let model = registry.model(atPointer: fragment) { return resources[try self.resource(model, for: reference, from: location)].root }
    throw fault(location, "the reference '\(reference)' leads nowhere: there is no '\(fragment)'")
  }

  private mutating func resource(
    _ uri: String, for reference: String, from location: SchemaLocation
  ) throws(SchemaError) -> Int {
    if let known = resourceAt[uri] { return known }
    let address = registry.canonical(uri)
    if let known = resourceAt[address] { return known }
    guard let document = registry.document(address) else {
      throw fault(location, "the reference '\(reference)' leads to '\(uri)', which is not at hand; schemas are never fetched")
    }
    let root = try read(document, at: address)
    guard let resource = sites[root]?.resource else { throw fault(location, "the reference '\(reference)' leads nowhere") }
    return resource
  }

  /// Makes a schema of a value that stands where no keyword expects one (2020-12 core §9.4.2 leaves it open).
  private mutating func discover(_ place: SchemaLocation) throws(SchemaError) -> Bool {
    var value = documents[place.document]
    var here = SchemaLocation(place.document, "")
    var nearest = sites[here]
    for token in place.pointer.text.utf8.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
      let name = String(decoding: token, as: UTF8.self).replacing("~1", with: "/").replacing("~0", with: "~")
      let next: JSONValue?
      if case .array = value { next = Int(name).flatMap { value[$0] } } else { next = value.member(exactly: name) }
      guard let next else { return false }
      value = next
      here = here.appending(name)
      nearest = sites[here] ?? nearest
    }
    guard let nearest, here == place else { return false }
    switch value {
    case .object, .bool: break
    case .null, .number, .string, .array: return false
    }
    let site = SchemaSite(value: value, base: nearest.base, resource: nearest.resource, dialect: nearest.dialect)
    try scan(site, at: place, depth: 0)
    return true
  }
}

extension JSONValue {
  /// The value of the last member whose name has these very code points.
  func member(exactly name: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.last { $0.name.utf8.elementsEqual(name.utf8) }?.value
  }

  /// An object's members, of those that have one name the last.
  var distinctMembers: [JSONMember] {
    guard case .object(let members) = self else { return [] }
    var last: [ExactText: Int] = [:]
    for (position, member) in members.enumerated() { last[ExactText(member.name)] = position }
    return last.count == members.count
      ? members : members.enumerated().filter { last[ExactText($0.element.name)] == $0.offset }.map(\.element)
  }
}
