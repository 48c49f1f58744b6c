// Owns: what references are worth: step by step from a variable, as Velocity's introspection goes from a Java object to its properties,
// elements and methods; and how they are written to.

extension Renderer {
  func render(_ reference: Reference) throws(RenderFault) -> Flow {
    try count(at: reference.offset)
    if reference.backslashes > 0 { return try renderEscaped(reference) }
    return try render(try value(of: reference), reference)
  }

  private func render(_ value: Value, _ reference: Reference) throws(RenderFault) -> Flow {
    switch value {
    case .block(let block):
      // A #break inside ends a loop inside.
      return try render(block, at: reference.offset) == .stop ? .stop : .next
    case .null:
      // With Velocity's own rules alone: the service's have no null here.
      if !reference.isQuiet { try write(reference.literal, at: reference.offset) }
    default:
      do { try printer.append(value) } catch { throw fault(error, at: reference.offset) }
    }
    return .next
  }

  /// Two backslashes stand for one; one that is left makes the reference print as it is written, if it has a value (Velocity 1.7,
  /// `ASTReference.render`).
  private func renderEscaped(_ reference: Reference) throws(RenderFault) -> Flow {
    let value = try value(of: reference)
    let prefix = Array(repeating: UInt8(ascii: "\\"), count: reference.backslashes / 2)
    try write(prefix[...], at: reference.offset)
    if reference.backslashes % 2 == 0 {
      if value.isNull { try write(prefix[...], at: reference.offset) }
      return try render(value, reference)
    }
    if value.isNull { try write([UInt8(ascii: "\\")], at: reference.offset) }
    try write(reference.literal, at: reference.offset)
    return .next
  }

  func write(_ text: ArraySlice<UInt8>, at offset: Int) throws(RenderFault) {
    do { try printer.append(text) } catch { throw fault(error, at: offset) }
  }

  // MARK: Reading

  /// A reference's value. Where there is none the service puts an empty text, wherever the reference stands: recorded for printing, for
  /// `== $null` and `== ""`, which both hold; it is what an `InvalidReferenceEventHandler` of Velocity 1.7 that returns "" does.
  func value(of reference: Reference) throws(RenderFault) -> Value {
    let found = try foundValue(of: reference)
    if !found.isNull { return found }
    if let alternate = reference.alternate { return try evaluate(alternate) }
    return template.dialect == .apiGateway ? .empty : .null
  }

  private func foundValue(of reference: Reference) throws(RenderFault) -> Value {
    var value = value(of: reference.variable)
    var position = 0
    if let (key, taken) = reference.contextKey, contextWrites == nil, case .context = value {
      value = contextValue(key)
      position = taken
    }
    while position < reference.steps.count {
      switch value {
      case .null: return .null
      case .node(let node):
        let next = try descend(node, reference, &position)
        if let next {
          value = next
          continue
        }
      default: break
      }
      value = try take(reference.steps[position], from: value, at: reference.offset)
      position += 1
    }
    return value.current
  }

  /// Takes the steps that lead through a document nobody has written to, without making values of what lies on the way.
  /// - Returns: the value they lead to; nil, with no step taken, if the next one is of another kind.
  private func descend(_ node: JSONDocument.Node, _ reference: Reference, _ position: inout Int) throws(RenderFault) -> Value? {
    let document = node.document
    guard document.changed.isEmpty else { return nil }
    let start = position
    var index = node.index
    while position < reference.steps.count {
      let next: Int?
      switch reference.steps[position] {
      case .property(let name):
        guard document.tape[index].kind == .object else { return position == start ? nil : document.value(at: index) }
        next = document.member(name, of: index)
      case .index(.integer(let place)):
        guard document.tape[index].kind == .array, place >= 0, let found = document.element(Int(place), of: index) else {
          return position == start ? nil : document.value(at: index)
        }
        next = found
      case .index, .call: return position == start ? nil : document.value(at: index)
      }
      position += 1
      guard let next else { return .null }
      index = next
    }
    return document.value(at: index)
  }

