// Owns: `$input.body`, `$context` and its overrides: maps that are made when a template asks for them, and what is left of them afterwards.
import Runtime

extension Renderer {
  /// `$input.body`: the body as it came; an empty one is `{}` (recorded).
  var bodyText: Value { scope.body.isEmpty ? .text("{}" as StaticString) : .text(scope.body) }

  /// The body as JSON, read at the first call.
  func bodyDocument(at offset: Int) throws(RenderFault) -> JSONDocument {
    if let document { return document }
    do {
      let read = try JSONDocument(lenient: scope.body, limits: limits.json)
      document = read
      return read
    } catch {
      throw RenderFault(.unprocessableBody, at: offset, "the body is no JSON: \(error)")
    }
  }

  // MARK: $context

  func contextValue(_ key: ContextKey) -> Value {
    if !contextValues.isEmpty, let value = contextValues[key] { return value }
    let value = Self.value(scope.context(key))
    // A map has to stay the same one, so that what is written to it is found again.
    if case .map = value { contextValues[key] = value }
    return value
  }

  private static func value(_ value: ContextValue) -> Value {
    switch value {
    case .absent: return .null
    case .text(let text): return .text(text)
    case .integer(let number): return .integer(number)
    case .bool(let isTrue): return .bool(isTrue)
    case .members(let members):
      let map = MapObject(order: .hashed, isSilent: true)
      for (name, value) in members { map.put(Array(name.utf8)[...], Self.value(value)) }
      return .map(map)
    }
  }

  var contextMap: MapObject {
    if let contextWrites { return contextWrites }
    let map = MapObject(order: .hashed)
    contextWrites = map
    hold(map)
    return map
  }

  func contextMember(_ name: ArraySlice<UInt8>) -> Value {
    if let written = contextWrites?[name] { return written }
    if name.elementsEqual("requestOverride".utf8) { return .map(requestMap) }
    if name.elementsEqual("responseOverride".utf8) { return .map(responseMap) }
    if let group = ContextGroup(name) {
      let isThere = group.keys.contains { !contextValue($0).isNull }
      return isThere ? .contextGroup(group) : .null
    }
    return ContextKey(root: name).map(contextValue) ?? .null
  }

  /// The names of a map of the service's own, in the order in which it gives them: recorded for `$context`, where it is that of a Java
  /// `HashMap`.
  func names(of value: Value) -> [ArraySlice<UInt8>] {
    switch value {
    case .context:
      var names = ContextKey.roots.filter { !contextValue($0).isNull }.map(\.lastName)
      for group in ContextGroup.allCases where group.keys.contains(where: { !contextValue($0).isNull }) {
        names.append(Array(group.rawValue.utf8)[...])
      }
      names += [Array("requestOverride".utf8)[...], Array("responseOverride".utf8)[...]]
      let known = Set(names)
      for name in contextWrites?.names ?? [] where !known.contains(name) { names.append(name) }
      return JavaHash.sequence(names).map { names[$0] }
    case .contextGroup(let group):
      let names = group.keys.filter { !contextValue($0).isNull }.map(\.lastName)
      return JavaHash.sequence(names).map { names[$0] }
    case .stageVariables: return scope.stageVariableNames
    case .parameters: return ParameterGroup.allCases.map { Array(String(describing: $0).utf8)[...] }
    case .parameterGroup(let group): return scope.parameterNames(in: group)
    case .map(let map): return map.sequence.map { map.names[$0] }
    case .node(let node) where node.kind == .object:
      var names: [ArraySlice<UInt8>] = []
      node.document.forEachMember(of: node.index) { name, _ in names.append(name) }
      return names
    default: return []
    }
  }

  // MARK: Overrides

  private var requestMap: MapObject {
    if let requestOverride { return requestOverride }
    let map = overrideMap(scope.overrides.request, groups: ["header", "path", "querystring"])
    requestOverride = map
    return map
  }

  private var responseMap: MapObject {
    if let responseOverride { return responseOverride }
    let map = overrideMap(scope.overrides.response, groups: ["header"])
    responseOverride = map
    return map
  }

