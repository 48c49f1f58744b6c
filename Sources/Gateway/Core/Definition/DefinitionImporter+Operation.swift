// Owns the reading of one operation: what a request has to bring and what a response may be. Its security and its integration are read
// in files of their own.

import Runtime

extension DefinitionImporter {
  mutating func readOperation(_ node: DocumentNode, _ place: OperationPlace, shared: DocumentNode?) -> APIDefinition.Operation {
    var operation = APIDefinition.Operation()
    guard let fields = fields(node, .operation) else { return operation }
    operation.name = string(fields["operationId"], "operationId")
    if let mark = fields["isDefaultRoute"], definition.kind == .rest { warn(mark, "a REST API has no default route") }
    if let callbacks = fields["callbacks"] { note(callbacks, "callbacks are calls that an API makes; an API gateway serves none") }
    if let servers = fields["servers"] { note(servers, "an API gateway answers by itself; servers of an operation have no effect") }
    readParameters(shared, own: fields["parameters"], fields, place, &operation)
    if let body = fields["requestBody"] { readRequestBody(body, &operation) }
    readResponses(fields, &operation)
    readSecurity(fields, place, &operation)
    readValidator(fields, &operation)
    if let integration = fields[AWSExtension.integration] {
      operation.integration = readIntegration(integration, place, operation)
    } else {
      note(node, "\(place.text) has no \(AWSExtension.integration); an API is deployed with one for each operation")
    }
    return operation
  }

  private mutating func readValidator(_ fields: Fields, _ operation: inout APIDefinition.Operation) {
    guard let node = fields[AWSExtension.requestValidator] ?? rootValidator, let name = string(node, "a request validator") else { return }
    if definition.kind == .http { note(node, "AWS validates requests of REST APIs only; an HTTP API here keeps the validator") }
    if definition.requestValidators.contains(name: name) {
      operation.requestValidator = name
    } else {
      let near = nearest(name) { $0.definition.requestValidators.names }
      fail(node, "there is no request validator \"\(Shown.text(name))\" in \(AWSExtension.requestValidators)", suggestion: near)
    }
  }

  // MARK: Parameters

  /// A path's parameters hold for all of its operations; one of the same place and name replaces it (OpenAPI section 4.8.9).
  private mutating func readParameters(
    _ shared: DocumentNode?, own: DocumentNode?, _ fields: Fields, _ place: OperationPlace, _ operation: inout APIDefinition.Operation
  ) {
    for (list, isOwn) in [(shared, false), (own, true)] {
      var seen: Set<String> = []
      for element in elements(list, "the parameters") {
        guard let node = resolved(element, "parameter"), let parameter = self.fields(node, .parameter) else { continue }
        guard let location = string(parameter["in"], "the place of a parameter") else {
          if parameter["in"] == nil { fail(node, "the parameter does not say where it is: \"in\" is missing") }
          continue
        }
        guard let name = string(parameter["name"], "the name of a parameter"), !name.isEmpty else {
          if parameter["name"] == nil || parameter["name"]?.value == "" { fail(node, "the parameter has no name") }
          continue
        }
        guard seen.insert(location + "." + name).inserted else {
          fail(element, "the parameter \"\(Shown.text(name))\" in \(Shown.text(location)) stands twice")
          continue
        }
        read(parameter, name, location, fields, place, isOwn: isOwn, &operation)
      }
    }
    addPathParameter(place, &operation)
  }

  private mutating func read(
    _ parameter: Fields, _ name: String, _ location: String, _ fields: Fields, _ place: OperationPlace, isOwn: Bool,
    _ operation: inout APIDefinition.Operation
  ) {
    let isRequired = flag(parameter["required"], "required") ?? false
    switch location {
    case "query": add(APIDefinition.RequestParameter(.querystring, name, isRequired: isRequired), &operation)
    case "header": add(APIDefinition.RequestParameter(.header, name, isRequired: isRequired), &operation)
    case "path":
      if !place.pathParameters.contains(name), isOwn, !place.isDefault {
        let near = nearest(name, place.pathParameters)
        warn(parameter.node, "the path \(Shown.text(place.path)) has no part {\(Shown.text(name))}", suggestion: near)
      }
      // A path without it would be another path (OpenAPI section 4.8.12).
      add(APIDefinition.RequestParameter(.path, name, isRequired: true), &operation)
    case "body" where format.isSwagger:
      guard let schema = parameter["schema"] else { return }
      guard let model = modelName(schema) else { return }
      for type in mediaTypes(fields["consumes"], consumes) { operation.requestModels[type] = model }
    case "cookie", "formData":
      warn(parameter.node, "API Gateway knows parameters in path, query and header; \"\(Shown.text(name))\" in \(location) is ignored")
    default:
      let known = ["path", "query", "header", "body", "cookie"]
      let near = nearest(location, known)
      fail(parameter.node, "a parameter is in path, query or header, not in \"\(Shown.text(location))\"", suggestion: near)
    }
  }