  private func take(_ step: Step, from value: Value, at offset: Int) throws(RenderFault) -> Value {
    switch step {
    case .property(let name): return try property(name, of: value.current, at: offset)
    case .index(let expression): return try element(try evaluate(expression), of: value.current, at: offset)
    case .call(let call): return try invoke(call, on: value.current)
    }
  }

  /// `object.name`: a getter, a map's member, `isName()`.
  private func property(_ name: ArraySlice<UInt8>, of value: Value, at offset: Int) throws(RenderFault) -> Value {
    switch value {
    case .node(let node):
      guard node.kind == .object else { return name.elementsEqual("empty".utf8) ? .bool(node.document.tape[node.index].count == 0) : .null }
      return node.document.member(name, of: node.index).map { node.document.value(at: $0) } ?? .null
    case .map, .context, .stageVariables, .parameters, .parameterGroup, .contextGroup: return member(name, of: value)
    case .input: return name.elementsEqual("body".utf8) ? bodyText : .null
    case .entry(let entry):
      if name.elementsEqual("key".utf8) { return .text(entry.name) }
      return name.elementsEqual("value".utf8) ? entry.value : .null
    case .loop(let state): return Self.property(name, of: state)
    case .list(let list):
      if name.elementsEqual("empty".utf8) { return .bool(list.elements.isEmpty) }
      return name.elementsEqual("length".utf8) && list.form == .java ? .integer(Int64(list.elements.count)) : .null
    case .text(let text): return name.elementsEqual("empty".utf8) ? .bool(text.isEmpty) : .null
    case .block(let block):
      guard name.elementsEqual("empty".utf8) else { return .null }
      return .bool(try text(of: .block(block), at: offset).isEmpty)
    case .null, .bool, .integer, .double, .number, .util: return .null
    }
  }

  private static func property(_ name: ArraySlice<UInt8>, of state: LoopState) -> Value {
    switch String(decoding: name, as: UTF8.self) {
    case "index": return .integer(Int64(state.index))
    case "count": return .integer(Int64(state.index + 1))
    case "hasNext": return .bool(state.index + 1 < state.count)
    case "first": return .bool(state.index == 0)
    case "last": return .bool(state.index + 1 >= state.count)
    case "parent": return state.parent.map { .loop($0) } ?? .null
    case "topmost":
      var top = state
      while let parent = top.parent { top = parent }
      return .loop(top)
    default: return .null
    }
  }

  /// `map.get(name)`.
  func member(_ name: ArraySlice<UInt8>, of value: Value) -> Value {
    switch value {
    case .node(let node):
      guard node.kind == .object else { return .null }
      return node.document.member(name, of: node.index).map { node.document.value(at: $0) } ?? .null
    case .map(let map): return map[name] ?? .null
    case .context: return contextMember(name)
    case .contextGroup(let group): return ContextKey(name, in: group).map(contextValue) ?? .null
    case .stageVariables: return scope.stageVariable(name).map { .text($0) } ?? .null
    case .parameters:
      return ParameterGroup.allCases.first { String(describing: $0).utf8.elementsEqual(name) }.map { .parameterGroup($0) } ?? .null
    case .parameterGroup(let group): return scope.parameter(name, in: group).map { .text($0) } ?? .null
    default: return .null
    }
  }

  /// `object[index]`: `get(index)` (Velocity 1.7, `ASTIndex`); a negative place counts from a list's end.
  func element(_ index: Value, of value: Value, at offset: Int) throws(RenderFault) -> Value {
    if let count = Self.elementCount(value) {
      guard let place = Self.place(index) else { return .null }
      let wanted = place < 0 ? place + count : place
      guard wanted >= 0, wanted < count else {
        throw RenderFault(.method, at: offset, "the list has \(count) elements, and none at \(place)")
      }
      return Self.element(wanted, of: value)
    }
    return member(try text(of: index, at: offset), of: value)
  }

