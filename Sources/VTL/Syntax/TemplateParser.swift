// Owns: how texts, references and directives alternate in a template, escapes, comments, and which white space goes with a directive: that
// of Velocity 1.7 (the space in front of #set, the end of the line behind `)`, #else and #end).

struct TemplateParser {
  /// What is parsed: the template, or a string inside of it.
  let text: ArraySlice<UInt8>
  let compilation: Compilation
  /// Where faults are told when `text` is no part of the source.
  let fixedOffset: Int?
  var locals: [ArraySlice<UInt8>: Int]
  var position: Int

  init(_ text: ArraySlice<UInt8>, _ compilation: Compilation, locals: [ArraySlice<UInt8>: Int] = [:], fixedOffset: Int? = nil) {
    self.text = text
    self.compilation = compilation
    self.locals = locals
    self.fixedOffset = fixedOffset
    position = text.startIndex
  }

  /// What ends a block.
  enum Terminator {
    case endOfText, end, otherwise, elseIf
  }

  /// What a block may end with.
  enum Enclosing {
    case template, branch, lastBranch, block
  }

  // MARK: Places

  var offset: Int { offset(position) }

  func offset(_ position: Int) -> Int { fixedOffset ?? position - compilation.source.startIndex }

  func syntax(_ reason: String, at place: Int? = nil) -> TemplateError {
    compilation.error(.syntax, at: offset(place ?? position), reason)
  }

  /// What stands at the position, for a message.
  var shown: String {
    guard position < text.endIndex else { return "the end of the text" }
    let byte = text[position]
    return (0x21..<0x7F).contains(byte) ? "'\(Unicode.Scalar(byte))'" : "byte \(byte)"
  }

  func peek(_ ahead: Int = 0) -> UInt8? {
    let index = position + ahead
    return index < text.endIndex ? text[index] : nil
  }

  mutating func skipSpace() {
    while position < text.endIndex, Spelling.isSpace(text[position]) { position += 1 }
  }

  /// Passes the rest of a line if nothing but blanks stand there.
  mutating func skipLineEnd() {
    var cursor = position
    while cursor < text.endIndex, text[cursor] == 0x20 || text[cursor] == 0x09 { cursor += 1 }
    guard cursor < text.endIndex else { return }
    if text[cursor] == 0x0D {
      cursor += 1
      if cursor < text.endIndex, text[cursor] == 0x0A { cursor += 1 }
      position = cursor
    } else if text[cursor] == 0x0A {
      position = cursor + 1
    }
  }

  // MARK: Blocks

  mutating func parseTemplate() throws(TemplateError) -> Block {
    try parseBlock(.template).block
  }

  /// - Parameter start: where the directive stands to which the block belongs.
  mutating func parseBlock(_ enclosing: Enclosing, from start: Int = 0) throws(TemplateError) -> (block: Block, terminator: Terminator) {
    var nodes: [Node] = []
    var plain = position
    var terminator: Terminator?
    while terminator == nil, position < text.endIndex {
      switch text[position] {
      case UInt8(ascii: "$"): try parseDollar(0, from: position, &nodes, &plain)
      case UInt8(ascii: "#"): terminator = try parseHash(enclosing, &nodes, &plain)
      case UInt8(ascii: "\\"): try parseBackslashes(&nodes, &plain)
      default: position += 1
      }
    }
    if let terminator { return (Block(nodes), terminator) }
    flush(plain, position, &nodes)
    if enclosing != .template { throw syntax("this block has no #end", at: start) }
    return (Block(nodes), .endOfText)
  }

  private func flush(_ start: Int, _ end: Int, _ nodes: inout [Node]) {
    if start < end { nodes.append(.text(text[start..<end])) }
  }

  private mutating func parseDollar(_ backslashes: Int, from start: Int, _ nodes: inout [Node], _ plain: inout Int) throws(TemplateError) {
    let dollar = position
    guard let reference = try parseReference(backslashes: backslashes) else {
      position = dollar + 1
      return
    }
    flush(plain, start, &nodes)
    nodes.append(.reference(reference))
    plain = position
  }

  /// Backslashes mean something in front of a reference or a directive only.
  private mutating func parseBackslashes(_ nodes: inout [Node], _ plain: inout Int) throws(TemplateError) {
    let start = position
    while peek() == UInt8(ascii: "\\") { position += 1 }
    let count = position - start
    guard let byte = peek() else { return }
    if byte == UInt8(ascii: "$") { return try parseDollar(count, from: start, &nodes, &plain) }
    guard byte == UInt8(ascii: "#"), let directive = directive(at: position), isKnown(directive.name) else { return }
    flush(plain, start + count / 2, &nodes)
    plain = position
    if count % 2 == 1 { position = directive.end }
  }

  // MARK: Directives

  /// The name behind a `#`, with or without braces.
  private func directive(at start: Int) -> (name: ArraySlice<UInt8>, end: Int)? {
    guard start + 1 < text.endIndex else { return nil }
    let isBraced = text[start + 1] == UInt8(ascii: "{")
    let name = Spelling.word(text, start + (isBraced ? 2 : 1))
    if name.isEmpty { return nil }
    if !isBraced { return (name, name.endIndex) }
    guard name.endIndex < text.endIndex, text[name.endIndex] == UInt8(ascii: "}") else { return nil }
    return (name, name.endIndex + 1)
  }

