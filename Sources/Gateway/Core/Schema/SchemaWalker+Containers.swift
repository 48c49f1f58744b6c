// Owns: the fast check of arrays and objects.
import Runtime

extension SchemaWalker {
  mutating func checkArray(_ rule: SchemaRule, _ elements: [JSONValue], _ marks: EvaluatedMarks?) -> Bool {
    switch rule {
    case .minItems(let size): return elements.count >= size
    case .maxItems(let size): return elements.count <= size
    case .uniqueItems: return areUnique(elements)
    case .items(let table): return checkItems(schema.program.items[Int(table)], elements, marks)
    case .contains(let table): return checkContains(schema.program.contains[Int(table)], elements, marks)
    case .unevaluatedItems(let node):
      guard let marks else { return true }
      for place in elements.indices where !marks[place] {
        if !check(node, elements[place], nil) { return false }
      }
      marks.markAll()
      return true
    default: return true
    }
  }

  private mutating func checkItems(_ items: SchemaItems, _ elements: [JSONValue], _ marks: EvaluatedMarks?) -> Bool {
    let listed = min(Int(items.count), elements.count)
    for place in 0..<listed {
      if !check(schema.program.lists[Int(items.list) + place], elements[place], nil) { return false }
      marks?.mark(place)
    }
    if items.rest >= 0 {
      for place in listed..<elements.count where !check(items.rest, elements[place], nil) { return false }
      marks?.markAll()
    }
    return true
  }

  private mutating func checkContains(_ contains: SchemaContains, _ elements: [JSONValue], _ marks: EvaluatedMarks?) -> Bool {
    let marks = contains.evaluates ? marks : nil
    var found = 0
    if contains.min == 0, contains.max == Int.max, marks == nil { return true }
    for place in elements.indices where check(contains.node, elements[place], nil) {
      found += 1
      marks?.mark(place)
      if found > contains.max { return false }
      if found >= contains.min, contains.max == Int.max, marks == nil { return true }
    }
    return found >= contains.min
  }

  /// By hash, in time that is linear in the array's whole size.
  private mutating func areUnique(_ elements: [JSONValue]) -> Bool {
    guard elements.count > 1 else { return true }
    if elements.count <= 8, let unique = Self.areUniqueTexts(elements) { return unique }
    var seen: Set<JSONIdentity> = []
    seen.reserveCapacity(elements.count)
    for element in elements {
      let identity = JSONIdentity(element, budget: &steps)
      if isSpent { return false }
      if !seen.insert(identity).inserted { return false }
    }
    return true
  }

  /// The common short list of texts, without a heap; nil for any other.
  private static func areUniqueTexts(_ elements: [JSONValue]) -> Bool? {
    for place in elements.indices {
      guard case .string(let text) = elements[place] else { return nil }
      for other in 0..<place {
        if case .string(let earlier) = elements[other], earlier.utf8.count == text.utf8.count, earlier.utf8.elementsEqual(text.utf8) {
          return false
        }
      }
    }
    return true
  }

  mutating func checkObject(
    _ rule: SchemaRule, _ value: JSONValue, _ members: [JSONMember], _ marks: EvaluatedMarks?
  ) -> Bool {
    // Each of the rules goes over the names.
    spend(members.count / 4)
    switch rule {
    case .minProperties(let size): return members.count >= size && (size <= 1 || Self.distinct(members) >= size)
    case .maxProperties(let size): return members.count <= size || Self.distinct(members) <= size
    case .required(let table, let isCovered): return isCovered || hasAll(Int(table), members)
    case .members(let table): return checkMembers(Int(table), members, marks)
    case .propertyNames(let node):
      for member in members where !check(node, .string(member.name), nil) { return false }
      return true
    case .dependencies(let table): return checkDependencies(Int(table), value, members, marks)
    case .unevaluatedProperties(let node):
      guard let marks else { return true }
      for place in members.indices where !marks[place] {
        if !check(node, members[place].value, nil) { return false }
      }
      marks.markAll()
      return true
    default: return true
    }
  }

  /// How many names there are.
  static func distinct(_ members: [JSONMember]) -> Int {
    var seen: Set<ExactText> = []
    for member in members { seen.insert(ExactText(member.name)) }
    return seen.count
  }

  private mutating func checkMembers(_ table: Int, _ members: [JSONMember], _ marks: EvaluatedMarks?) -> Bool {
    let rest = schema.program.members[table].rest
    var seen = RequiredSeen(count: schema.program.members[table].requiredCount)
    for place in members.indices {
      let name = schema.program.members[table].names.index(of: members[place].name)
      var isKnown = false
      if name >= 0 {
        seen.note(schema.program.members[table].requiredPlaces[name])
        let node = schema.program.members[table].nodes[name]
        if node >= 0 {
          isKnown = true
          if !check(node, members[place].value, nil) { return false }
        }
      }
      for entry in schema.program.members[table].patterns where matches(entry.pattern, members[place].name) {
        isKnown = true
        if !check(entry.node, members[place].value, nil) { return false }
      }
      if !isKnown, rest >= 0 {
        isKnown = true
        if !check(rest, members[place].value, nil) { return false }
      }
      if isKnown { marks?.mark(place) }
    }
    return seen.isComplete
  }

  /// Whether all names of a list are there.
  private mutating func hasAll(_ table: Int, _ members: [JSONMember]) -> Bool {
    spend(members.count / 4)
    var seen = RequiredSeen(count: schema.program.required[table].names.count)
    for place in members.indices {
      seen.note(Int32(schema.program.required[table].table.index(of: members[place].name)))
    }
    return seen.isComplete
  }

  private mutating func checkDependencies(
    _ table: Int, _ value: JSONValue, _ members: [JSONMember], _ marks: EvaluatedMarks?
  ) -> Bool {
    for member in members {
      let name = schema.program.dependencies[table].table.index(of: member.name)
      if name < 0 { continue }
      for dependency in schema.program.dependencies[table].dependencies[name] {
        spend(1)
        if dependency.required >= 0, !hasAll(Int(dependency.required), members) { return false }
        if dependency.node >= 0, !check(dependency.node, value, marks) { return false }
        if isSpent { return false }
      }
    }
    return true
  }
}

/// Which of the names that an object must have were seen; without a heap where there are at most 64.
struct RequiredSeen {
  private var few: UInt64 = 0
  private var many: [Bool]
  private var missing: Int

  init(count: Int) {
    missing = count
    many = count > 64 ? Array(repeating: false, count: count) : []
  }

  var isComplete: Bool { missing == 0 }

  /// - Parameter place: less than 0: a name that nobody requires.
  mutating func note(_ place: Int32) {
    guard place >= 0 else { return }
    if many.isEmpty {
      let bit = UInt64(1) << UInt64(truncatingIfNeeded: place)
      if few & bit == 0 { missing -= 1 }
      few |= bit
    } else if many.indices.contains(Int(place)), !many[Int(place)] {
      many[Int(place)] = true
      missing -= 1
    }
  }
}