  private func add(_ parameter: APIDefinition.RequestParameter, _ operation: inout APIDefinition.Operation) {
    let same = { (other: APIDefinition.RequestParameter) in other.location == parameter.location && other.name == parameter.name }
    if let index = operation.requestParameters.firstIndex(where: same) {
      operation.requestParameters[index] = parameter
    } else {
      operation.requestParameters.append(parameter)
    }
  }

  /// AWS declares the parameter of a REST resource's last part by itself; others are declared by the document.
  private func addPathParameter(_ place: OperationPlace, _ operation: inout APIDefinition.Operation) {
    guard definition.kind == .rest, let name = place.lastParameter else { return }
    add(APIDefinition.RequestParameter(.path, name, isRequired: true), &operation)
  }

  /// Of a Swagger operation: its own media types, else the document's, else JSON.
  private mutating func mediaTypes(_ own: DocumentNode?, _ shared: [String]) -> [String] {
    let types = own.map { strings($0, "the media types") } ?? shared
    return types.isEmpty ? ["application/json"] : types
  }

  // MARK: Bodies

  private mutating func readRequestBody(_ node: DocumentNode, _ operation: inout APIDefinition.Operation) {
    guard !format.isSwagger else { return warn(node, "Swagger 2.0 has no requestBody; it is ignored") }
    guard let body = resolved(node, "request body"), let fields = fields(body, .requestBody) else { return }
    operation.requestModels = models(fields["content"])
  }

  /// Media types with a schema each.
  private mutating func models(_ content: DocumentNode?) -> NamedValues<String> {
    var models: NamedValues<String> = [:]
    guard let content else { return models }
    for (type, element) in members(content, "content") {
      guard let fields = fields(element, .mediaType), let schema = fields["schema"] else { continue }
      models[type] = modelName(schema)
    }
    return models
  }

  private mutating func readResponses(_ fields: Fields, _ operation: inout APIDefinition.Operation) {
    guard let node = fields["responses"] else { return }
    for (status, element) in members(node, "the responses") {
      if status.hasPrefix("x-") {
        note(element, "\"\(Shown.text(status))\" is another tool's extension; nothing here reads it")
        continue
      }
      guard let response = resolved(element, "response"), let parts = self.fields(response, .response) else { continue }
      guard DefinitionImporter.isStatus(status) else {
        if status == "default" || (status.utf8.count == 3 && status.uppercased().hasSuffix("XX")) {
          note(element, "API Gateway declares responses by status; \"\(status)\" is ignored")
        } else {
          fail(element, "\"\(Shown.text(status))\" is no status code; a response has three digits, 100 to 599")
        }
        continue
      }
      operation.responses[status] = methodResponse(parts, fields)
    }
  }

  /// Three digits, 100 to 599.
  static func isStatus(_ text: String) -> Bool {
    guard text.utf8.count == 3, let code = Int(text) else { return false }
    return (100...599).contains(code)
  }

  private mutating func methodResponse(_ parts: Fields, _ fields: Fields) -> APIDefinition.MethodResponse {
    var response = APIDefinition.MethodResponse()
    for (name, element) in members(parts["headers"] ?? parts.node.nothing, "the headers") {
      guard let node = resolved(element, "header"), let header = self.fields(node, .header) else { continue }
      guard MappingAction.isToken(name) else {
        fail(element, "\"\(Shown.text(name))\" is no header name (RFC 9110 section 5.6.2)")
        continue
      }
      response.headers[name] = flag(header["required"], "required") ?? false
    }
    if format.isSwagger {
      if let schema = parts["schema"], let model = modelName(schema) {
        for type in mediaTypes(fields["produces"], produces) { response.models[type] = model }
      }
    } else {
      response.models = models(parts["content"])
    }
    return response
  }
}
