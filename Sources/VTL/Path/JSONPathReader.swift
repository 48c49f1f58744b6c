// Owns: the way of a path through a document, by tape indices, within a number of steps. What filters compare is JSONPathReader+Filter's,
// what functions compute JSONPathReader+Functions'.

struct JSONPathReader {
  let document: JSONDocument
  var steps: Int

  mutating func count(_ values: Int = 1) throws(JSONPathError) {
    steps -= values
    if steps < 0 { throw .tooManySteps }
  }

  /// What a path gives: one value if it is definite, else a list of all it finds; nil where a definite path leads nowhere.
  mutating func value(of path: JSONPath, current: Int) throws(JSONPathError) -> Value? {
    if let function = path.function { return try compute(function, path, current) }
    if path.isDefinite {
      if case .names(let names) = path.segments.last?.choice { return try members(names, path, current) }
      return try definite(path, path.segments[...], current).map { document.value(at: $0) }
    }
    let found = try nodes(path, current)
    return .list(ListObject(found.map { document.value(at: $0) }, form: .json))
  }

  /// The node that a definite path leads to.
  mutating func definite(_ path: JSONPath, _ segments: ArraySlice<JSONPath.Segment>, _ current: Int) throws(JSONPathError) -> Int? {
    var node = path.root == .current ? current : 0
    for segment in segments {
      try count()
      switch segment.choice {
      case .name(let name):
        guard document.tape[node].kind == .object, let next = document.member(name, of: node) else { return nil }
        node = next
      case .index(let index):
        guard let next = element(index, of: node) else { return nil }
        node = next
      case .names, .indices, .slice, .all, .filter: return nil
      }
    }
    return node
  }

  /// The object of several members, at the end of a definite path.
  private mutating func members(_ names: [ArraySlice<UInt8>], _ path: JSONPath, _ current: Int) throws(JSONPathError) -> Value? {
    guard let node = try definite(path, path.segments.dropLast(), current), document.tape[node].kind == .object else { return nil }
    let map = MapObject()
    for name in names {
      if let member = document.member(name, of: node) { map.put(name, document.value(at: member)) }
    }
    return .map(map)
  }

  /// All nodes that a path finds, in Jayway's order.
  mutating func nodes(_ path: JSONPath, _ current: Int) throws(JSONPathError) -> [Int] {
    var found = [path.root == .current ? current : 0]
    for segment in path.segments {
      var next: [Int] = []
      for node in found {
        if segment.descends {
          try descend(segment.choice, node, &next)
        } else {
          try choose(segment.choice, node, &next)
        }
      }
      found = next
    }
    return found
  }

  private func element(_ index: Int, of node: Int) -> Int? {
    guard document.tape[node].kind == .array else { return nil }
    return document.element(index < 0 ? index + Int(document.tape[node].count) : index, of: node)
  }

  /// Applies one segment to one node.
  private mutating func choose(_ choice: JSONPath.Segment.Choice, _ node: Int, _ found: inout [Int]) throws(JSONPathError) {
    try count()
    let kind = document.tape[node].kind
    switch choice {
    case .name(let name):
      if kind == .object, let member = document.member(name, of: node) { found.append(member) }
    case .names(let names):
      guard kind == .object else { return }
      for name in names {
        if let member = document.member(name, of: node) { found.append(member) }
      }
    case .index(let index):
      if let element = element(index, of: node) { found.append(element) }
    case .indices(let indices):
      for index in indices {
        if let element = element(index, of: node) { found.append(element) }
      }
    case .slice(let from, let to): try slice(from, to, node, &found)
    case .all: try children(node, &found)
    case .filter(let predicate):
      if kind == .array {
        var elements: [Int] = []
        try children(node, &elements)
        for element in elements where try holds(predicate, element) { found.append(element) }
      } else if kind == .object, try holds(predicate, node) {
        found.append(node)
      }
    }
  }

  private mutating func slice(_ from: Int?, _ to: Int?, _ node: Int, _ found: inout [Int]) throws(JSONPathError) {
    guard document.tape[node].kind == .array else { return }
    let size = Int(document.tape[node].count)
    func place(_ index: Int) -> Int { min(max(index < 0 ? index + size : index, 0), size) }
    let range = (from.map(place) ?? 0, to.map(place) ?? size)
    guard range.0 < range.1 else { return }
    try count(range.1 - range.0)
    for index in range.0..<range.1 {
      if let element = document.element(index, of: node) { found.append(element) }
    }
  }

  private mutating func children(_ node: Int, _ found: inout [Int]) throws(JSONPathError) {
    switch document.tape[node].kind {
    case .array:
      try count(Int(document.tape[node].count))
      document.forEachElement(of: node) { found.append($0) }
    case .object:
      try count(Int(document.tape[node].count))
      document.forEachMember(of: node) { _, value in found.append(value) }
    case .null, .no, .yes, .integer, .decimal, .text, .name: break
    }
  }

  /// Applies a segment to a node and to all containers below it, each before what it contains. The tape holds them in that order.
  private mutating func descend(_ choice: JSONPath.Segment.Choice, _ node: Int, _ found: inout [Int]) throws(JSONPathError) {
    var cursor = node
    let end = Int(document.tape[node].next)
    while cursor < end {
      try count()
      let kind = document.tape[cursor].kind
      if kind == .array || kind == .object {
        if case .filter(let predicate) = choice {
          try descend(predicate, cursor, kind, &found)
        } else {
          try choose(choice, cursor, &found)
        }
      }
      cursor += 1
    }
  }

  /// A filter behind `..` asks each object, and the elements of each array that are no containers themselves.
  private mutating func descend(
    _ predicate: JSONPath.Predicate, _ node: Int, _ kind: JSONTapeNode.Kind, _ found: inout [Int]
  ) throws(JSONPathError) {
    if kind == .object {
      if try holds(predicate, node) { found.append(node) }
      return
    }
    var elements: [Int] = []
    try children(node, &elements)
    for element in elements {
      let kind = document.tape[element].kind
      if kind != .object, kind != .array, try holds(predicate, element) { found.append(element) }
    }
  }
}