  /// A map with its groups in it, which templates write to without making them first.
  private func overrideMap(_ earlier: JSONValue?, groups: [String]) -> MapObject {
    let map = MapObject(isSilent: true)
    for group in groups {
      let members = MapObject(isSilent: true)
      for member in earlier?[group]?.objectValue ?? [] { members.put(Array(member.name.utf8)[...], Self.value(member.value)) }
      members.watchWrites()
      hold(members)
      map.put(Array(group.utf8)[...], .map(members))
    }
    for member in earlier?.objectValue ?? [] where !groups.contains(member.name) {
      map.put(Array(member.name.utf8)[...], Self.value(member.value))
    }
    map.watchWrites()
    hold(map)
    return map
  }

  private static func value(_ value: JSONValue) -> Value {
    switch value {
    case .null: return .null
    case .bool(let isTrue): return .bool(isTrue)
    case .number(let text):
      let bytes = Array(text.utf8)[...]
      return bytes.allSatisfy { Spelling.isDigit($0) || $0 == UInt8(ascii: "-") } ? Number.integer(bytes) : Number.decimal(bytes)
    case .string(let text): return .text(Array(text.utf8)[...])
    case .array(let elements): return .list(ListObject(elements.map(Self.value)))
    case .object(let members):
      let map = MapObject()
      for member in members { map.put(Array(member.name.utf8)[...], Self.value(member.value)) }
      return .map(map)
    }
  }

  /// What this template and those before it have overridden.
  var overrides: TemplateOverrides {
    if requestOverride == nil && responseOverride == nil { return scope.overrides }
    var overrides = scope.overrides
    if let requestOverride { overrides.request = Self.overridden(requestOverride) }
    if let responseOverride { overrides.response = Self.overridden(responseOverride) }
    return overrides
  }

  /// How many values overrides may hold: what is shared within them is written out each time.
  private static let overrideValuesMax = 20_000

  private static func overridden(_ map: MapObject) -> JSONValue? {
    var members: [JSONMember] = []
    var budget = overrideValuesMax
    for (name, value) in zip(map.names, map.values) {
      if case .map(let group) = value, group.isSilent, group.count == 0 { continue }
      members.append(JSONMember(String(decoding: name, as: UTF8.self), json(value, 0, &budget)))
    }
    return members.isEmpty ? nil : .object(members)
  }

  /// A value as JSON; what goes too deep, is too much, or is no data, as null.
  private static func json(_ value: Value, _ depth: Int, _ budget: inout Int) -> JSONValue {
    budget -= 1
    if depth > 16 || budget < 0 { return .null }
    switch value.current {
    case .bool(let isTrue): return .bool(isTrue)
    case .integer(let number): return JSONValue(number)
    case .double, .number:
      var printer = ValuePrinter(bytesMax: 1 << 10)
      try? printer.append(value)
      return .number(String(decoding: printer.output, as: UTF8.self))
    case .text(let text): return .string(String(decoding: text, as: UTF8.self))
    case .list(let list): return .array(list.elements.prefix(max(budget, 0)).map { json($0, depth + 1, &budget) })
    case .map(let map):
      return .object(zip(map.names, map.values).prefix(max(budget, 0)).map { member($0, $1, depth, &budget) })
    case .node(let node):
      if node.kind == .array {
        var elements: [JSONValue] = []
        node.document.forEachElement(of: node.index) { elements.append(json(node.document.value(at: $0), depth + 1, &budget)) }
        return .array(elements)
      }
      var members: [JSONMember] = []
      node.document.forEachMember(of: node.index) { name, index in
        members.append(member(name, node.document.value(at: index), depth, &budget))
      }
      return .object(members)
    case .null, .entry, .block, .loop, .input, .util, .context, .stageVariables, .parameters, .parameterGroup, .contextGroup: return .null
    }
  }

  private static func member(_ name: ArraySlice<UInt8>, _ value: Value, _ depth: Int, _ budget: inout Int) -> JSONMember {
    JSONMember(String(decoding: name, as: UTF8.self), json(value, depth + 1, &budget))
  }
}
