// Owns: when two values are equal: `Object.equals` between values of one class, numbers by size, everything else by its text (Velocity 1.7,
// `ASTEQNode`).

enum ValueEquality {
  /// - Parameter steps: how many values may be looked at.
  /// - Returns: nil if that is not enough.
  static func equal(_ left: Value, _ right: Value, steps: inout Int, depth: Int = 0) -> Bool? {
    let (left, right) = (left.current, right.current)
    steps -= 1
    if steps < 0 || depth > 160 { return nil }
    switch (left, right) {
    case (.null, .null): return true
    case (.null, _), (_, .null): return false
    case (.text(let a), .text(let b)):
      steps -= min(a.count, b.count) / 64
      return a == b
    case (.bool(let a), .bool(let b)): return a == b
    case (.integer(let a), .integer(let b)): return a == b
    default: break
    }
    if left.isNumber && right.isNumber { return Number.compare(left, right) == 0 }
    if let a = elements(left), let b = elements(right) {
      steps -= a.count + b.count
      guard a.count == b.count else { return false }
      for (x, y) in zip(a, b) {
        guard let isEqual = equal(x, y, steps: &steps, depth: depth + 1) else { return nil }
        if !isEqual { return false }
      }
      return true
    }
    if let a = members(left), let b = members(right) {
      steps -= a.count + b.count
      guard a.count == b.count else { return false }
      for (name, x) in zip(a.names, a.values) {
        guard let y = b[name] else { return false }
        guard let isEqual = equal(x, y, steps: &steps, depth: depth + 1) else { return nil }
        if !isEqual { return false }
      }
      return true
    }
    var a = ValuePrinter(bytesMax: max(steps, 0))
    var b = ValuePrinter(bytesMax: max(steps, 0))
    guard (try? a.append(left)) != nil, (try? b.append(right)) != nil else { return nil }
    steps -= (a.output.count + b.output.count) / 64
    return a.output == b.output
  }

  private static func elements(_ value: Value) -> [Value]? {
    switch value {
    case .list(let list): return list.elements
    case .node(let node) where node.kind == .array:
      var result: [Value] = []
      node.document.forEachElement(of: node.index) { result.append(node.document.value(at: $0)) }
      return result
    default: return nil
    }
  }

  private static func members(_ value: Value) -> MapObject? {
    switch value {
    case .map(let map): return map
    case .node(let node) where node.kind == .object:
      let map = MapObject()
      node.document.forEachMember(of: node.index) { name, index in map.put(name, node.document.value(at: index)) }
      return map
    default: return nil
    }
  }
}
