// Owns: the methods of `java.util.Map`, for maps of templates, objects of JSON bodies and the service's own.

extension Renderer {
  func invoke(_ method: Method, onMap value: Value, _ arguments: Arguments) throws(RenderFault) -> Value {
    switch method {
    case .get: return arguments.count == 1 ? member(try name(arguments), of: value) : .null
    case .getOrDefault:
      let found = member(try name(arguments), of: value)
      return found.isNull ? arguments[1] : found
    case .containsKey: return .bool(try contains(try name(arguments), in: value, arguments))
    case .size, .count: return .integer(Int64(size(of: value)))
    case .isEmpty: return .bool(size(of: value) == 0)
    case .keySet:
      let names = names(of: value)
      try count(names.count, at: arguments.offset)
      return .list(ListObject(names.map { .text($0) }))
    case .values: return .list(holding(try elements(of: value, at: arguments.offset)))
    case .entrySet:
      let names = names(of: value)
      try count(names.count, at: arguments.offset)
      return .list(holding(names.map { .entry(EntryObject($0, member($0, of: value))) }))
    case .containsValue:
      for element in try elements(of: value, at: arguments.offset) {
        if try isSame(element.current, arguments[0].current) { return .bool(true) }
      }
      return .bool(false)
    case .put: return try put(try name(arguments), arguments[1], into: value, at: arguments.offset)
    case .putIfAbsent:
      let name = try name(arguments)
      let found = member(name, of: value)
      return found.isNull ? try put(name, arguments[1], into: value, at: arguments.offset) : found
    case .putAll:
      let other = arguments[0].current
      for name in names(of: other) { try put(name, member(name, of: other), into: value, at: arguments.offset) }
      return .null
    case .remove:
      guard let map = mutableMap(value) else { return .null }
      try count(map.count / 4, at: arguments.offset)
      return map.remove(try name(arguments)) ?? .null
    case .clear:
      mutableMap(value)?.removeAll()
      return .null
    default: return .null
    }
  }

  private func holding(_ elements: [Value]) -> ListObject {
    let list = ListObject(elements)
    if elements.contains(where: \.isContainer) { hold(list) }
    return list
  }

  private func name(_ arguments: Arguments) throws(RenderFault) -> ArraySlice<UInt8> {
    try text(of: arguments[0], at: arguments.offset)
  }

  private func contains(_ name: ArraySlice<UInt8>, in value: Value, _ arguments: Arguments) throws(RenderFault) -> Bool {
    switch value {
    case .map(let map): return map[name] != nil
    case .node(let node): return node.document.member(name, of: node.index) != nil
    default: return !member(name, of: value).isNull
    }
  }

  private func size(of value: Value) -> Int {
    switch value {
    case .map(let map): map.count
    case .node(let node): node.document.memberCount(of: node.index)
    default: names(of: value).count
    }
  }
}
