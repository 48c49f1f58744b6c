// Owns: how values become text: maps as `java.util.AbstractMap` prints them, `{a=b, c=d}`, lists of a JSON body as JSON, other lists as
// `java.util.AbstractCollection` prints them, `[a, b]`; and everything as JSON for `$input.json`.

/// Why printing was given up.
enum PrintFault: Error {
  case tooMuch, tooDeep
}

struct ValuePrinter {
  var output: [UInt8] = []
  let bytesMax: Int
  private var depth = 0

  /// Containers inside each other, by which a list that contains itself ends.
  private static let depthMax = 160

  init(bytesMax: Int) { self.bytesMax = bytesMax }

  @inline(__always)
  mutating func append(_ text: ArraySlice<UInt8>) throws(PrintFault) {
    if output.count + text.count > bytesMax { throw .tooMuch }
    output.append(contentsOf: text)
  }

  private mutating func append(_ byte: UInt8) throws(PrintFault) {
    if output.count >= bytesMax { throw .tooMuch }
    output.append(byte)
  }

  private mutating func nested(_ body: (inout ValuePrinter) throws(PrintFault) -> Void) throws(PrintFault) {
    if depth >= Self.depthMax { throw .tooDeep }
    depth += 1
    try body(&self)
    depth -= 1
    // Scalars are short; what grows is counted here.
    if output.count > bytesMax { throw .tooMuch }
  }

  // MARK: Scalars

  mutating func append(_ value: Int64) {
    if value < 0 { output.append(UInt8(ascii: "-")) }
    var rest = value.magnitude
    let start = output.count
    repeat {
      output.append(UInt8(ascii: "0") + UInt8(rest % 10))
      rest /= 10
    } while rest > 0
    output[start...].reverse()
  }

  private mutating func append(_ value: Bool) { output.append(contentsOf: (value ? "true" : "false").utf8) }

  // MARK: Java

  /// Appends `value.toString()`; nothing for null.
  mutating func append(_ value: Value) throws(PrintFault) {
    switch value {
    case .null, .input, .util, .context, .stageVariables, .contextGroup, .block, .loop: break
    case .bool(let isTrue): append(isTrue)
    case .integer(let number): append(number)
    case .double(let number): Number.append(number, to: &output)
    case .number(let text), .text(let text): try append(text)
    case .node(let node):
      if let changed = node.changed { return try append(changed) }
      if node.kind == .array {
        try appendJSON(value, slashes: true)
      } else {
        try nested { (printer) throws(PrintFault) in try printer.appendJavaMap(node) }
      }
    case .list(let list):
      switch list.form {
      case .json: try appendJSON(value, slashes: true)
      case .java: try nested { (printer) throws(PrintFault) in try printer.appendJavaList(list.elements) }
      }
    case .map(let map):
      if !map.isSilent { try nested { (printer) throws(PrintFault) in try printer.appendJavaMap(map) } }
    case .entry(let entry):
      try append(entry.name)
      try append(UInt8(ascii: "="))
      try nested { (printer) throws(PrintFault) in try printer.appendElement(entry.value) }
    case .parameters, .parameterGroup: break
    }
  }

  /// Within a container null prints as a word.
  private mutating func appendElement(_ value: Value) throws(PrintFault) {
    if case .null = value { output.append(contentsOf: "null".utf8) } else { try append(value) }
  }

  private mutating func appendJavaList(_ elements: [Value]) throws(PrintFault) {
    try append(UInt8(ascii: "["))
    for (position, element) in elements.enumerated() {
      if position > 0 { output.append(contentsOf: ", ".utf8) }
      try appendElement(element)
      if output.count > bytesMax { throw .tooMuch }
    }
    try append(UInt8(ascii: "]"))
  }

  private mutating func appendJavaMap(_ map: MapObject) throws(PrintFault) {
    try append(UInt8(ascii: "{"))
    for (count, position) in map.sequence.enumerated() {
      if count > 0 { output.append(contentsOf: ", ".utf8) }
      try append(map.names[position])
      try append(UInt8(ascii: "="))
      try appendElement(map.values[position])
    }
    try append(UInt8(ascii: "}"))
  }

