// Owns the merging of a document into an API that exists (API Gateway developer guide, "Import an OpenAPI file to update an existing API
// definition"): what the document defines replaces what bears the same name; all else stays.

extension DefinitionImporter {
  /// The existing API with the document's in it; where both cannot live together, a finding.
  mutating func merged(_ existing: APIDefinition) -> APIDefinition {
    let fresh = definition
    guard existing.kind == fresh.kind else {
      findings.add(
        .error, DocumentPointer(),
        "the document is of \(fresh.kind.rawValue) kind and cannot be merged into a \(existing.kind.rawValue) API")
      return existing
    }
    var result = existing
    result.name = fresh.name
    result.description = fresh.description ?? existing.description
    result.version = fresh.version ?? existing.version
    result.tags.merge(fresh.tags)
    if document.root[AWSExtension.apiKeySource] != nil { result.apiKeySource = fresh.apiKeySource }
    result.binaryMediaTypes += fresh.binaryMediaTypes.filter { !existing.binaryMediaTypes.contains($0) }
    result.minimumCompressionSize = fresh.minimumCompressionSize ?? existing.minimumCompressionSize
    if fresh.endpoint != APIDefinition.Endpoint() { result.endpoint = fresh.endpoint }
    result.policy = fresh.policy ?? existing.policy
    result.cors = fresh.cors ?? existing.cors
    result.models.merge(fresh.models)
    result.requestValidators.merge(fresh.requestValidators)
    result.authorizers.merge(fresh.authorizers)
    result.gatewayResponses.merge(fresh.gatewayResponses)
    result.documentation = fresh.documentation ?? existing.documentation
    switch existing.kind {
    case .rest: mergeResources(fresh, into: &result)
    case .http: mergeRoutes(fresh, into: &result)
    }
    return result
  }

  private mutating func mergeResources(_ fresh: APIDefinition, into result: inout APIDefinition) {
    var tree = ResourceTree(limits: limits)
    // The fresh ones first: a method that is there already is the one that stays.
    for resource in fresh.resources + result.resources {
      do throws(PathRefusal) {
        let number = try tree.insert(resource.segments)
        for method in resource.methods { _ = tree.add(method, to: number) }
      } catch {
        findings.add(.error, DocumentPointer(["paths"]), "\(resource.path) cannot be merged: \(error.reason)")
      }
    }
    result.resources = tree.resources()
  }

  private func mergeRoutes(_ fresh: APIDefinition, into result: inout APIDefinition) {
    let keys = Set(fresh.routes.map(\.key.shape))
    let routes = fresh.routes + result.routes.filter { !keys.contains($0.key.shape) }
    result.routes = routes.sorted { $0.key.comesBefore($1.key) }
  }
}
