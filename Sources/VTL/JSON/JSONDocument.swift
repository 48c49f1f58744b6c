// Owns: a JSON body as a tape of nodes over its own bytes, so that a path reads what it needs and nothing else is built. Who reads the
// text is JSONTapeParser, who finds things in it JSONPath, who writes it out JSONText.

/// One value of a document, or the name of a member: where it stands in the text, and where what follows it stands on the tape.
struct JSONTapeNode: BitwiseCopyable {
  enum Kind: UInt8 {
    case null, no, yes, integer, decimal, text, name, array, object
  }

  var kind: Kind
  /// Of a text or a name: its bytes need decoding. Of an object: a name occurs twice.
  var isMarked: Bool
  /// The bytes of the value: without quotes where it is text.
  var start: UInt32
  var end: UInt32
  /// The tape's index behind this value and all it contains.
  var next: UInt32
  /// Elements, or members.
  var count: UInt32
}

/// What a JSON text says, read once. Belongs to one thread: tables that speed up look-ups are made when they pay.
public final class JSONDocument {
  /// A value within a document.
  struct Node {
    let document: JSONDocument
    let index: Int

    var kind: JSONTapeNode.Kind { document.tape[index].kind }

    /// What a template has made of it by writing to it.
    var changed: Value? { document.changed.isEmpty ? nil : document.changed[index] }
  }

  let bytes: [UInt8]
  let tape: [JSONTapeNode]
  /// What a template has made of containers by writing to them, by tape index.
  var changed: [Int: Value] = [:]
  private var elementTables: [Int: [UInt32]] = [:]
  private var memberTables: [Int: [ArraySlice<UInt8>: UInt32]] = [:]
  private var lookUps = 0

  init(bytes: [UInt8], tape: [JSONTapeNode]) {
    self.bytes = bytes
    self.tape = tape
  }

  /// Containers above this size get a table at their second look-up.
  private static let plainMax = 24

  /// Reads a JSON text as leniently as API Gateway's own parser does: names and values may lack their quotes or stand in single ones,
  /// and a text that begins like no JSON value is a string as a whole.
  ///
  /// - Parameter bytes: the text; an empty one counts as `{}`, as the service has it for an empty body.
  /// - Throws: the first fault, for a text that begins as an object, array or quoted string and goes on as something else.
  public convenience init(
    lenient bytes: some Collection<UInt8>, limits: JSONDocumentLimits = JSONDocumentLimits()
  ) throws(JSONDocumentError) {
    let bytes = Array(bytes)
    let result = bytes.withUnsafeBufferPointer { view -> Result<[JSONTapeNode], JSONDocumentError> in
      Result { () throws(JSONDocumentError) in
        var parser = JSONTapeParser(view, limits: limits)
        try parser.parse()
        return parser.tape
      }
    }
    self.init(bytes: bytes, tape: try result.get())
  }

  var root: Node { Node(document: self, index: 0) }

  /// The tape index of a member's value; nil if the object has no such name. Of two members of one name the last counts, as in the map
  /// that the service makes of it.
  func member(_ name: ArraySlice<UInt8>, of object: Int) -> Int? {
    let node = tape[object]
    if node.count > Self.plainMax {
      if let table = memberTables[object] { return table[name].map { Int($0) } }
      lookUps += 1
      if lookUps > 1 { return memberTable(of: object)[name].map { Int($0) } }
    }
    var found: Int?
    var cursor = object + 1
    let end = Int(node.next)
    while cursor < end {
      let value = cursor + 1
      if isName(cursor, name) {
        if !node.isMarked { return value }
        found = value
      }
      cursor = Int(tape[value].next)
    }
    return found
  }

  private func memberTable(of object: Int) -> [ArraySlice<UInt8>: UInt32] {
    var table: [ArraySlice<UInt8>: UInt32] = [:]
    table.reserveCapacity(Int(tape[object].count))
    forEachMember(of: object) { name, value in table[name] = UInt32(value) }
    memberTables[object] = table
    return table
  }

  private func isName(_ index: Int, _ name: ArraySlice<UInt8>) -> Bool {
    let node = tape[index]
    if node.isMarked { return text(at: index) == name }
    guard Int(node.end - node.start) == name.count else { return false }
    var here = Int(node.start)
    for byte in name {
      if bytes[here] != byte { return false }
      here += 1
    }
    return true
  }

  /// The tape index of an element; nil outside of the array.
  func element(_ position: Int, of array: Int) -> Int? {
    let node = tape[array]
    guard position >= 0, position < Int(node.count) else { return nil }
    if Int(node.count) > Self.plainMax {
      if let table = elementTables[array] { return Int(table[position]) }
      lookUps += 1
      if lookUps > 1 {
        var table: [UInt32] = []
        table.reserveCapacity(Int(node.count))
        forEachElement(of: array) { table.append(UInt32($0)) }
        elementTables[array] = table
        return Int(table[position])
      }
    }
    var cursor = array + 1
    for _ in 0..<position { cursor = Int(tape[cursor].next) }
    return cursor
  }

  func forEachElement<Failure: Error>(of array: Int, _ body: (Int) throws(Failure) -> Void) throws(Failure) {
    var cursor = array + 1
    let end = Int(tape[array].next)
    while cursor < end {
      try body(cursor)
      cursor = Int(tape[cursor].next)
    }
  }

  /// Calls with each name and the tape index of its value, in the text's order. A name that occurs twice stands where it came first and
  /// has the value that came last, as in a Java `LinkedHashMap`.
  func forEachMember<Failure: Error>(
    of object: Int, _ body: (ArraySlice<UInt8>, Int) throws(Failure) -> Void
  ) throws(Failure) {
    var cursor = object + 1
    let end = Int(tape[object].next)
    guard tape[object].isMarked else {
      while cursor < end {
        try body(text(at: cursor), cursor + 1)
        cursor = Int(tape[cursor + 1].next)
      }
      return
    }
    var last: [ArraySlice<UInt8>: Int] = [:]
    var order: [ArraySlice<UInt8>] = []
    while cursor < end {
      let name = text(at: cursor)
      if last.updateValue(cursor + 1, forKey: name) == nil { order.append(name) }
      cursor = Int(tape[cursor + 1].next)
    }
    for name in order {
      if let value = last[name] { try body(name, value) }
    }
  }

  /// Members that a reader can tell apart.
  func memberCount(of object: Int) -> Int {
    guard tape[object].isMarked else { return Int(tape[object].count) }
    return (memberTables[object] ?? memberTable(of: object)).count
  }

  /// The characters of a text or a name.
  func text(at index: Int) -> ArraySlice<UInt8> {
    let node = tape[index]
    let raw = bytes[Int(node.start)..<Int(node.end)]
    return node.isMarked ? JSONEscapes.decoded(raw)[...] : raw
  }

  /// The value at a tape index: a scalar as itself, a container as a view into this document.
  func value(at index: Int) -> Value {
    let node = tape[index]
    switch node.kind {
    case .null: return .null
    case .no: return .bool(false)
    case .yes: return .bool(true)
    case .integer: return Number.integer(bytes[Int(node.start)..<Int(node.end)])
    case .decimal: return Number.decimal(bytes[Int(node.start)..<Int(node.end)])
    case .text, .name: return .text(text(at: index))
    case .array, .object:
      if !changed.isEmpty, let value = changed[index] { return value }
      return .node(Node(document: self, index: index))
    }
  }
}
