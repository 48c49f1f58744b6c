import Testing

@testable import VTL

/// A scope that holds all it gives.
struct StubScope: TemplateScope {
  var body: ArraySlice<UInt8> = []
  var path: [(String, String)] = []
  var querystring: [(String, String)] = []
  var header: [(String, String)] = []
  var contextValues: [ContextKey: ContextValue] = [:]
  var stageVariables: [(String, String)] = []
  var overrides = TemplateOverrides()

  init(body: String = "") { self.body = Array(body.utf8)[...] }

  private func parameters(_ group: ParameterGroup) -> [(String, String)] {
    switch group {
    case .path: path
    case .querystring: querystring
    case .header: header
    }
  }

  func parameter(_ name: ArraySlice<UInt8>, in group: ParameterGroup) -> ArraySlice<UInt8>? {
    parameters(group).last { $0.0.utf8.elementsEqual(name) }.map { Array($0.1.utf8)[...] }
  }

  func parameterNames(in group: ParameterGroup) -> [ArraySlice<UInt8>] { parameters(group).map { Array($0.0.utf8)[...] } }

  func context(_ key: ContextKey) -> ContextValue { contextValues[key] ?? .absent }

  func stageVariable(_ name: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    stageVariables.last { $0.0.utf8.elementsEqual(name) }.map { Array($0.1.utf8)[...] }
  }

  var stageVariableNames: [ArraySlice<UInt8>] { stageVariables.map { Array($0.0.utf8)[...] } }
}

/// A template and what it makes.
struct RenderCase: CustomTestStringConvertible, Sendable {
  let template: String
  let expected: String

  init(_ template: String, _ expected: String) {
    self.template = template
    self.expected = expected
  }

  var testDescription: String { template }
}

/// What a template makes of a scope, as text.
func rendered(_ template: String, _ scope: StubScope = StubScope(), dialect: TemplateDialect = .apiGateway) throws -> String {
  let result = try Template(template, dialect: dialect).render(with: scope)
  return String(decoding: result.bytes, as: UTF8.self)
}

/// The error with which a rendering ends.
func renderError(_ template: String, _ scope: StubScope = StubScope(), limits: TemplateLimits = TemplateLimits()) throws -> RenderError? {
  let template = try Template(template, limits: limits)
  do {
    _ = try template.render(with: scope)
    return nil
  } catch {
    return error
  }
}
