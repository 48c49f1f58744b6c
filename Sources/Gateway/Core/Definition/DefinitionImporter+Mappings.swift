// Owns the checks of parameter mappings: their targets, their sources, and whether a source is declared. Messages that AWS gives in the
// same case begin with AWS's words.
import Runtime

extension DefinitionImporter {
  /// The request side of an integration, and the response side of an HTTP API's.
  mutating func readMappings(
    _ fields: Fields, _ place: OperationPlace, _ operation: APIDefinition.Operation, _ integration: inout APIDefinition.Integration
  ) {
    for (name, element) in members(fields["requestParameters"] ?? fields.node.nothing, "requestParameters") {
      guard let text = mapping(element, name, "requestParameters", place) else { continue }
      switch definition.kind {
      case .rest: checkRequestMapping(name, text, element, place, operation)
      case .http:
        // An AWS service's parameters have names of its own.
        if integration.subtype == nil { checkAction(name, text, element, .request, place) }
      }
      integration.requestParameters[name] = text
    }
    guard let node = fields["responseParameters"] else { return }
    guard definition.kind == .http else {
      return fail(node, "the responseParameters of a REST API stand in each of the integration's responses")
    }
    for (status, element) in members(node, "responseParameters") {
      guard DefinitionImporter.isStatus(status) else {
        fail(element, "\"\(Shown.text(status))\" is no status code; responseParameters are given by status, 100 to 599")
        continue
      }
      var mappings: NamedValues<String> = [:]
      for (name, value) in members(element, "responseParameters") {
        guard let text = mapping(value, name, "responseParameters", place) else { continue }
        checkAction(name, text, value, .response, place)
        mappings[name] = text
      }
      integration.responseParameters[status] = mappings
    }
  }

  /// A mapping is a string; AWS passes over one that is not, and warns in these words.
  private mutating func mapping(_ node: DocumentNode, _ name: String, _ what: String, _ place: OperationPlace) -> String? {
    if let text = node.value.stringValue { return text }
    let value = node.value.text()
    let shown = value.utf8.count > 80 ? DefinitionImporter.shown(node.value) : value
    warn(
      node,
      "Invalid format for '\(what)'. Expected type string for property '\(Shown.text(name))' of resource '\(Shown.text(place.path))' "
        + "and method '\(place.method.text)' but got '\(shown)'")
    return nil
  }

  private mutating func checkRequestMapping(
    _ name: String, _ text: String, _ node: DocumentNode, _ place: OperationPlace, _ operation: APIDefinition.Operation
  ) {
    switch MappingTarget(name) {
    case .integrationRequest(.header, let header)? where !MappingAction.isToken(header):
      fail(node, "\"\(Shown.text(header))\" is no header name")
    case .integrationRequest?: break
    case .methodResponseHeader?, .gatewayResponse?, nil:
      fail(
        node,
        "Invalid mapping expression specified: \(Shown.text(name)); the target of a request mapping has the form "
          + "integration.request.header.NAME, with header, querystring or path",
        suggestion: near(to: name, ["integration.request.header", "integration.request.querystring", "integration.request.path"]))
    }
    checkRequestSource(text, node, place, operation)
  }

  /// A parameter of the request has to be declared by the operation; path parameters are by the path.
  private mutating func checkRequestSource(
    _ text: String, _ node: DocumentNode, _ place: OperationPlace, _ operation: APIDefinition.Operation
  ) {
    switch MappingSource(text) {
    case .constant?, .context?, .stageVariable?, .methodRequestBody?: break
    case .methodRequest(let location, let name, _)?:
      if location == .path, place.pathParameters.contains(name) { return }
      if operation.requestParameters.contains(where: { $0.location == location && $0.name == name }) { return }
      let declared = operation.requestParameters.filter { $0.location == location }.map(\.name)
      fail(
        node, "Invalid mapping expression parameter specified: \(Shown.text(text)); the operation declares no such parameter",
        suggestion: nearest(name, declared))
    case .integrationResponseHeader?, .integrationResponseBody?, nil:
      fail(
        node, DefinitionImporter.badSource(text),
        suggestion: near(to: text, ["method.request.header", "method.request.querystring", "method.request.path", "method.request.body"]))
    }
  }