  static func place(_ value: Value) -> Int? {
    switch value {
    case .integer(let number): Int(exactly: number)
    case .double(let number): Int(exactly: number.rounded(.towardZero))
    default: nil
    }
  }

  /// nil for what is no list.
  static func elementCount(_ value: Value) -> Int? {
    switch value {
    case .list(let list): list.elements.count
    case .node(let node) where node.kind == .array: Int(node.document.tape[node.index].count)
    default: nil
    }
  }

  static func element(_ place: Int, of value: Value) -> Value {
    switch value {
    case .list(let list): list.elements[place]
    case .node(let node): node.document.element(place, of: node.index).map { node.document.value(at: $0) } ?? .null
    default: .null
    }
  }

  // MARK: Writing

  func assign(_ target: Reference, _ value: Value) throws(RenderFault) {
    // Velocity 1.7 leaves the variable as it was where the right side is null (`directive.set.null.allowed`), such as after a division
    // by zero.
    if value.isNull && template.dialect == .apiGateway { return }
    guard let last = target.steps.last else { return store(value, in: target.variable) }
    var holder = self.value(of: target.variable).current
    for step in target.steps.dropLast() {
      if holder.isNull { return }
      holder = try take(step, from: holder, at: target.offset).current
    }
    switch last {
    case .property(let name): try put(name, value, into: holder, at: target.offset)
    case .index(let expression):
      let index = try evaluate(expression)
      if Self.elementCount(holder) != nil {
        try set(index, value, in: holder, at: target.offset)
      } else {
        try put(try text(of: index, at: target.offset), value, into: holder, at: target.offset)
      }
    case .call: break
    }
  }

  /// `map.put(name, value)`.
  @discardableResult
  func put(_ name: ArraySlice<UInt8>, _ value: Value, into holder: Value, at offset: Int) throws(RenderFault) -> Value {
    if case .context = holder {
      contextMap.put(name, value)
      return .null
    }
    guard let map = mutableMap(holder) else { return .null }
    try count(at: offset)
    if map.isRewritten(name) {
      let name = String(decoding: name, as: UTF8.self)
      throw RenderFault(.overriddenTwice, at: offset, "'\(name)' is overridden a second time; set a variable, and override once at the end")
    }
    if value.isContainer { hold(map) }
    return map.put(name, value) ?? .null
  }

  func set(_ index: Value, _ value: Value, in holder: Value, at offset: Int) throws(RenderFault) {
    guard let list = mutableList(holder), let place = Self.place(index) else { return }
    let wanted = place < 0 ? place + list.elements.count : place
    guard list.elements.indices.contains(wanted) else {
      throw RenderFault(.method, at: offset, "the list has \(list.elements.count) elements, and none at \(place)")
    }
    if value.isContainer { hold(list) }
    list.elements[wanted] = value
  }

  /// The map behind a value, so that it can be written to; a document's object becomes one.
  func mutableMap(_ value: Value) -> MapObject? {
    switch value.current {
    case .map(let map): return map
    case .node(let node) where node.kind == .object:
      let map = MapObject()
      node.document.forEachMember(of: node.index) { name, index in map.put(name, node.document.value(at: index)) }
      steps -= map.count
      node.document.changed[node.index] = .map(map)
      hold(node.document)
      return map
    default: return nil
    }
  }

  func mutableList(_ value: Value) -> ListObject? {
    switch value.current {
    case .list(let list): return list
    case .node(let node) where node.kind == .array:
      var elements: [Value] = []
      node.document.forEachElement(of: node.index) { elements.append(node.document.value(at: $0)) }
      steps -= elements.count
      let list = ListObject(elements, form: .json)
      node.document.changed[node.index] = .list(list)
      hold(node.document)
      return list
    default: return nil
    }
  }
}
