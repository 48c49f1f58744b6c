// Owns: keywords about a value by itself: its type, which values there are, numbers, strings, and sizes of arrays and objects.
import Runtime

extension SchemaCompiler {
  mutating func compileValues(_ schema: SchemaKeywords, into node: inout PendingNode) throws(SchemaError) {
    if let value = schema["type"] { node.types = try types(value, schema) }
    if let value = schema["enum"] {
      guard case .array(let values) = value else { throw index.fault(schema.place("enum"), "\"enum\" must be an array") }
      node.rules.append(.values(set: add(values, text: value)))
    }
    if schema.draft >= .draft6, let value = schema["const"] { node.rules.append(.values(set: add([value], text: .array([value])))) }
    if let value = schema["multipleOf"] {
      let number = try number(value, schema, "multipleOf")
      guard number.value > .zero else { throw index.fault(schema.place("multipleOf"), "\"multipleOf\" must be more than 0") }
      guard number.value.digits.isEmpty else {
        throw index.fault(schema.place("multipleOf"), "\"multipleOf\" has more than \(JSONDecimal.digitsInline) significant digits")
      }
      node.rules.append(.multipleOf(number: add(number)))
    }
    try compileBounds(schema, into: &node)
    if let value = schema["pattern"] {
      guard case .string(let text) = value else { throw index.fault(schema.place("pattern"), "\"pattern\" must be a string") }
      node.rules.append(.pattern(try pattern(text, at: schema.place("pattern"))))
    }
  }

  private func types(_ value: JSONValue, _ schema: SchemaKeywords) throws(SchemaError) -> SchemaTypes {
    let names: [JSONValue]
    if case .array(let list) = value { names = list } else { names = [value] }
    var types: SchemaTypes = []
    for name in names {
      guard let text = name.stringValue else {
        throw index.fault(schema.place("type"), "\"type\" must be a type's name or an array of them")
      }
      switch text {
      case "array": types.insert(SchemaTypes(.array))
      case "boolean": types.insert(SchemaTypes(.boolean))
      case "integer": types.insert(.integer)
      case "null": types.insert(SchemaTypes(.null))
      case "number": types.insert(SchemaTypes(.number))
      case "object": types.insert(SchemaTypes(.object))
      case "string": types.insert(SchemaTypes(.string))
      default:
        throw index.fault(
          schema.place("type"), "'\(text)' is no type; there are array, boolean, integer, null, number, object and string")
      }
    }
    if types.isEmpty { throw index.fault(schema.place("type"), "\"type\" must name a type") }
    return types
  }

  /// `minimum`, `maximum` and their exclusive forms: a flag beside them in draft 4 (validation §5.1.2), bounds of their own later.
  private mutating func compileBounds(_ schema: SchemaKeywords, into node: inout PendingNode) throws(SchemaError) {
    for (keyword, exclusive) in [("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")] {
      var isExclusive = false
      if schema.draft == .draft4, let flag = schema[exclusive] {
        guard case .bool(let value) = flag else {
          throw index.fault(schema.place(exclusive), "\"\(exclusive)\" must be true or false in draft 4")
        }
        guard schema[keyword] != nil else { throw index.fault(schema.place(exclusive), "\"\(exclusive)\" needs \"\(keyword)\" in draft 4") }
        isExclusive = value
      }
      if let value = schema[keyword] { node.rules.append(bound(keyword, add(try number(value, schema, keyword)), isExclusive)) }
      if schema.draft > .draft4, let value = schema[exclusive] {
        node.rules.append(bound(keyword, add(try number(value, schema, exclusive)), true))
      }
    }
  }

  private func bound(_ keyword: String, _ number: Int32, _ isExclusive: Bool) -> SchemaRule {
    keyword == "minimum" ? .minimum(number: number, isExclusive: isExclusive) : .maximum(number: number, isExclusive: isExclusive)
  }

