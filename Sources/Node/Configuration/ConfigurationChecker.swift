// Owns the judgement of one document against ConfigurationTable: it collects every fault and yields typed values.
// Leaves rules between keys to ConfigurationRules and knows no key by name.
import Runtime

struct ConfigurationChecker {
  let file: String
  let environment: [String: String]
  /// Whether files that the document names are looked at.
  let checkFiles: Bool
  private(set) var faults: [ConfigurationFault] = []
  private(set) var warnings: [ConfigurationFault] = []
  /// Reported once more than there is room for; nothing is checked any further.
  private var isFull = false

  init(file: String, environment: [String: String], checkFiles: Bool) {
    self.file = file
    self.environment = environment
    self.checkFiles = checkFiles
  }

  mutating func fault(_ mark: YAMLMark, _ path: String, _ reason: String, suggestion: String? = nil) {
    guard !isFull else { return }
    guard faults.count < ConfigurationResult.faultsMax else {
      isFull = true
      faults.append(made(.none, "", "has more than \(ConfigurationResult.faultsMax) faults; the others are not shown", nil))
      return
    }
    faults.append(made(mark, path, reason, suggestion))
  }

  mutating func warn(_ mark: YAMLMark, _ path: String, _ reason: String) {
    guard warnings.count < ConfigurationResult.faultsMax else { return }
    warnings.append(made(mark, path, reason, nil))
  }

  private func made(_ mark: YAMLMark, _ path: String, _ reason: String, _ suggestion: String?) -> ConfigurationFault {
    ConfigurationFault(file: file, line: mark.line, column: mark.column, path: path, reason: reason, suggestion: suggestion)
  }

  /// Judges `node` by `shape`.
  ///
  /// - Parameter given: false while a default of the table is read; such a value stands at the mapping that lacks it.
  mutating func check(_ node: YAMLNode, _ shape: Shape, at path: String, given: Bool = true) -> CheckedValue {
    let content: CheckedValue.Content
    switch shape {
    case .section(let table): content = section(node, table, path, given)
    case .list(let item, let atLeast): content = list(node, item, atLeast, path, given)
    case .map(let form, let item): content = map(node, form, item, path, given)
    case .either(let short, let table):
      if case .mapping = node.content { content = section(node, table, path, given) } else { content = scalar(node, short, path) }
    case .text, .choice, .integer, .number, .flag, .duration, .size: content = scalar(node, shape, path)
    }
    return CheckedValue(content: content, mark: node.mark, path: path, given: given)
  }

  // MARK: Collections

  private mutating func section(_ node: YAMLNode, _ table: SectionTable, _ path: String, _ given: Bool) -> CheckedValue.Content {
    guard let pairs = pairs(node, path) else { return .faulty }
    var section = ConfigurationSection(table: table, mark: node.mark, path: path, values: [:])
    var isRefused = false
    for (key, pair) in pairs where !isFull {
      let place = Self.join(path, key)
      guard let entry = table.key(key) else {
        unknownKey(key, pair.key.mark, place, table)
        continue
      }
      if case .refused = entry.status {
        fault(pair.key.mark, place, "is not in this build of Tidegate; remove it")
        isRefused = true
        continue
      }
      if case .notYet = entry.status { warn(pair.key.mark, place, "not in effect yet") }
      section.values[key] = check(pair.value, entry.shape, at: place, given: given)
    }
    for entry in table.keys where section.values[entry.name] == nil && !isFull {
      if let fallback = entry.fallback {
        section.values[entry.name] = check(
          fallbackNode(fallback, at: node.mark), entry.shape, at: Self.join(path, entry.name), given: false)
      } else if entry.required, !isRefused, !pairs.contains(where: { $0.key == entry.name }) {
        fault(node.mark, Self.join(path, entry.name), "is required: \(entry.doc)")
      }
    }
    return .section(section)
  }

