// What the tests of mappings share: a message made of tables, and JSON paths of names and indices only.

import Runtime

@testable import Gateway

struct TestMessage: MappingScope {
  var fields: [MessageField] = []
  var query: [MessageField] = []
  var pathParameters: [MessageField] = []
  var path: ArraySlice<UInt8> = Array("/".utf8)[...]
  var body: ArraySlice<UInt8> = []
  var contexts: [String: String] = [:]
  var stageVariables: [String: String] = [:]

  func context(_ variable: ContextVariable) -> ArraySlice<UInt8>? { contexts[variable.name].map { Array($0.utf8)[...] } }
  func stageVariable(_ name: String) -> ArraySlice<UInt8>? { stageVariables[name].map { Array($0.utf8)[...] } }
}

/// `$.a.b[0].c`, and nothing else of JSONPath.
struct PlainSelectors: BodySelectorCompiler {
  struct Selector: BodySelector {
    let paths: [[String]]

    func select(in body: ArraySlice<UInt8>) -> BodySelection {
      guard let value = try? JSONValue.parse(Array(body)) else { return .invalid }
      return .values(paths.map { PlainSelectors.find($0, value) })
    }
  }

  func compile(_ paths: [String]) throws(BodyPathFault) -> any BodySelector {
    if let index = paths.firstIndex(where: { $0.contains("*") }) { throw BodyPathFault(path: index, message: "a star is not known here") }
    return Selector(
      paths: paths.map { $0.dropFirst().split { "[].".contains($0) }.map(String.init) })
  }

  static func find(_ path: [String], _ value: JSONValue) -> ArraySlice<UInt8>? {
    var value = value
    for name in path {
      guard let next = Int(name).flatMap({ value[$0] }) ?? value[name] else { return nil }
      value = next
    }
    if value.isNull { return nil }
    return Array((value.stringValue ?? value.text()).utf8)[...]
  }
}

extension [MessageField] {
  /// "name=value", readable in a failure.
  var texts: [String] { map { String(decoding: $0.name, as: UTF8.self) + "=" + String(decoding: $0.value, as: UTF8.self) } }
}
