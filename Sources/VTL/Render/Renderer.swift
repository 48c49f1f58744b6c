// Owns: one rendering: its variables, its output, its bounds, and how nodes follow each other. What references are worth is
// Renderer+References', what expressions are Renderer+Expressions', `$context` and its overrides Renderer+Context's.

/// Where a node leads.
enum Flow {
  case next
  /// `#break`: out of the innermost loop.
  case leave
  case stop
}

final class Renderer {
  let template: Template
  let scope: any TemplateScope
  let limits: TemplateLimits
  var printer: ValuePrinter
  var slots: [Value]
  var frame: Frame?
  var loop: LoopState?
  private(set) var isTruncated = false

  private var names: NameTable
  private var macroIndices: [ArraySlice<UInt8>: Int]
  private var macros: [Macro?]
  var steps: Int
  private var depth = 0

  /// The body, once somebody has asked for it.
  var document: JSONDocument?
  var requestOverride: MapObject?
  var responseOverride: MapObject?
  var contextValues: [ContextKey: Value] = [:]
  /// What the template has put into `$context` itself.
  var contextWrites: MapObject?

  /// What holds others that could hold it, or could go deeper than freeing one after the other bears: emptied at the end, each by itself.
  private var heldMaps: [MapObject] = []
  private var heldLists: [ListObject] = []
  private var heldFrames: [Frame] = []
  private var heldDocuments: [JSONDocument] = []

  /// What a level of a template may take of the stack's depth: blocks, and the operators of expressions within.
  private static let levelsEach = 10
  /// What a macro, a defined block or #evaluate takes.
  private static let levelsOfCall = 10

  init(_ template: Template, _ scope: any TemplateScope) {
    self.template = template
    self.scope = scope
    limits = template.limits
    printer = ValuePrinter(bytesMax: limits.outputBytesMax)
    steps = limits.stepsMax
    names = template.names
    macroIndices = template.macroIndices
    macros = template.macros
    slots = Array(repeating: .null, count: template.names.count)
    slots[NameTable.input] = .input
    slots[NameTable.util] = .util
    slots[NameTable.context] = .context
    slots[NameTable.stageVariables] = .stageVariables
    printer.output.reserveCapacity(template.source.count + 256)
  }

  // MARK: Bounds

  func count(_ values: Int = 1, at offset: Int) throws(RenderFault) {
    steps -= values
    if steps < 0 { throw RenderFault(.tooManySteps, at: offset, "the template takes more than \(limits.stepsMax) steps") }
  }

  func enter(at offset: Int, levels: Int = 1) throws(RenderFault) {
    if depth + levels > limits.depthMax * Self.levelsEach {
      throw RenderFault(.tooDeep, at: offset, "blocks, macros and expressions go too deep here")
    }
    depth += levels
  }

  func leave(levels: Int = 1) { depth -= levels }

  func fault(_ fault: PrintFault, at offset: Int) -> RenderFault {
    switch fault {
    case .tooMuch: RenderFault(.tooMuchOutput, at: offset, "more than \(limits.outputBytesMax) bytes")
    case .tooDeep: RenderFault(.tooDeep, at: offset, "this value contains itself, or too many others inside each other")
    }
  }

  func defined(_ block: Block) -> Value {
    if let frame { heldFrames.append(frame) }
    return .block(DefinedBlock(block, frame: frame))
  }

  func hold(_ map: MapObject) { heldMaps.append(map) }
  func hold(_ list: ListObject) { heldLists.append(list) }
  func hold(_ document: JSONDocument) { heldDocuments.append(document) }

  /// Breaks every circle that values may form.
  func release() {
    for map in heldMaps { map.removeAll() }
    for list in heldLists { list.elements.removeAll() }
    for frame in heldFrames { frame.values.removeAll() }
    for document in heldDocuments { document.changed.removeAll() }
  }

  // MARK: Variables

  func value(of variable: Variable) -> Value {
    switch variable {
    case .slot(let index): return slots[index]
    case .local(let index):
      guard let frame, index < frame.values.count else { return .null }
      return frame.values[index]
    }
  }

  func store(_ value: Value, in variable: Variable) {
    switch variable {
    case .slot(let index): slots[index] = value
    case .local(let index):
      guard let frame, index < frame.values.count else { return }
      frame.values[index] = value
    }
  }

  // MARK: Nodes