  private func isKnown(_ name: ArraySlice<UInt8>) -> Bool { DirectiveName(name) != nil || compilation.macro(name) != nil }

  private mutating func parseHash(
    _ enclosing: Enclosing, _ nodes: inout [Node], _ plain: inout Int
  ) throws(TemplateError) -> Terminator? {
    let start = position
    switch peek(1) {
    case UInt8(ascii: "#"), UInt8(ascii: "*"), UInt8(ascii: "["):
      if try skipCommentOrTextBlock(&nodes, plain) { plain = position }
      return nil
    case UInt8(ascii: "@"): return try parseBlockCall(&nodes, &plain)
    default: break
    }
    guard let found = directive(at: start) else {
      position += 1
      return nil
    }
    guard let name = DirectiveName(found.name) else {
      position = found.end
      guard let macro = compilation.macro(found.name) else { return nil }
      flush(plain, start, &nodes)
      nodes.append(.call(try parseCall(macro, start, hasContent: false)))
      plain = position
      return nil
    }
    position = found.end
    guard takesEffect(name) else { return nil }
    flush(plain, name == .set ? blanksBefore(start, plain) : start, &nodes)
    if let terminator = try parseTerminator(name, enclosing, start) { return terminator }
    if let node = try parseDirective(name, start) { nodes.append(node) }
    plain = position
    return nil
  }

  /// Whether these letters are a directive here, and not text that looks like one.
  private func takesEffect(_ name: DirectiveName) -> Bool {
    switch name {
    case .set, .include, .parse:
      var cursor = position
      while cursor < text.endIndex, Spelling.isSpace(text[cursor]) { cursor += 1 }
      return cursor < text.endIndex && text[cursor] == UInt8(ascii: "(")
    case .ifDirective, .elseIf, .otherwise, .end, .foreach, .macro, .define, .evaluate, .literal, .leave, .stop: return true
    }
  }

  private func blanksBefore(_ start: Int, _ plain: Int) -> Int {
    var cursor = start
    while cursor > plain, text[cursor - 1] == 0x20 || text[cursor - 1] == 0x09 { cursor -= 1 }
    return cursor
  }

  private mutating func parseTerminator(
    _ name: DirectiveName, _ enclosing: Enclosing, _ start: Int
  ) throws(TemplateError) -> Terminator? {
    switch name {
    case .end:
      if enclosing == .template { throw syntax("this #end ends nothing", at: start) }
      skipLineEnd()
      return .end
    case .otherwise:
      if enclosing != .branch { throw syntax("this #else belongs to no #if", at: start) }
      skipLineEnd()
      return .otherwise
    case .elseIf:
      if enclosing != .branch { throw syntax("this #elseif belongs to no #if", at: start) }
      return .elseIf
    case .set, .ifDirective, .foreach, .macro, .define, .evaluate, .literal, .leave, .stop, .include, .parse: return nil
    }
  }

  /// Comments, and texts between `#[[` and `]]#` that are not looked into.
  /// - Returns: whether one stood here.
  private mutating func skipCommentOrTextBlock(_ nodes: inout [Node], _ plain: Int) throws(TemplateError) -> Bool {
    let start = position
    func end(of mark: String) throws(TemplateError) -> Int {
      let mark = Array(mark.utf8)
      guard let found = UTF8Text.firstIndex(of: mark[...], in: text[(start + 2)...]) else {
        throw syntax("this has no \(String(decoding: mark, as: UTF8.self)) to end it", at: start)
      }
      return start + 2 + found
    }
    switch peek(1) {
    case UInt8(ascii: "#"):
      flush(plain, start, &nodes)
      while let byte = peek(), byte != 0x0A, byte != 0x0D { position += 1 }
      if peek() == 0x0D { position += 1 }
      if peek() == 0x0A { position += 1 }
    case UInt8(ascii: "*"):
      flush(plain, start, &nodes)
      position = try end(of: "*#") + 2
    default:
      guard peek(2) == UInt8(ascii: "[") else {
        position += 1
        return false
      }
      flush(plain, start, &nodes)
      let stop = try end(of: "]]#")
      flush(start + 3, stop, &nodes)
      position = stop + 3
    }
    return true
  }

  /// `#@name(…) … #end`.
  private mutating func parseBlockCall(_ nodes: inout [Node], _ plain: inout Int) throws(TemplateError) -> Terminator? {
    let start = position
    let name = Spelling.word(text, start + 2)
    position = max(name.endIndex, start + 2)
    guard !name.isEmpty, let macro = compilation.macro(name) else { return nil }
    flush(plain, start, &nodes)
    nodes.append(.call(try parseCall(macro, start, hasContent: true)))
    plain = position
    return nil
  }
}

/// The directives of the language.
enum DirectiveName: String {
  case set
  case ifDirective = "if"
  case elseIf = "elseif"
  case otherwise = "else"
  case end
  case foreach
  case macro
  case define
  case evaluate
  case literal
  case leave = "break"
  case stop
  case include
  case parse

  init?(_ name: ArraySlice<UInt8>) { self.init(rawValue: String(decoding: name, as: UTF8.self)) }
}