  private mutating func appendJavaMap(_ node: JSONDocument.Node) throws(PrintFault) {
    try append(UInt8(ascii: "{"))
    var isFirst = true
    try node.document.forEachMember(of: node.index) { (name, value) throws(PrintFault) in
      if !isFirst { output.append(contentsOf: ", ".utf8) }
      isFirst = false
      try append(name)
      try append(UInt8(ascii: "="))
      try appendElement(node.document.value(at: value))
    }
    try append(UInt8(ascii: "}"))
  }

  // MARK: JSON

  /// Appends JSON text without white space.
  /// - Parameter slashes: whether `/` is escaped: `JSONArray.toString()` does (json-smart's `JSONStyle.NO_COMPRESS`), Jayway's `toJson`
  ///   does not (`LT_COMPRESS`).
  mutating func appendJSON(_ value: Value, slashes: Bool) throws(PrintFault) {
    switch value {
    case .null, .input, .util, .context, .stageVariables, .contextGroup, .block, .loop, .parameters, .parameterGroup:
      output.append(contentsOf: "null".utf8)
    case .bool(let isTrue): append(isTrue)
    case .integer(let number): append(number)
    case .double(let number): Number.append(number, to: &output)
    case .number(let text): try append(text)
    case .text(let text):
      if output.count + text.count > bytesMax { throw .tooMuch }
      JSONEscapes.appendQuoted(text, slashes: slashes, to: &output)
    case .node(let node):
      if let changed = node.changed { return try appendJSON(changed, slashes: slashes) }
      try nested { (printer) throws(PrintFault) in try printer.appendJSON(node, slashes) }
    case .list(let list):
      try nested { (printer) throws(PrintFault) in
        try printer.append(UInt8(ascii: "["))
        for (position, element) in list.elements.enumerated() {
          if position > 0 { try printer.append(UInt8(ascii: ",")) }
          try printer.appendJSON(element, slashes: slashes)
        }
        try printer.append(UInt8(ascii: "]"))
      }
    case .map(let map):
      try nested { (printer) throws(PrintFault) in
        try printer.append(UInt8(ascii: "{"))
        for (count, position) in map.sequence.enumerated() {
          if count > 0 { try printer.append(UInt8(ascii: ",")) }
          try printer.appendMember(map.names[position], map.values[position], slashes)
        }
        try printer.append(UInt8(ascii: "}"))
      }
    case .entry(let entry):
      try nested { (printer) throws(PrintFault) in
        try printer.append(UInt8(ascii: "{"))
        try printer.appendMember(entry.name, entry.value, slashes)
        try printer.append(UInt8(ascii: "}"))
      }
    }
  }

  private mutating func appendMember(_ name: ArraySlice<UInt8>, _ value: Value, _ slashes: Bool) throws(PrintFault) {
    JSONEscapes.appendQuoted(name, slashes: slashes, to: &output)
    try append(UInt8(ascii: ":"))
    try appendJSON(value, slashes: slashes)
  }

  private mutating func appendJSON(_ node: JSONDocument.Node, _ slashes: Bool) throws(PrintFault) {
    let document = node.document
    var isFirst = true
    if document.tape[node.index].kind == .array {
      try append(UInt8(ascii: "["))
      try document.forEachElement(of: node.index) { (element) throws(PrintFault) in
        if !isFirst { try append(UInt8(ascii: ",")) }
        isFirst = false
        try appendJSON(document.value(at: element), slashes: slashes)
      }
      return try append(UInt8(ascii: "]"))
    }
    try append(UInt8(ascii: "{"))
    try document.forEachMember(of: node.index) { (name, value) throws(PrintFault) in
      if !isFirst { try append(UInt8(ascii: ",")) }
      isFirst = false
      try appendMember(name, document.value(at: value), slashes)
    }
    try append(UInt8(ascii: "}"))
  }
}
