// Owns: which class a value's methods are looked for in; what every object has; `$input` and `$foreach`.

extension Renderer {
  /// Calls a method of a value.
  /// - Returns: null where its class has no such method, or the method gives null.
  func invoke(_ call: Call, on value: Value) throws(RenderFault) -> Value {
    try count(at: call.offset)
    guard let method = call.method else { return .null }
    if case .input = value { return try invokeInput(method, call) }
    var values: [Value] = []
    values.reserveCapacity(call.arguments.count)
    for argument in call.arguments { values.append(try evaluate(argument)) }
    let arguments = Arguments(values: values, call: call)
    switch method {
    case .toString where arguments.count == 0: return .text(try text(of: value, at: call.offset))
    case .equals where arguments.count == 1: return .bool(try isSame(value, arguments[0]))
    default: break
    }
    switch value {
    case .null: return .null
    case .util: return try invokeUtil(method, arguments)
    case .text(let text): return try invoke(method, onText: text, arguments)
    case .block: return try invoke(method, onText: try text(of: value, at: call.offset), arguments)
    case .integer, .double, .number: return try invoke(method, onNumber: value, arguments)
    case .bool(let isTrue): return try invoke(method, onBool: isTrue, arguments)
    case .list: return try invoke(method, onList: value, arguments)
    case .node(let node) where node.kind == .array: return try invoke(method, onList: value, arguments)
    case .node, .map, .context, .contextGroup, .stageVariables, .parameters, .parameterGroup:
      return try invoke(method, onMap: value, arguments)
    case .entry(let entry):
      switch method {
      case .getKey: return .text(entry.name)
      case .getValue: return entry.value
      default: return .null
      }
    case .loop(let state): return invoke(method, onLoop: state)
    case .input: return .null
    }
  }

  /// `Object.equals`: unlike `==`, never across classes.
  func isSame(_ left: Value, _ right: Value) throws(RenderFault) -> Bool {
    switch (left, right) {
    case (.text, .text), (.bool, .bool), (.integer, .integer), (.double, .double): return try equal(left, right)
    case (.text, _), (_, .text), (.bool, _), (_, .bool), (.integer, _), (_, .integer), (.double, _), (_, .double): return false
    default: return try equal(left, right)
    }
  }

  private func invoke(_ method: Method, onLoop state: LoopState) -> Value {
    switch method {
    case .getIndex: return .integer(Int64(state.index))
    case .getCount: return .integer(Int64(state.index + 1))
    case .hasNext: return .bool(state.index + 1 < state.count)
    case .isFirst, .getFirst: return .bool(state.index == 0)
    case .isLast, .getLast: return .bool(state.index + 1 >= state.count)
    case .getParent: return state.parent.map { .loop($0) } ?? .null
    case .stop:
      state.isStopped = true
      return .null
    default: return .null
    }
  }

  // MARK: $input

  private func invokeInput(_ method: Method, _ call: Call) throws(RenderFault) -> Value {
    switch method {
    case .params: return try parameters(call)
    case .path: return try select(call) ?? .null
    case .json:
      guard let selected = try select(call) else { return .text("\"\"" as StaticString) }
      var printer = ValuePrinter(bytesMax: limits.outputBytesMax)
      do { try printer.appendJSON(selected, slashes: false) } catch { throw fault(error, at: call.offset) }
      try count(printer.output.count / 64, at: call.offset)
      return .text(printer.output[...])
    default: return .null
    }
  }

  /// What a path finds in the body; nil where there is nothing.
  private func select(_ call: Call) throws(RenderFault) -> Value? {
    let document = try bodyDocument(at: call.offset)
    if case .path(let path) = call.prepared { return try select(path, in: document, call) }
    guard let argument = call.arguments.first else { return document.value(at: 0) }
    let text = try text(of: try evaluate(argument), at: call.offset)
    try count(text.count / 8 + 1, at: call.offset)
    do {
      return try select(try JSONPath(text), in: document, call)
    } catch let error as JSONPathError {
      throw RenderFault(.expression, at: call.offset, "'\(error.path)' is no JSONPath: \(error)")
    } catch let error as RenderFault {
      throw error
    } catch {
      return nil
    }
  }

  private func select(_ path: JSONPath, in document: JSONDocument, _ call: Call) throws(RenderFault) -> Value? {
    var reader = JSONPathReader(document: document, steps: steps)
    defer { steps = reader.steps }
    do {
      return try reader.value(of: path, current: 0)
    } catch {
      throw RenderFault(.tooManySteps, at: call.offset, "the path leads to too many values")
    }
  }

  /// `$input.params()`, and `$input.params(name)`, which looks at path, query string and header in this order (developer guide, "`$input`
  /// variables").
  private func parameters(_ call: Call) throws(RenderFault) -> Value {
    guard let argument = call.arguments.first else { return .parameters }
    let name = try text(of: try evaluate(argument), at: call.offset)
    for group in ParameterGroup.allCases {
      if let value = scope.parameter(name, in: group) { return .text(value) }
    }
    return .null
  }
}
