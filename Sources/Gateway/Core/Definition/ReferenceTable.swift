// Owns the following of references within a document, without searching a large object twice.
import Runtime

/// Finds values by pointer and keeps the names of the objects that it went through.
struct ReferenceTable {
  private var indices: [DocumentPointer: [String: Int]] = [:]

  /// The value at a pointer, or nil.
  mutating func value(at pointer: DocumentPointer, in root: JSONValue) -> JSONValue? {
    var value = root
    var way = DocumentPointer()
    for token in pointer.tokens {
      switch value {
      case .object(let members):
        guard let index = index(of: token, in: members, at: way) else { return nil }
        value = members[index].value
      case .array(let elements):
        // RFC 6901 section 4: no sign, no leading zero.
        guard let index = Int(token), String(index) == token, elements.indices.contains(index) else { return nil }
        value = elements[index]
      case .null, .bool, .number, .string: return nil
      }
      way.tokens.append(token)
    }
    return value
  }

  private mutating func index(of name: String, in members: [JSONMember], at way: DocumentPointer) -> Int? {
    if members.count <= 8 { return members.lastIndex { $0.name == name } }
    if let known = indices[way] { return known[name] }
    let fresh = Dictionary(members.enumerated().map { ($1.name, $0) }) { $1 }
    indices[way] = fresh
    return fresh[name]
  }
}

extension DefinitionImporter {
  /// The value itself, or what it refers to, followed to its end.
  ///
  /// - Returns: nil, with a finding, where a reference leads nowhere.
  mutating func resolved(_ node: DocumentNode, _ what: String) -> DocumentNode? {
    var current = node
    var passed: Set<DocumentPointer> = []
    while let reference = current.value.objectValue?.first(where: { $0.name == "$ref" })?.value {
      let place = DocumentNode(value: reference, pointer: current.pointer.appending("$ref"))
      guard let text = string(place, "$ref") else { return nil }
      guard let pointer = target(text, place) else { return nil }
      guard passed.insert(pointer).inserted, pointer != node.pointer else {
        fail(place, "the reference \"\(Shown.text(text))\" leads back to itself")
        return nil
      }
      guard passed.count <= limits.referenceChainMax, spend(pointer.tokens.count) else {
        fail(place, "more than \(limits.referenceChainMax) references follow each other here")
        return nil
      }
      guard let value = references.value(at: pointer, in: document.root) else {
        fail(place, "\"\(Shown.text(text))\" leads nowhere: the document has no such \(what)", suggestion: near(pointer))
        return nil
      }
      current = DocumentNode(value: value, pointer: pointer)
    }
    return current
  }

  /// The place that a reference names, with a finding where it names none in this document.
  mutating func target(_ text: String, _ place: DocumentNode) -> DocumentPointer? {
    guard text.hasPrefix("#") else {
      fail(place, "\"\(Shown.text(text))\" is outside of the document; only references that begin with # are followed")
      return nil
    }
    guard let pointer = DocumentPointer(fragment: text) else {
      fail(place, "\"\(Shown.text(text))\" is no JSON pointer; it has the form #/components/schemas/Name")
      return nil
    }
    return pointer
  }

  /// The reference that was meant, if the last step alone is wrong.
  mutating func near(_ pointer: DocumentPointer) -> String? {
    guard let last = pointer.tokens.last else { return nil }
    let above = DocumentPointer(pointer.tokens.dropLast())
    guard let members = references.value(at: above, in: document.root)?.objectValue else { return nil }
    guard let name = nearest(last, members.prefix(NearMiss.candidatesMax).map(\.name)) else { return nil }
    return above.appending(name).fragment
  }
}
