// Owns: what the parts of one template share while they are parsed: names, macros, bounds, the source by which faults are placed.

final class Compilation {
  let source: ArraySlice<UInt8>
  let limits: TemplateLimits
  let dialect: TemplateDialect
  var names: NameTable
  private(set) var macroIndices: [ArraySlice<UInt8>: Int]
  private(set) var macros: [Macro?]
  private var depth = 0
  private var expressions = 0
  private var operators = 0

  /// Operators in one expression, all that is inside of it included: evaluating and freeing it goes down as deep as there are.
  private static let operatorsMax = 400

  /// - Parameters:
  ///   - names: the names that are known already: those of the template in which `#evaluate` stands.
  ///   - macros: its macros.
  init(
    _ source: ArraySlice<UInt8>, limits: TemplateLimits, dialect: TemplateDialect, names: NameTable = NameTable(),
    macroIndices: [ArraySlice<UInt8>: Int] = [:], macros: [Macro?] = []
  ) {
    self.source = source
    self.limits = limits
    self.dialect = dialect
    self.names = names
    self.macroIndices = macroIndices
    self.macros = macros
  }

  func error(_ kind: TemplateError.Kind, at offset: Int, _ reason: String) -> TemplateError {
    TemplateError(kind, at: offset, in: source, reason)
  }

  func nested<Result>(at offset: Int, _ body: () throws(TemplateError) -> Result) throws(TemplateError) -> Result {
    if depth >= limits.depthMax {
      throw error(.tooDeep, at: offset, "more than \(limits.depthMax) blocks and expressions inside each other")
    }
    depth += 1
    defer { depth -= 1 }
    return try body()
  }

  func enterExpression() {
    if expressions == 0 { operators = 0 }
    expressions += 1
  }

  func leaveExpression() { expressions -= 1 }

  func countOperator(at offset: Int) throws(TemplateError) {
    operators += 1
    if operators > Self.operatorsMax { throw error(.tooDeep, at: offset, "more than \(Self.operatorsMax) operators in one expression") }
  }

  /// The index of a macro by its name, which may be defined further down.
  func macro(_ name: ArraySlice<UInt8>) -> Int? { macroIndices[name] }

  func define(_ name: ArraySlice<UInt8>, _ macro: Macro) { if let index = macroIndices[name] { macros[index] = macro } }

  /// Finds the names of all macros before anything is parsed, because a macro may be called above its definition.
  func findMacros(in text: ArraySlice<UInt8>) {
    let marks = [Array("#macro".utf8), Array("#{macro}".utf8)]
    for mark in marks {
      var from = 0
      while let found = UTF8Text.firstIndex(of: mark[...], in: text, from: from) {
        from = found + mark.count
        var cursor = text.startIndex + from
        skipSpace(text, &cursor)
        guard cursor < text.endIndex, text[cursor] == UInt8(ascii: "(") else { continue }
        cursor += 1
        skipSpace(text, &cursor)
        let name = Spelling.word(text, cursor)
        if name.isEmpty || macroIndices[name] != nil { continue }
        macroIndices[name] = macros.count
        macros.append(nil)
      }
    }
  }

  private func skipSpace(_ text: ArraySlice<UInt8>, _ cursor: inout Int) {
    while cursor < text.endIndex, Spelling.isSpace(text[cursor]) { cursor += 1 }
  }
}

/// What names are made of.
enum Spelling {
  static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }

  static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- UInt8(ascii: "a") < 26 }

  static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

  static func isWord(_ byte: UInt8) -> Bool { isLetter(byte) || isDigit(byte) || byte == UInt8(ascii: "_") }

  /// The name of a directive or macro that starts there; empty if none does.
  static func word(_ text: ArraySlice<UInt8>, _ start: Int) -> ArraySlice<UInt8> {
    guard start < text.endIndex, isLetter(text[start]) || text[start] == UInt8(ascii: "_") else { return [] }
    var end = start
    while end < text.endIndex, isWord(text[end]) { end += 1 }
    return text[start..<end]
  }

  /// The name of a variable, property or method that starts there. Velocity 1.7, which API Gateway runs, allows hyphens in it (the
  /// developer guide's Kinesis tutorial reads `$elem.partition-key`); Velocity 2 does not.
  static func identifier(_ text: ArraySlice<UInt8>, _ start: Int, _ dialect: TemplateDialect) -> ArraySlice<UInt8> {
    guard start < text.endIndex, isLetter(text[start]) || text[start] == UInt8(ascii: "_") else { return [] }
    var end = start
    while end < text.endIndex, isWord(text[end]) || (text[end] == UInt8(ascii: "-") && dialect == .apiGateway) { end += 1 }
    return text[start..<end]
  }
}
