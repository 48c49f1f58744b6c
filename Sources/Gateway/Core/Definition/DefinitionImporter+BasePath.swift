// Owns the base path of a document: `basePath` of Swagger, the servers of OpenAPI, and what an import makes of it.

extension DefinitionImporter {
  /// What stands before every path: empty, or a path that begins with a slash and ends without one.
  mutating func readBasePath(_ fields: Fields) -> String {
    var basePath = string(fields["basePath"], "basePath") ?? ""
    if let node = fields["basePath"], !basePath.isEmpty, !basePath.hasPrefix("/") { fail(node, "basePath begins with a slash") }
    if let servers = fields["servers"] { basePath = readServers(servers) }
    var parts = basePath.split(separator: "/").map(String.init)
    switch options.basePath {
    case .ignore: return ""
    case .prepend: break
    case .split: parts = Array(parts.dropFirst())
    }
    return parts.map { "/" + $0 }.joined()
  }

  /// The first server that has a path. A variable of the name `basePath` is taken for it, even where the URL does not use it (API Gateway
  /// developer guide, "Set the OpenAPI basePath property").
  private mutating func readServers(_ node: DocumentNode) -> String {
    var basePath: String?
    for element in elements(node, "the servers") {
      guard let server = fields(element, .server) else { continue }
      if let endpoint = server[AWSExtension.endpointConfiguration] { readEndpoint(endpoint) }
      var variables: [String: String] = [:]
      for (name, variable) in members(server["variables"] ?? element.nothing, "the variables") {
        guard let fields = fields(variable, .serverVariable) else { continue }
        variables[name] = text(fields["default"], "the default of a server variable")
      }
      let url = string(server["url"], "the URL of a server") ?? ""
      let path = variables["basePath"] ?? DefinitionImporter.path(ofURL: DefinitionImporter.filled(url, variables))
      if basePath == nil, !path.isEmpty, path != "/" { basePath = path }
    }
    return basePath ?? ""
  }

  /// The URL with its `{variables}` replaced by their defaults.
  private static func filled(_ url: String, _ variables: [String: String]) -> String {
    var result = ""
    var rest = url[...]
    // A default that stands for itself many times over would make a long URL of a short document.
    while result.utf8.count < 8192, let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
      let name = String(rest[rest.index(after: open)..<close])
      result += rest[..<open]
      result += variables[name] ?? ""
      rest = rest[rest.index(after: close)...]
    }
    return result + rest
  }

  /// RFC 3986 section 3: what stands between the authority and the query.
  private static func path(ofURL url: String) -> String {
    var rest = url[...]
    if let scheme = rest.firstIndex(of: ":"), rest[scheme...].hasPrefix("://") {
      rest = rest[scheme...].dropFirst(3)
      guard let slash = rest.firstIndex(of: "/") else { return "" }
      rest = rest[slash...]
    }
    return String(rest.prefix { $0 != "?" && $0 != "#" })
  }
}
