// Owns the meaning of YAML scalars and keys as JSON values (YAML 1.2 section 10.3, the core schema), and the way back from a JSON pointer
// to a mark.
import Gateway
import Runtime

enum YAMLValue {
  /// A tree as a JSON value. A number keeps its text; one that JSON cannot write, such as `0x1F` or an account of leading zeros, is text.
  ///
  /// - Throws: a fault at a key that is no scalar. Keys that stand twice are kept: who reads the document says what that means.
  static func json(_ node: YAMLNode) throws(YAMLFault) -> JSONValue {
    switch node.content {
    case .scalar(let text, let plain): return plain ? scalar(text) : .string(text)
    case .sequence(let items):
      var elements: [JSONValue] = []
      elements.reserveCapacity(items.count)
      for item in items { elements.append(try json(item)) }
      return .array(elements)
    case .mapping(let pairs):
      var members: [JSONMember] = []
      members.reserveCapacity(pairs.count)
      for pair in pairs { members.append(JSONMember(try key(pair.key), try json(pair.value))) }
      return .object(members)
    }
  }

  private static func key(_ node: YAMLNode) throws(YAMLFault) -> String {
    guard case .scalar(let text, let plain) = node.content else {
      throw YAMLFault(mark: node.mark, reason: "a key is a single word or text, not a list or a mapping")
    }
    // A type of YAML 1.1 that 1.2 does not have; what it merges would have no place of its own.
    if plain, text == "<<" { throw YAMLFault(mark: node.mark, reason: "merge keys (<<) are not read; write the members out") }
    return text
  }

  private static func scalar(_ text: String) -> JSONValue {
    switch text {
    case "", "~", "null", "Null", "NULL": return .null
    case "true", "True", "TRUE": return .bool(true)
    case "false", "False", "FALSE": return .bool(false)
    default: return isNumber(text) ? .number(text) : .string(text)
    }
  }

  /// Whether a text is a number in JSON as in YAML.
  private static func isNumber(_ text: String) -> Bool {
    guard let first = text.utf8.first, first == UInt8(ascii: "-") || Characters.isDigit(first) else { return false }
    guard text.utf8.count <= 400, case .number? = try? JSONValue.parse(text) else { return false }
    return true
  }

  /// Where the values at pointers begin; a member is told by its key, since a value may be on lines of its own.
  static func positions(of pointers: [DocumentPointer], in root: YAMLNode) -> [DocumentPosition?] {
    var indices: [DocumentPointer: [String: Int]] = [:]
    return pointers.map { position(of: $0, in: root, &indices) }
  }

  /// - Parameter indices: the keys of mappings that were looked at before, so that a large one is searched once.
  private static func position(
    of pointer: DocumentPointer, in root: YAMLNode, _ indices: inout [DocumentPointer: [String: Int]]
  ) -> DocumentPosition? {
    var node = root
    var mark = root.mark
    var way = DocumentPointer()
    for token in pointer.tokens {
      switch node.content {
      case .scalar: return nil
      case .sequence(let items):
        guard let index = Int(token), items.indices.contains(index) else { return nil }
        node = items[index]
        mark = node.mark
      case .mapping(let pairs):
        let known = indices[way] ?? keys(pairs)
        indices[way] = known
        guard let index = known[token] else { return nil }
        node = pairs[index].value
        mark = pairs[index].key.mark
      }
      way.tokens.append(token)
    }
    return DocumentPosition(line: mark.line, column: mark.column)
  }

  /// Of keys that stand twice the last, as a JSON object has it.
  private static func keys(_ pairs: [YAMLNode.Pair]) -> [String: Int] {
    var keys: [String: Int] = [:]
    for (index, pair) in pairs.enumerated() {
      if case .scalar(let text, _) = pair.key.content { keys[text] = index }
    }
    return keys
  }
}
