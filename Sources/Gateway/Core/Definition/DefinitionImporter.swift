// Owns the state of one import and how values are taken out of a document: the right type or a finding, no key unread. What stands where
// is in DefinitionImporter+*.swift.
import Runtime

/// A value of a document and its place.
struct DocumentNode {
  let value: JSONValue
  let pointer: DocumentPointer
}

struct DefinitionImporter {
  /// Which specification the document follows.
  enum Format {
    case swagger2, openAPI30, openAPI31

    var isSwagger: Bool { self == .swagger2 }
  }

  let document: DefinitionDocument
  let options: DefinitionImportOptions
  var findings = DefinitionFindings()
  var definition: APIDefinition
  var format = Format.openAPI30
  var references = ReferenceTable()
  /// Members that were looked at. References let a small document ask for much work; this bounds it.
  private var work = 0
  /// Near misses that are still looked for.
  var patience = 1000

  /// What a security scheme asks for, by its name.
  var schemes: [String: SecurityScheme] = [:]
  var rootSecurity: DocumentNode?
  var rootValidator: DocumentNode?
  /// Media types of a Swagger document's requests and responses.
  var consumes: [String] = []
  var produces: [String] = []
  var protections: [(kind: DefinitionProtection.Kind, operation: String, pointer: DocumentPointer)] = []

  init(_ document: DefinitionDocument, _ options: DefinitionImportOptions) {
    self.document = document
    self.options = options
    definition = APIDefinition(kind: options.kind, name: "")
  }

  var limits: DefinitionLimits { options.limits }

  var placedProtections: [DefinitionProtection] {
    zip(protections, document.positions(protections.map(\.pointer))).map { protection, position in
      DefinitionProtection(
        kind: protection.kind, operation: protection.operation, file: document.file, pointer: protection.pointer, position: position)
    }
  }

  // MARK: Findings

  mutating func fail(_ node: DocumentNode, _ message: String, suggestion: String? = nil) {
    findings.add(.error, node.pointer, message, suggestion: suggestion)
  }

  mutating func warn(_ node: DocumentNode, _ message: String, suggestion: String? = nil) {
    findings.add(.warning, node.pointer, message, suggestion: suggestion)
  }

  mutating func note(_ node: DocumentNode, _ message: String) { findings.add(.note, node.pointer, message) }

  /// Notes that so many members are looked at.
  ///
  /// - Returns: false once the import has cost too much; the caller gives up.
  mutating func spend(_ count: Int) -> Bool {
    guard work < limits.workMax else { return false }
    work += count + 1
    if work < limits.workMax { return true }
    findings.add(.error, DocumentPointer(), "the references of the document lead to more than \(limits.workMax) values")
    return false
  }

  // MARK: Objects

  /// The members of an object whose names are free, each name once.
  mutating func members(_ node: DocumentNode, _ what: String) -> [(name: String, node: DocumentNode)] {
    guard case .object(let members) = node.value else {
      mismatch(node, what, "an object")
      return []
    }
    guard spend(members.count) else { return [] }
    var seen = Set<String>(minimumCapacity: members.count)
    var result: [(name: String, node: DocumentNode)] = []
    result.reserveCapacity(members.count)
    for member in members {
      let child = DocumentNode(value: member.value, pointer: node.pointer.appending(member.name))
      if seen.insert(member.name).inserted {
        result.append((member.name, child))
      } else {
        fail(child, "\"\(Shown.text(member.name))\" stands twice in \(what)")
      }
    }
    return result
  }

  /// The members of an object whose names are known; every other name becomes a finding.
  ///
  /// - Returns: nil, with a finding, where there is no object.
  mutating func fields(_ node: DocumentNode, _ rules: ObjectRules) -> Fields? {
    guard case .object = node.value else {
      mismatch(node, rules.what, "an object")
      return nil
    }
    var fields: [String: DocumentNode] = [:]
    for (name, child) in members(node, rules.what) {
      if !rules.knows(name) {
        judge(unknown: name, child, rules)
      } else if child.value == .null {
        // YAML writes it where nothing stands after the colon.
        note(child, "\"\(name)\" is null, which is read as if it were not there")
      } else {
        fields[name] = child
      }
    }
    return Fields(node: node, byName: fields)
  }

  struct Fields {
    let node: DocumentNode
    fileprivate let byName: [String: DocumentNode]

    subscript(name: String) -> DocumentNode? { byName[name] }
  }