  /// The mappings of an integration response, each onto a header that the method response of its status declares.
  mutating func responseMappings(
    _ node: DocumentNode?, _ status: String, _ place: OperationPlace, _ operation: APIDefinition.Operation
  ) -> NamedValues<String> {
    var mappings: NamedValues<String> = [:]
    guard let node else { return mappings }
    let declared = operation.responses[status]
    for (name, element) in members(node, "responseParameters") {
      guard let text = mapping(element, name, "responseParameters", place) else { continue }
      mappings[name] = text
      switch MappingTarget(name) {
      case .methodResponseHeader(let header)?:
        if declared == nil {
          fail(element, "No method response exists for method: \(place.text) declares no response \(status)")
        } else if declared?.headers.contains(name: header) == false {
          fail(
            element, "Invalid mapping expression parameter specified: \(Shown.text(name)); the response \(status) declares no such header",
            suggestion: nearest(header, declared?.headers.names ?? []))
        }
      case .integrationRequest?, .gatewayResponse?, nil:
        fail(
          element,
          "Invalid mapping expression specified: \(Shown.text(name)); the target of a response mapping has the form "
            + "method.response.header.NAME")
      }
      switch MappingSource(text) {
      case .constant?, .context?, .stageVariable?, .integrationResponseHeader?, .integrationResponseBody?: break
      case .methodRequest?, .methodRequestBody?, nil:
        fail(
          element, DefinitionImporter.badSource(text),
          suggestion: near(to: text, ["integration.response.header", "integration.response.body"]))
      }
    }
    return mappings
  }

  private mutating func checkAction(
    _ name: String, _ text: String, _ node: DocumentNode, _ side: MappingAction.Side, _ place: OperationPlace
  ) {
    do throws(MappingRefusal) {
      let action = try MappingAction(name, on: side)
      if action.verb == .remove { return }
      let value = try MappingValue(text, on: side)
      if action.part == .statusCode, case .text(let code)? = value.pieces.first, value.pieces.count == 1, !DefinitionImporter.isStatus(code)
      {
        fail(node, "\"\(Shown.text(code))\" is no status code; it has three digits, 100 to 599")
      }
      for case .pathParameter(let name) in value.pieces where !place.pathParameters.contains(name) {
        fail(
          node, "the path \(Shown.text(place.path)) has no parameter {\(Shown.text(name))}", suggestion: nearest(name, place.pathParameters)
        )
      }
    } catch {
      fail(node, error.description)
    }
  }

  /// Cache keys are request parameters of the method or the integration (same guide, "Enabling API caching").
  mutating func cacheKeys(_ node: DocumentNode?, _ place: OperationPlace, _ operation: APIDefinition.Operation) -> [String] {
    var keys: [String] = []
    for element in elements(node, "cacheKeyParameters") {
      guard let text = string(element, "a cache key") else { continue }
      if case .integrationRequest? = MappingTarget(text) {
        // A parameter of the backend's request needs no declaration.
      } else if case .methodRequest? = MappingSource(text) {
        checkRequestSource(text, element, place, operation)
      } else {
        fail(element, "\"\(Shown.text(text))\" is no cache key; it has the form method.request.querystring.NAME")
      }
      if !keys.contains(text) { keys.append(text) }
    }
    return keys
  }

  // MARK: Near misses

  /// The nearest word, for as long as there is patience; a document of nothing but slips would cost much.
  mutating func nearest(_ word: String, _ words: [String]) -> String? { nearest(word) { _ in words } }

  mutating func nearest(_ word: String, among words: (DefinitionImporter) -> [String]) -> String? {
    guard patience > 0 else { return nil }
    patience -= 1
    return NearMiss.nearest(to: word, among: words(self))
  }

  /// As `nearest`, for an expression whose last word is free: its words before that are compared.
  private mutating func near(to text: String, _ heads: [String]) -> String? {
    guard let dot = text.lastIndex(of: ".") else { return nil }
    guard let head = nearest(String(text[..<dot]), heads) else { return nil }
    return head + text[dot...]
  }
}