  private mutating func unknownKey(_ key: String, _ mark: YAMLMark, _ place: String, _ table: SectionTable) {
    if key == "<<" {
      fault(mark, place, "merge keys are not supported; repeat the keys, or give an anchor to the whole mapping")
    } else if table.keys.isEmpty {
      fault(mark, place, "unknown key; nothing is known here")
    } else {
      let names = table.keys.map(\.name)
      let near = NearMiss.nearest(to: key, among: names)
      fault(mark, place, near == nil ? "unknown key; known here: \(names.joined(separator: ", "))" : "unknown key", suggestion: near)
    }
  }

  private mutating func list(_ node: YAMLNode, _ item: Shape, _ atLeast: Int, _ path: String, _ given: Bool) -> CheckedValue.Content {
    guard case .sequence(let nodes) = node.content else {
      fault(node.mark, path, "a list is expected, and this is \(Self.kind(node))")
      return .faulty
    }
    if nodes.count < atLeast { fault(node.mark, path, "at least \(atLeast == 1 ? "one entry" : "\(atLeast) entries") must stand here") }
    var values: [CheckedValue] = []
    for (index, node) in nodes.enumerated() where !isFull { values.append(check(node, item, at: "\(path)[\(index)]", given: given)) }
    return .list(values)
  }

  private mutating func map(_ node: YAMLNode, _ form: TextForm, _ item: Shape, _ path: String, _ given: Bool) -> CheckedValue.Content {
    guard let pairs = pairs(node, path) else { return .faulty }
    var members: [CheckedValue.Member] = []
    for (key, pair) in pairs where !isFull {
      let place = Self.join(path, key)
      if let refusal = form.refusal(of: key) { fault(pair.key.mark, place, refusal.reason) }
      members.append(.init(key: key, mark: pair.key.mark, value: check(pair.value, item, at: place, given: given)))
    }
    return .map(members)
  }

  /// The pairs of a mapping whose keys are texts, each key once; the others are reported.
  private mutating func pairs(_ node: YAMLNode, _ path: String) -> [(key: String, pair: YAMLNode.Pair)]? {
    guard case .mapping(let all) = node.content else {
      fault(node.mark, path, "a mapping is expected, and this is \(Self.kind(node))")
      return nil
    }
    var seen: [String: Int] = [:]
    var result: [(key: String, pair: YAMLNode.Pair)] = []
    for pair in all where !isFull {
      guard case .scalar(let key, _) = pair.key.content else {
        fault(pair.key.mark, path, "a key must be plain text, and this is \(Self.kind(pair.key))")
        continue
      }
      if let line = seen[key] {
        fault(pair.key.mark, Self.join(path, key), "is given twice; line \(line) has it already")
        continue
      }
      seen[key] = pair.key.mark.line
      result.append((key, pair))
    }
    return result
  }

  // MARK: Scalars

  private mutating func scalar(_ node: YAMLNode, _ shape: Shape, _ path: String) -> CheckedValue.Content {
    guard case .scalar(let raw, let plain) = node.content else {
      fault(node.mark, path, "\(Self.expectation(shape)) is expected, and this is \(Self.kind(node))")
      return .faulty
    }
    if plain, raw.isEmpty || raw == "~" || raw == "null" {
      fault(node.mark, path, "has no value; \(Self.expectation(shape)) is expected")
      return .faulty
    }
    switch Interpolation.expand(raw, environment: environment) {
    case .fault(let reason):
      fault(node.mark, path, reason)
      return .faulty
    case .text(let text):
      do throws(Quantities.Refusal) { return try parse(text, shape, node.mark, path) } catch {
        fault(node.mark, path, error.reason)
        return .faulty
      }
    }
  }

  private mutating func parse(
    _ text: String, _ shape: Shape, _ mark: YAMLMark, _ path: String
  ) throws(Quantities.Refusal) -> CheckedValue.Content {
    switch shape {
    case .integer(let range): return .integer(try Quantities.integer(text, in: range))
    case .number(let range): return .number(try Quantities.number(text, in: range))
    case .duration(let zero):
      let duration = try Quantities.duration(text)
      if zero == nil, duration == .zero { throw .init("must be longer than 0") }
      return .duration(duration)
    case .size(let zero):
      let bytes = try Quantities.size(text)
      if zero == nil, bytes == 0 { throw .init("must be larger than 0") }
      return .size(bytes)
    case .flag:
      guard text == "true" || text == "false" else { throw .init("`true` or `false` is expected") }
      return .flag(text == "true")
    case .choice(let words, let refused): return try choice(text, words, refused, mark, path)
    case .text(let form): return try formed(text, form, mark, path)
    case .list, .map, .section, .either: preconditionFailure("a shape of collections reached the scalars: \(shape)")
    }
  }