  /// AWS's own extensions may carry protection, so one that is not known is an error. Elsewhere a name that nearly is a known one was
  /// meant as that; any other is told.
  private mutating func judge(unknown name: String, _ node: DocumentNode, _ rules: ObjectRules) {
    let shown = Shown.text(name)
    if let home = AWSExtension.homes[name] {
      fail(node, "\"\(shown)\" belongs to \(home), not to \(rules.what)")
    } else if name.hasPrefix("x-amazon-apigateway-") {
      fail(node, "\"\(shown)\" is no extension that this gateway knows", suggestion: nearest(name, AWSExtension.names))
    } else if name.hasPrefix("x-") {
      if let near = nearest(name, AWSExtension.names) {
        fail(node, "\"\(shown)\" is no extension that this gateway knows", suggestion: near)
      } else {
        note(node, "\"\(shown)\" is another tool's extension; nothing here reads it")
      }
    } else {
      let near = nearest(name, rules.names)
      if rules.isAWS, near != nil || patience == 0 {
        fail(node, "\"\(shown)\" is no member of \(rules.what)", suggestion: near)
      } else {
        warn(node, "\"\(shown)\" is no member of \(rules.what); it is ignored", suggestion: near)
      }
    }
  }

  // MARK: Values

  mutating func mismatch(_ node: DocumentNode, _ what: String, _ expected: String) {
    fail(node, "\(what) must be \(expected), not \(DefinitionImporter.shown(node.value))")
  }

  /// A value in a message, shortened.
  static func shown(_ value: JSONValue) -> String {
    switch value {
    case .null: "null"
    case .bool(let flag): flag ? "true" : "false"
    case .number(let text): Shown.text(text)
    case .string(let text): "\"\(Shown.text(text))\""
    case .array: "an array"
    case .object: "an object"
    }
  }

  mutating func string(_ node: DocumentNode?, _ what: String) -> String? {
    guard let node else { return nil }
    if let text = node.value.stringValue { return text }
    mismatch(node, what, "a string")
    return nil
  }

  /// A string, or a number as it is written: YAML turns `1.0` into a number where a version is meant.
  mutating func text(_ node: DocumentNode?, _ what: String) -> String? {
    guard let node else { return nil }
    if let text = node.value.stringValue ?? node.value.numberText { return text }
    mismatch(node, what, "a string")
    return nil
  }

  mutating func flag(_ node: DocumentNode?, _ what: String) -> Bool? {
    guard let node else { return nil }
    switch (node.value.boolValue, node.value.stringValue) {
    case (let flag?, _): return flag
    case (nil, "true"): return true
    case (nil, "false"): return false
    default:
      mismatch(node, what, "true or false")
      return nil
    }
  }

  /// A whole number, also as a string, as exports write some.
  mutating func integer(_ node: DocumentNode?, _ what: String, _ range: ClosedRange<Int>) -> Int? {
    guard let node else { return nil }
    guard let text = node.value.numberText ?? node.value.stringValue, let value = Int(text) else {
      mismatch(node, what, "a whole number")
      return nil
    }
    guard range.contains(value) else {
      fail(node, "\(what) is \(range.lowerBound) to \(range.upperBound), not \(value)")
      return nil
    }
    return value
  }

  mutating func elements(_ node: DocumentNode?, _ what: String) -> [DocumentNode] {
    guard let node else { return [] }
    guard case .array(let elements) = node.value else {
      mismatch(node, what, "an array")
      return []
    }
    guard elements.count <= limits.elementsMax else {
      fail(node, "\(what) has \(elements.count) entries; at most \(limits.elementsMax) are read")
      return []
    }
    guard spend(elements.count) else { return [] }
    return elements.enumerated().map { DocumentNode(value: $1, pointer: node.pointer.appending($0)) }
  }

  mutating func strings(_ node: DocumentNode?, _ what: String) -> [String] {
    elements(node, what).compactMap { string($0, "an entry of \(what)") }
  }

  /// One of the words of an enumeration, in any case.
  mutating func word<Word: RawRepresentable & CaseIterable>(_ node: DocumentNode?, _ what: String, as: Word.Type) -> Word?
  where Word.RawValue == String {
    guard let node, let text = string(node, what) else { return nil }
    let words = Word.allCases.map(\.rawValue)
    if let word = Word.allCases.first(where: { $0.rawValue.lowercased() == text.lowercased() }) { return word }
    let near = nearest(text, words) ?? nearest(text.lowercased(), words)
    fail(node, "\(what) is \(words.joined(separator: ", ")), not \"\(Shown.text(text))\"", suggestion: near)
    return nil
  }
}
