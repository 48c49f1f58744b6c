// Owns: what functions at a path's end compute (Jayway JsonPath, README, "Functions").

extension JSONPathReader {
  /// - Returns: nil where the function has no value for what the path finds, as where Jayway throws.
  mutating func compute(_ function: JSONPath.Function, _ path: JSONPath, _ current: Int) throws(JSONPathError) -> Value? {
    let bare = JSONPath(root: path.root, segments: path.segments, function: nil)
    guard let found = try value(of: bare, current: current) else { return nil }
    switch function.name {
    case .min, .max, .avg, .stddev, .sum: return statistic(function.name, try numbers(found, function.arguments, current))
    case .length, .size:
      if let argument = function.arguments.first { return Self.size(try side(argument, current)).map { .integer(Int64($0)) } }
      return Self.size(found).map { .integer(Int64($0)) }
    case .keys: return keys(found)
    case .concat: return try concat(found, function.arguments, current)
    case .append:
      guard var elements = try listed(found) else { return nil }
      for argument in function.arguments { elements.append(try side(argument, current) ?? .null) }
      return .list(ListObject(elements, form: .json))
    case .first: return try listed(found)?.first
    case .last: return try listed(found)?.last
    case .index:
      guard let elements = try listed(found), case .number(let wanted) = function.arguments.first, let index = Int(exactly: wanted) else {
        return nil
      }
      let place = index < 0 ? index + elements.count : index
      return elements.indices.contains(place) ? elements[place] : nil
    }
  }

  private mutating func listed(_ value: Value) throws(JSONPathError) -> [Value]? {
    switch value {
    case .list(let list):
      try count(list.elements.count)
      return list.elements
    case .node(let node) where document.tape[node.index].kind == .array:
      try count(Int(document.tape[node.index].count))
      var result: [Value] = []
      document.forEachElement(of: node.index) { result.append(document.value(at: $0)) }
      return result
    default: return nil
    }
  }

  /// The numbers of an array and of the arguments; others are passed over.
  private mutating func numbers(_ found: Value, _ arguments: [JSONPath.Operand], _ current: Int) throws(JSONPathError) -> [Double] {
    var result: [Double] = []
    if let elements = try listed(found) { result = elements.compactMap(Number.double) }
    for argument in arguments {
      guard let value = try side(argument, current) else { continue }
      if let elements = try listed(value) { result += elements.compactMap(Number.double) }
      if let number = Number.double(value) { result.append(number) }
    }
    return result
  }

  private func statistic(_ name: JSONPath.Function.Name, _ numbers: [Double]) -> Value? {
    guard !numbers.isEmpty else { return nil }
    let sum = numbers.reduce(0, +)
    let mean = sum / Double(numbers.count)
    switch name {
    case .min: return numbers.min().map { .double($0) }
    case .max: return numbers.max().map { .double($0) }
    case .sum: return .double(sum)
    case .avg: return .double(mean)
    case .stddev: return .double((numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(numbers.count)).squareRoot())
    case .length, .size, .keys, .concat, .append, .first, .last, .index: return nil
    }
  }

  private func keys(_ found: Value) -> Value? {
    switch found {
    case .map(let map): return .list(ListObject(map.names.map { .text($0) }, form: .java))
    case .node(let node) where document.tape[node.index].kind == .object:
      var names: [Value] = []
      document.forEachMember(of: node.index) { name, _ in names.append(.text(name)) }
      return .list(ListObject(names, form: .java))
    default: return nil
    }
  }

  private mutating func concat(_ found: Value, _ arguments: [JSONPath.Operand], _ current: Int) throws(JSONPathError) -> Value? {
    var result: [UInt8] = []
    for element in try listed(found) ?? [] {
      if case .text(let text) = element { result.append(contentsOf: text) }
    }
    for argument in arguments {
      guard let value = try side(argument, current) else { continue }
      for element in try listed(value) ?? [value] {
        if case .text(let text) = element { result.append(contentsOf: text) }
      }
      try count(result.count / 64)
    }
    return .text(result[...])
  }
}
