// Owns: the room's front door: a template compiled once, when its API is published, and rendered by any thread for each request.

/// A mapping template, compiled.
public final class Template: Sendable {
  let source: ArraySlice<UInt8>
  let block: Block
  let names: NameTable
  let macroIndices: [ArraySlice<UInt8>: Int]
  let macros: [Macro?]
  public let limits: TemplateLimits
  public let dialect: TemplateDialect

  /// Compiles a template in the Velocity Template Language.
  /// - Parameters:
  ///   - source: its text; UTF-8.
  ///   - limits: what it, and later its renderings, may not exceed.
  ///   - dialect: whose rules hold for references without value.
  /// - Throws: the first fault, with line and column.
  public init(
    _ source: [UInt8], limits: TemplateLimits = TemplateLimits(), dialect: TemplateDialect = .apiGateway
  ) throws(TemplateError) {
    let compilation = Compilation(source[...], limits: limits, dialect: dialect)
    if source.count > limits.sourceBytesMax {
      throw compilation.error(.tooLarge, at: 0, "a template has \(limits.sourceBytesMax) bytes at most, this one has \(source.count)")
    }
    compilation.findMacros(in: source[...])
    var parser = TemplateParser(source[...], compilation)
    block = try parser.parseTemplate()
    self.source = source[...]
    self.limits = limits
    self.dialect = dialect
    names = compilation.names
    macroIndices = compilation.macroIndices
    macros = compilation.macros
  }

  public convenience init(
    _ source: String, limits: TemplateLimits = TemplateLimits(), dialect: TemplateDialect = .apiGateway
  ) throws(TemplateError) {
    try self.init(Array(source.utf8), limits: limits, dialect: dialect)
  }

  /// Renders the template.
  /// - Throws: the fault at which rendering ended, with line and column; what was written until then is dropped.
  public func render(with scope: some TemplateScope) throws(RenderError) -> RenderedTemplate {
    let renderer = Renderer(self, scope)
    defer { renderer.release() }
    do {
      _ = try renderer.render(block)
    } catch {
      throw RenderError(error, in: source)
    }
    return RenderedTemplate(bytes: renderer.printer.output, overrides: renderer.overrides, isTruncated: renderer.isTruncated)
  }
}

/// What a rendering gives.
public struct RenderedTemplate: Equatable, Sendable {
  public let bytes: [UInt8]
  /// What this template and those before it have overridden.
  public let overrides: TemplateOverrides
  /// Whether a loop had more rounds than are allowed, and ended early.
  public let isTruncated: Bool
}