  func render(_ block: Block) throws(RenderFault) -> Flow {
    for node in block.nodes {
      let flow: Flow
      switch node {
      case .text(let text):
        steps -= 1
        do { try printer.append(text) } catch { throw fault(error, at: 0) }
        continue
      case .reference(let reference): flow = try render(reference)
      case .assign(let target, let value):
        try count(at: target.offset)
        try assign(target, try evaluate(value))
        continue
      case .branch(let branch): flow = try render(branch)
      case .each(let loop): flow = try render(loop)
      case .call(let call): flow = try render(call)
      case .define(let variable, let body):
        store(defined(body), in: variable)
        continue
      case .evaluate(let evaluation): flow = try render(evaluation)
      case .leave: flow = .leave
      case .stop: flow = .stop
      }
      if flow != .next { return flow }
    }
    return .next
  }

  private func render(_ branch: Branch) throws(RenderFault) -> Flow {
    try enter(at: 0)
    defer { leave() }
    for arm in branch.arms where try isTrue(arm.condition) { return try render(arm.body) }
    guard let otherwise = branch.otherwise else { return .next }
    return try render(otherwise)
  }

  private func render(_ node: Loop) throws(RenderFault) -> Flow {
    try enter(at: node.offset)
    defer { leave() }
    guard let (items, total) = try items(of: node.items) else { return .next }
    if total > limits.roundsMax { isTruncated = true }
    let (outer, outerValue, outerNames) = (loop, value(of: node.variable), slots[NameTable.foreach...NameTable.velocityHasNext])
    let state = LoopState(count: total, parent: outer)
    loop = state
    slots[NameTable.foreach] = .loop(state)
    defer {
      loop = outer
      slots.replaceSubrange(NameTable.foreach...NameTable.velocityHasNext, with: outerNames)
      store(outerValue, in: node.variable)
    }
    for (index, item) in items.enumerated() {
      try count(at: node.offset)
      state.index = index
      slots[NameTable.velocityCount] = .integer(Int64(index + 1))
      slots[NameTable.velocityHasNext] = .bool(index + 1 < total)
      store(item, in: node.variable)
      switch try render(node.body) {
      case .next: break
      case .leave: return .next
      case .stop: return .stop
      }
      if state.isStopped { break }
    }
    return .next
  }

  private func render(_ call: MacroCall) throws(RenderFault) -> Flow {
    guard call.macro < macros.count, let macro = macros[call.macro] else { return .next }
    try count(at: call.offset)
    try enter(at: call.offset, levels: Self.levelsOfCall)
    defer { leave(levels: Self.levelsOfCall) }
    var values: [Value] = []
    values.reserveCapacity(macro.parameters.count)
    for (index, parameter) in macro.parameters.dropLast().enumerated() {
      let argument = index < call.arguments.count ? call.arguments[index] : parameter.standard
      values.append(try argument.map { (expression) throws(RenderFault) in try evaluate(expression) } ?? .null)
    }
    values.append(call.content.map { defined($0) } ?? .null)
    let outer = frame
    frame = Frame(values)
    defer { frame = outer }
    return try render(macro.body)
  }

  /// Renders what a name stands for that #define has put aside.
  func render(_ defined: DefinedBlock, at offset: Int) throws(RenderFault) -> Flow {
    try enter(at: offset, levels: Self.levelsOfCall)
    defer { leave(levels: Self.levelsOfCall) }
    try count(at: offset)
    let outer = frame
    frame = defined.frame
    defer { frame = outer }
    return try render(defined.block)
  }

  private func render(_ evaluation: Evaluation) throws(RenderFault) -> Flow {
    let text = try text(of: try evaluate(evaluation.text), at: evaluation.offset)
    if text.isEmpty { return .next }
    try count(text.count / 4 + 1, at: evaluation.offset)
    try enter(at: evaluation.offset, levels: Self.levelsOfCall)
    defer { leave(levels: Self.levelsOfCall) }
    let compilation = Compilation(
      template.source, limits: limits, dialect: template.dialect, names: names, macroIndices: macroIndices, macros: macros)
    compilation.findMacros(in: text)
    var parser = TemplateParser(text, compilation, locals: evaluation.locals, fixedOffset: evaluation.offset)
    let block: Block
    do {
      block = try parser.parseTemplate()
    } catch {
      throw RenderFault(.evaluation, at: evaluation.offset, "the text of #evaluate is no template: \(error.reason)")
    }
    names = compilation.names
    macroIndices = compilation.macroIndices
    macros = compilation.macros
    slots.append(contentsOf: repeatElement(.null, count: names.count - slots.count))
    return try render(block)
  }

  /// What a block renders to, as a text of its own.
  func captured(at offset: Int, _ body: () throws(RenderFault) -> Void) throws(RenderFault) -> ArraySlice<UInt8> {
    let outer = printer.output
    printer.output = []
    let result: [UInt8]
    do {
      try body()
      result = printer.output
      printer.output = outer
    } catch {
      printer.output = outer
      throw error
    }
    try count(result.count / 64, at: offset)
    return result[...]
  }
}
