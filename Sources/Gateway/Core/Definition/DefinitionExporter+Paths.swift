// Owns the writing of paths, operations and integrations.
import Runtime

extension DefinitionExporter {
  /// Every resource that has methods, and every one at the end of a branch, from which the others follow; the root last, as AWS has it.
  func resources() -> JSONValue {
    let parents = Set(definition.resources.compactMap(\.parent))
    var paths = MemberList()
    for (index, resource) in definition.resources.enumerated() where index > 0 {
      if !resource.methods.isEmpty || !parents.contains(index) { paths.add(resource.path, path(resource)) }
    }
    if let root = definition.resources.first, !root.methods.isEmpty { paths.add("/", path(root)) }
    return paths.object
  }

  private func path(_ resource: APIDefinition.Resource) -> JSONValue {
    .object(resource.methods.map { JSONMember(name($0.method), operation($0.operation, of: nil)) })
  }

  func routes() -> JSONValue {
    var paths: NamedValues<[JSONMember]> = [:]
    for route in definition.routes {
      let path = route.key.isDefault ? "/$default" : String(route.key.text.drop { $0 != "/" })
      paths[path, default: []].append(JSONMember(name(route.key.method), operation(route.operation, of: route.key)))
    }
    return .object(paths.map { JSONMember($0.name, .object($0.value)) })
  }

  private func name(_ method: RouteMethod) -> String { method == .any ? AWSExtension.anyMethod : method.text.lowercased() }

  /// - Parameter key: that of an HTTP API's route.
  private func operation(_ operation: APIDefinition.Operation, of key: RouteKey?) -> JSONValue {
    var members = MemberList()
    members.add("operationId", operation.name)
    if isSwagger {
      members.add("consumes", operation.requestModels.names)
      members.add("produces", produced(operation))
    }
    addParameters(operation, &members)
    if !operation.requestModels.isEmpty, !isSwagger {
      members.add("requestBody", ["content": content(operation.requestModels), "required": true])
    }
    if let key, operation.responses.isEmpty {
      // OpenAPI demands a response, and HTTP APIs declare none.
      members.add("responses", ["default": ["description": .string("Default response for \(key.text)")]])
    } else {
      members.add("responses", .object(operation.responses.map { JSONMember($0.name, response($0.name, $0.value)) }))
    }
    addSecurity(operation, &members)
    if key?.isDefault == true { members.add("isDefaultRoute", true) }
    if hasAll { members.add(AWSExtension.requestValidator, operation.requestValidator) }
    if options.extensions.contains(.integrations) { members.add(AWSExtension.integration, operation.integration.map(integration)) }
    return members.object
  }

  /// The media types of all responses, each once.
  private func produced(_ operation: APIDefinition.Operation) -> [String] {
    var types: NamedValues<Bool> = [:]
    for response in operation.responses {
      for name in response.value.models.names { types[name] = true }
    }
    return types.names
  }

  private func addParameters(_ operation: APIDefinition.Operation, _ members: inout MemberList) {
    var parameters = operation.requestParameters.map(parameter)
    if isSwagger, let model = operation.requestModels.first {
      parameters.append(["in": "body", "name": .string(model.value), "required": true, "schema": reference(model.value)])
    }
    if !parameters.isEmpty { members.add("parameters", .array(parameters)) }
  }

  private func parameter(_ parameter: APIDefinition.RequestParameter) -> JSONValue {
    var members = MemberList()
    members.add("name", parameter.name)
    members.add("in", parameter.location == .querystring ? "query" : parameter.location.rawValue)
    if parameter.isRequired { members.add("required", true) }
    if isSwagger { members.add("type", "string") } else { members.add("schema", ["type": "string"]) }
    return members.object
  }

  private func content(_ models: NamedValues<String>) -> JSONValue {
    .object(models.map { JSONMember($0.name, ["schema": reference($0.value)]) })
  }

  private func response(_ status: String, _ response: APIDefinition.MethodResponse) -> JSONValue {
    var members = MemberList()
    members.add("description", "\(status) response")
    if isSwagger { members.add("schema", response.models.first.map { reference($0.value) }) }
    if !response.headers.isEmpty {
      members.add(
        "headers",
        .object(
          response.headers.map { header in
            var entry = MemberList()
            if header.value, !isSwagger { entry.add("required", true) }
            if isSwagger { entry.add("type", "string") } else { entry.add("schema", ["type": "string"]) }
            return JSONMember(header.name, entry.object)
          }))
    }
    if !isSwagger { members.add("content", content(response.models)) }
    return members.object
  }

  // MARK: Integrations

  private func integration(_ integration: APIDefinition.Integration) -> JSONValue {
    var members = MemberList()
    members.add("type", integration.kind.rawValue)
    members.add("integrationSubtype", integration.subtype)
    members.add("httpMethod", integration.httpMethod)
    members.add("uri", integration.uri)
    if case .vpcLink(let id) = integration.connection {
      members.add("connectionType", "VPC_LINK")
      members.add("connectionId", id)
    }
    members.add("credentials", integration.credentials)
    if !integration.responses.isEmpty {
      members.add("responses", .object(integration.responses.map { JSONMember($0.selectionPattern ?? "default", response($0)) }))
    }
    members.add("requestParameters", texts: integration.requestParameters)
    if !integration.responseParameters.isEmpty {
      members.add(
        "responseParameters",
        .object(
          integration.responseParameters.map { entry in
            JSONMember(entry.name, .object(entry.value.map { JSONMember($0.name, .string($0.value)) }))
          }))
    }
    members.add("requestTemplates", texts: integration.requestTemplates)
    if definition.kind == .rest || integration.passthrough != .whenNoMatch {
      members.add("passthroughBehavior", integration.passthrough.rawValue)
    }
    members.add("timeoutInMillis", integration.timeoutMilliseconds.map { JSONValue($0) })
    members.add("cacheNamespace", integration.cacheNamespace)
    members.add("cacheKeyParameters", integration.cacheKeyParameters)
    members.add("contentHandling", integration.contentHandling?.rawValue)
    members.add("payloadFormatVersion", integration.payloadFormatVersion)
    members.add("responseTransferMode", integration.transferMode?.rawValue)
    members.add("integrationTarget", integration.target)
    if let tls = integration.tls {
      var entry = MemberList()
      entry.add("insecureSkipVerification", .bool(tls.skipsVerification))
      entry.add("serverNameToVerify", tls.serverNameToVerify)
      members.add("tlsConfig", entry.object)
    }
    return members.object
  }

  private func response(_ response: APIDefinition.IntegrationResponse) -> JSONValue {
    var members = MemberList()
    members.add("statusCode", response.statusCode)
    members.add("responseParameters", texts: response.parameters)
    members.add("responseTemplates", texts: response.templates)
    members.add("contentHandling", response.contentHandling?.rawValue)
    return members.object
  }
}
