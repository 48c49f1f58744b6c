// Owns the reading of `paths`: into the resources of a REST API, or into the routes of an HTTP API.
import Runtime

extension DefinitionImporter {
  /// One operation's place in the API.
  struct OperationPlace {
    let method: RouteMethod
    let path: String
    /// The names of the path's parameters.
    let pathParameters: [String]
    /// The name of the parameter that is the last part, where it is not greedy.
    var lastParameter: String?
    /// Of an HTTP API's `$default`.
    var isDefault = false

    /// For messages, for example `GET /pets`.
    var text: String { isDefault ? "$default" : "\(method.text) \(path)" }
  }

  /// The members of a path that are operations. TRACE is none of API Gateway's methods.
  private static let methods: [(name: String, method: RouteMethod)] = [
    ("get", .get), ("head", .head), ("post", .post), ("put", .put), ("patch", .patch), ("delete", .delete), ("options", .options),
    (AWSExtension.anyMethod, .any),
  ]

  /// What a path item holds: its own parameters, and its operations with their methods.
  private mutating func readPath(_ node: DocumentNode) -> (parameters: DocumentNode?, operations: [(RouteMethod, DocumentNode)])? {
    guard let item = resolved(node, "path"), let fields = fields(item, .path) else { return nil }
    if let trace = fields["trace"] { warn(trace, "API Gateway has no method TRACE; the operation is ignored") }
    if fields["$ref"] == nil, node.pointer != item.pointer, node.value.objectValue?.count ?? 1 > 1 {
      warn(node, "what stands beside $ref is ignored")
    }
    return (fields["parameters"], DefinitionImporter.methods.compactMap { name, method in fields[name].map { (method, $0) } })
  }

  // MARK: REST

  mutating func readResources(_ node: DocumentNode, basePath: String) {
    var tree = ResourceTree(limits: limits)
    for (path, item) in members(node, "the paths") {
      if path.hasPrefix("x-") {
        note(item, "\"\(Shown.text(path))\" is another tool's extension; nothing here reads it")
        continue
      }
      guard let (parameters, operations) = readPath(item) else { continue }
      let parts: [APIDefinition.PathPart]
      let number: Int
      do throws(PathRefusal) {
        parts = try ResourceTree.parts(DefinitionImporter.joined(basePath, path), limits)
        number = try tree.insert(parts)
      } catch {
        fail(item, error.reason)
        continue
      }
      if path.count > 1, path.hasSuffix("/") { note(item, "the slash at the end of the path makes no difference to a REST API") }
      let resource = APIDefinition.Resource(segments: parts, parent: nil)
      for (method, operation) in operations {
        var place = OperationPlace(method: method, path: resource.path, pathParameters: parts.compactMap(\.parameterName))
        if case .parameter(let name)? = parts.last { place.lastParameter = name }
        let read = readOperation(operation, place, shared: parameters)
        if !tree.add(APIDefinition.Method(method: method, operation: read), to: number) {
          fail(operation, "\(place.text) stands twice in the document")
        }
      }
    }
    definition.resources = tree.resources()
  }

  private static func joined(_ basePath: String, _ path: String) -> String {
    basePath.isEmpty ? path : path == "/" ? basePath : basePath + path
  }

  // MARK: HTTP

  mutating func readRoutes(_ node: DocumentNode, basePath: String) {
    var routes: [APIDefinition.Route] = []
    var shapes: Set<[RouteKey.Segment]> = []
    for (path, item) in members(node, "the paths") {
      if path.hasPrefix("x-") {
        note(item, "\"\(Shown.text(path))\" is another tool's extension; nothing here reads it")
        continue
      }
      guard let (parameters, operations) = readPath(item) else { continue }
      for (method, operation) in operations {
        guard let key = routeKey(path, basePath, method, operation) else { continue }
        let place = OperationPlace(
          method: method, path: DefinitionImporter.joined(basePath, path), pathParameters: key.segments.compactMap(\.parameterName),
          isDefault: key.isDefault)
        let read = readOperation(operation, place, shared: parameters)
        if !shapes.insert(key.shape).inserted { fail(operation, "another route takes the same requests as \(place.text)") }
        if routes.count == limits.pathsMax { fail(operation, "the API has more than \(limits.pathsMax) routes") }
        if routes.count < limits.pathsMax { routes.append(APIDefinition.Route(key: key, operation: read)) }
      }
    }
    definition.routes = routes.sorted { $0.key.comesBefore($1.key) }
  }

  private mutating func routeKey(_ path: String, _ basePath: String, _ method: RouteMethod, _ operation: DocumentNode) -> RouteKey? {
    let mark = operation.value["isDefaultRoute"].map { DocumentNode(value: $0, pointer: operation.pointer.appending("isDefaultRoute")) }
    let isDefault = flag(mark, "isDefaultRoute") ?? (path == "/$default" && method == .any)
    if let mark, method != .any, isDefault { fail(mark, "only \(AWSExtension.anyMethod) can be the default route") }
    let text = isDefault && method == .any ? "$default" : "\(method.text) \(DefinitionImporter.joined(basePath, path))"
    var bounds = RouteLimits()
    bounds.keyBytesMax = limits.pathBytesMax
    do throws(RouteKeyError) {
      return try RouteKey(text, limits: bounds)
    } catch {
      fail(operation, error.description)
      return nil
    }
  }
}

extension RouteKey.Segment {
  var parameterName: String? {
    switch self {
    case .literal: nil
    case .parameter(let name), .greedy(let name): name
    }
  }

  /// As it stands in a path.
  fileprivate var text: String {
    switch self {
    case .literal(let text): text
    case .parameter(let name): "{\(name)}"
    case .greedy(let name): "{\(name)+}"
    }
  }
}

extension RouteKey {
  /// Equal for keys that take the same requests: names of parameters do not count.
  var shape: [Segment] {
    [.literal(isDefault ? "$default" : method.text)]
      + segments.map { segment in
        switch segment {
        case .literal: segment
        case .parameter: .parameter("")
        case .greedy: .greedy("")
        }
      }
  }

  /// By path, then method, `$default` last.
  func comesBefore(_ other: RouteKey) -> Bool {
    if isDefault != other.isDefault { return other.isDefault }
    for (mine, theirs) in zip(segments, other.segments) where mine != theirs { return mine.text < theirs.text }
    return (segments.count, method.rawValue) < (other.segments.count, other.method.rawValue)
  }
}
