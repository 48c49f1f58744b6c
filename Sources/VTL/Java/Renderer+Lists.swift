// Owns: the methods of `java.util.List`, and of the sets and arrays that templates get from other methods.

extension Renderer {
  /// A list's elements, to go through them.
  func elements(of value: Value, at offset: Int) throws(RenderFault) -> [Value] {
    switch value {
    case .list(let list):
      try count(list.elements.count, at: offset)
      return list.elements
    case .node(let node) where node.kind == .array:
      try count(Int(node.document.tape[node.index].count), at: offset)
      var result: [Value] = []
      node.document.forEachElement(of: node.index) { result.append(node.document.value(at: $0)) }
      return result
    case .map, .node, .context, .contextGroup, .stageVariables, .parameters, .parameterGroup:
      let names = names(of: value)
      try count(names.count, at: offset)
      return names.map { member($0, of: value) }
    default: return []
    }
  }

  func invoke(_ method: Method, onList value: Value, _ arguments: Arguments) throws(RenderFault) -> Value {
    switch method {
    case .size, .count, .length: return .integer(Int64(Self.elementCount(value) ?? 0))
    case .isEmpty: return .bool(Self.elementCount(value) == 0)
    case .get: return arguments.count == 1 ? try element(arguments[0], of: value, at: arguments.offset) : .null
    case .toArray, .iterator: return value
    case .contains: return .bool(try index(of: arguments[0], in: value, arguments) != nil)
    case .indexOf: return .integer(Int64(try index(of: arguments[0], in: value, arguments) ?? -1))
    case .lastIndexOf: return .integer(Int64(try lastIndex(of: arguments[0], in: value, arguments)))
    case .containsAll:
      for wanted in try elements(of: arguments[0].current, at: arguments.offset) {
        if try index(of: wanted, in: value, arguments) == nil { return .bool(false) }
      }
      return .bool(true)
    case .subList: return try subList(value, arguments)
    case .add, .addAll, .clear, .remove, .removeAll, .retainAll, .set, .reverse:
      guard let list = mutableList(value) else { return .null }
      return try change(list, method, arguments)
    default: return .null
    }
  }

  private func index(of wanted: Value, in list: Value, _ arguments: Arguments) throws(RenderFault) -> Int? {
    for (index, element) in try elements(of: list, at: arguments.offset).enumerated() {
      if try isSame(element.current, wanted.current) { return index }
    }
    return nil
  }

  private func lastIndex(of wanted: Value, in list: Value, _ arguments: Arguments) throws(RenderFault) -> Int {
    for (index, element) in try elements(of: list, at: arguments.offset).enumerated().reversed() {
      if try isSame(element.current, wanted.current) { return index }
    }
    return -1
  }

  private func subList(_ value: Value, _ arguments: Arguments) throws(RenderFault) -> Value {
    let all = try elements(of: value, at: arguments.offset)
    guard let from = Self.place(arguments[0]), let to = Self.place(arguments[1]) else { return .null }
    guard from >= 0, from <= to, to <= all.count else {
      throw arguments.fault("the list has \(all.count) elements, and no part from \(from) to \(to)")
    }
    var form = ListObject.Form.java
    if case .list(let list) = value { form = list.form } else { form = .json }
    let part = ListObject(Array(all[from..<to]), form: form)
    if part.elements.contains(where: \.isContainer) { hold(part) }
    return .list(part)
  }

  private func change(_ list: ListObject, _ method: Method, _ arguments: Arguments) throws(RenderFault) -> Value {
    switch method {
    case .add where arguments.count == 1:
      if arguments[0].isContainer { hold(list) }
      list.elements.append(arguments[0])
      return .bool(true)
    case .add:
      let place = try self.place(arguments, in: 0...list.elements.count)
      if arguments[1].isContainer { hold(list) }
      try count(list.elements.count / 16, at: arguments.offset)
      list.elements.insert(arguments[1], at: place)
      return .null
    case .addAll:
      let added = try elements(of: arguments[0].current, at: arguments.offset)
      if added.contains(where: \.isContainer) { hold(list) }
      list.elements.append(contentsOf: added)
      return .bool(!added.isEmpty)
    case .clear:
      list.elements.removeAll()
      return .null
    case .set:
      let place = try self.place(arguments, in: 0...max(list.elements.count - 1, 0))
      guard place < list.elements.count else { throw arguments.fault("the list is empty") }
      let old = list.elements[place]
      try set(arguments[0], arguments[1], in: .list(list), at: arguments.offset)
      return old
    case .reverse:
      try count(list.elements.count, at: arguments.offset)
      list.elements.reverse()
      return .null
    case .remove: return try remove(from: list, arguments)
    case .removeAll, .retainAll:
      let others = arguments[0].current
      var kept: [Value] = []
      for element in list.elements where try (index(of: element, in: others, arguments) != nil) == (method == .retainAll) {
        kept.append(element)
      }
      defer { list.elements = kept }
      return .bool(kept.count != list.elements.count)
    default: return .null
    }
  }

  private func place(_ arguments: Arguments, in range: ClosedRange<Int>) throws(RenderFault) -> Int {
    guard let place = Self.place(arguments[0]), range.contains(place) else {
      throw arguments.fault("the place has to be from \(range.lowerBound) to \(range.upperBound)")
    }
    return place
  }

  /// `remove(int)` takes a place, `remove(Object)` a value.
  private func remove(from list: ListObject, _ arguments: Arguments) throws(RenderFault) -> Value {
    try count(list.elements.count / 16, at: arguments.offset)
    if case .integer = arguments[0] {
      guard !list.elements.isEmpty else { throw arguments.fault("the list is empty") }
      return list.elements.remove(at: try place(arguments, in: 0...list.elements.count - 1))
    }
    guard let index = try index(of: arguments[0], in: .list(list), arguments) else { return .bool(false) }
    list.elements.remove(at: index)
    return .bool(true)
  }
}