  mutating func compileSizes(_ schema: SchemaKeywords, into node: inout PendingNode) throws(SchemaError) {
    if let size = try size("minLength", schema), size > 0 { node.rules.append(.minLength(size)) }
    if let size = try size("maxLength", schema) { node.rules.append(.maxLength(size)) }
    if let size = try size("minItems", schema), size > 0 { node.rules.append(.minItems(size)) }
    if let size = try size("maxItems", schema) { node.rules.append(.maxItems(size)) }
    if let size = try size("minProperties", schema), size > 0 { node.rules.append(.minProperties(size)) }
    if let size = try size("maxProperties", schema) { node.rules.append(.maxProperties(size)) }
    if let value = schema["uniqueItems"] {
      guard case .bool(let isUnique) = value else {
        throw index.fault(schema.place("uniqueItems"), "\"uniqueItems\" must be true or false")
      }
      if isUnique { node.rules.append(.uniqueItems) }
    }
    if let value = schema["required"] {
      let names = try self.names(value, schema.place("required"), "\"required\"")
      if !names.isEmpty { node.rules.append(.required(table: add(required: names), isCovered: false)) }
    }
  }

  mutating func compileFormat(_ schema: SchemaKeywords, into node: inout PendingNode) throws(SchemaError) {
    guard let value = schema["format"] else { return }
    guard case .string(let name) = value else { throw index.fault(schema.place("format"), "\"format\" must be a string") }
    guard options.assertsFormats || schema.dialect.assertsFormat else { return }
    if let format = SchemaFormat(name, draft: schema.draft) {
      node.rules.append(.format(format))
    } else {
      node.rules.append(.unknownFormat(name: Int32(program.names.count)))
      program.names.append(name)
    }
  }

  private func number(_ value: JSONValue, _ schema: SchemaKeywords, _ keyword: String) throws(SchemaError) -> SchemaNumber {
    guard case .number(let text) = value else { throw index.fault(schema.place(keyword), "\"\(keyword)\" must be a number") }
    return SchemaNumber(value: JSONDecimal(text), text: text)
  }

  private mutating func add(_ number: SchemaNumber) -> Int32 {
    program.numbers.append(number)
    return Int32(program.numbers.count - 1)
  }

  private mutating func add(_ values: [JSONValue], text: JSONValue) -> Int32 {
    program.valueSets.append(JSONValueSet(values))
    program.valueTexts.append(SchemaReport.text(of: text, limit: options.limits.messageBytesMax))
    return Int32(program.valueSets.count - 1)
  }

  mutating func add(required names: [String]) -> Int32 {
    program.required.append(SchemaRequired(table: NameTable(names), names: names))
    return Int32(program.required.count - 1)
  }

  /// A whole number that is not negative; what is beyond any size counts as the largest Int.
  func size(_ keyword: String, _ schema: SchemaKeywords) throws(SchemaError) -> Int? {
    guard let value = schema[keyword] else { return nil }
    guard case .number(let text) = value else { throw index.fault(schema.place(keyword), "\"\(keyword)\" must be a number") }
    let decimal = JSONDecimal(text)
    guard decimal.isWhole, !decimal.isNegative else {
      throw index.fault(schema.place(keyword), "\"\(keyword)\" must be a whole number, 0 or more")
    }
    return decimal.intValue ?? Int.max
  }

  /// An array of strings, each once.
  func names(_ value: JSONValue, _ place: SchemaLocation, _ what: String) throws(SchemaError) -> [String] {
    guard case .array(let elements) = value else { throw index.fault(place, "\(what) must be an array of names") }
    var names: [String] = []
    var seen: Set<ExactText> = []
    for element in elements {
      guard case .string(let name) = element else { throw index.fault(place, "\(what) must be an array of names") }
      if seen.insert(ExactText(name)).inserted { names.append(name) }
    }
    return names
  }
}

extension JSONDecimal {
  /// The value where it is a whole number, not negative, that fits.
  var intValue: Int? {
    guard !isNegative, digits.isEmpty, exponent >= 0 else { return nil }
    if isZero { return 0 }
    guard exponent <= Self.digitsInline, var value = Int(exactly: coefficient) else { return nil }
    for _ in 0..<exponent {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      if overflow { return nil }
      value = product
    }
    return value
  }
}
