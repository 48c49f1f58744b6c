// Owns: what a template is rendered with, asked for only when the template wants it: body, parameters, `$context`, stage variables, and
// what an earlier template of the same request has overridden.

/// The three groups of `$input.params()`, in the order in which a bare name is looked for.
public enum ParameterGroup: UInt8, CaseIterable, Sendable {
  case path, querystring, header
}

/// A value of `$context`.
public enum ContextValue: Sendable {
  /// The request has none: its name is not among the keys of `$context`.
  case absent
  case text(ArraySlice<UInt8>)
  case integer(Int64)
  case bool(Bool)
  /// A map, such as what an authorizer handed over.
  case members([(name: String, value: ContextValue)])

  public static func text(_ text: String) -> ContextValue { .text(Array(text.utf8)[...]) }
}

/// Where a rendering gets its values from. Each is asked for at most as often as the template names it.
public protocol TemplateScope {
  /// The payload: of the request for a request template, of the integration's response for a response template.
  var body: ArraySlice<UInt8> { get }

  /// The value of a parameter; where a name has several, the last.
  func parameter(_ name: ArraySlice<UInt8>, in group: ParameterGroup) -> ArraySlice<UInt8>?

  func parameterNames(in group: ParameterGroup) -> [ArraySlice<UInt8>]

  func context(_ key: ContextKey) -> ContextValue

  func stageVariable(_ name: ArraySlice<UInt8>) -> ArraySlice<UInt8>?

  var stageVariableNames: [ArraySlice<UInt8>] { get }

  /// What an earlier template of this request has overridden, which `$context` shows to this one.
  var overrides: TemplateOverrides { get }
}

extension TemplateScope {
  public var overrides: TemplateOverrides { TemplateOverrides() }
}