  private mutating func choice(
    _ text: String, _ words: [String], _ refused: [String], _ mark: YAMLMark, _ path: String
  ) throws(Quantities.Refusal) -> CheckedValue.Content {
    if words.contains(text) { return .text(text) }
    if refused.contains(text) { throw .init("`\(text)` is not in this build of Tidegate; use \(Self.listed(words))") }
    fault(
      mark, path, "`\(Shown.text(text))` is not known; use \(Self.listed(words))",
      suggestion: NearMiss.nearest(to: text, among: words))
    return .faulty
  }

  private mutating func formed(
    _ text: String, _ form: TextForm, _ mark: YAMLMark, _ path: String
  ) throws(Quantities.Refusal) -> CheckedValue.Content {
    if let refusal = form.refusal(of: text) {
      let near = form == .retryCondition ? NearMiss.nearest(to: text, among: TextForm.retryConditions) : nil
      fault(mark, path, refusal.reason, suggestion: near)
      return .faulty
    }
    guard let kind = NamedFile.Kind(form), !(form == .accessLog && text == "off") else { return .text(text) }
    let resolved = NamedFile.resolve(text, besides: file)
    if checkFiles, let reason = NamedFile.refusal(of: resolved, kind) { throw .init(reason) }
    return .text(resolved)
  }

  // MARK: Words

  static func join(_ path: String, _ key: String) -> String { path.isEmpty ? Shown.step(key) : "\(path).\(Shown.step(key))" }

  static func listed(_ words: [String]) -> String {
    let quoted = words.map { "`\($0)`" }
    guard let last = quoted.last, quoted.count > 1 else { return quoted.first ?? "" }
    return quoted.dropLast().joined(separator: ", ") + " or " + last
  }

  private static func kind(_ node: YAMLNode) -> String {
    switch node.content {
    case .scalar(let text, let plain): plain && text.isEmpty ? "empty" : "a single value"
    case .sequence: "a list"
    case .mapping: "a mapping"
    }
  }

  private static func expectation(_ shape: Shape) -> String {
    switch shape {
    case .text: "a text"
    case .choice(let words, _): listed(words)
    case .integer: "a whole number"
    case .number: "a number"
    case .flag: "`true` or `false`"
    case .duration: "a duration such as `5s`"
    case .size: "a size such as `64KiB`"
    case .list: "a list"
    case .map, .section: "a mapping"
    case .either(let short, _): expectation(short)
    }
  }

  /// A default of the table as a node that stands where the key is missing.
  private func fallbackNode(_ text: String, at mark: YAMLMark) -> YAMLNode {
    if text == "{}" { return YAMLNode(content: .mapping([]), mark: mark, expandedCount: 1) }
    if !text.utf8.contains(where: "[{\"'#:".utf8.contains) {
      return YAMLNode(content: .scalar(text, plain: false), mark: mark, expandedCount: 1)
    }
    guard let node = try? YAMLTree.compose(text.utf8) else { preconditionFailure("a default of the table is no YAML: \(text)") }
    return Self.moved(node, to: mark)
  }

  private static func moved(_ node: YAMLNode, to mark: YAMLMark) -> YAMLNode {
    let content: YAMLNode.Content =
      switch node.content {
      case .scalar: node.content
      case .sequence(let items): .sequence(items.map { moved($0, to: mark) })
      case .mapping(let pairs): .mapping(pairs.map { .init(key: moved($0.key, to: mark), value: moved($0.value, to: mark)) })
      }
    return YAMLNode(content: content, mark: mark, expandedCount: node.expandedCount)
  }
}
