// Owns the import of an OpenAPI or Swagger document as its caller sees it: what can be chosen, and what comes out.

/// How a document is read.
public struct DefinitionImportOptions: Sendable {
  /// What to make of the base path of a document (API Gateway developer guide, "Set the OpenAPI basePath property").
  public enum BasePath: String, Sendable, CaseIterable {
    /// Paths are as written.
    case ignore
    /// The base path stands before each.
    case prepend
    /// As `prepend`, without the base path's first part.
    case split
  }

  /// What to make of an API that exists (same guide, "Import an OpenAPI file to update an existing API definition").
  public enum Mode: Sendable {
    case overwrite
    /// The document's methods, models and so on replace those of the same name; all others stay.
    case merge(into: APIDefinition)
  }

  public var kind: APIDefinition.Kind
  public var basePath = BasePath.ignore
  public var mode = Mode.overwrite
  public var failsOnWarnings = false
  public var limits = DefinitionLimits()

  public init(kind: APIDefinition.Kind) { self.kind = kind }
}

/// What a definition asks to be protected by, and where: a build that does not enforce it must not serve it.
public struct DefinitionProtection: Hashable, Sendable {
  public enum Kind: Hashable, Sendable {
    case authorizer(String, APIDefinition.Authorizer.Kind)
    case iam
    case apiKey
    case resourcePolicy
  }

  public let kind: Kind
  /// For example `GET /pets`; empty for the API as a whole.
  public let operation: String
  public let file: String
  public let pointer: DocumentPointer
  public let position: DocumentPosition?
}

/// What an import gives.
public struct DefinitionImport: Sendable {
  /// Nil when there is any error, or a warning and the import was to fail on those.
  public let definition: APIDefinition?
  /// Everything that was found, in the order of the document.
  public let findings: [DefinitionFinding]
  /// In the order of paths, then methods, the API as a whole last.
  public let protections: [DefinitionProtection]

  public var errors: [DefinitionFinding] { findings.filter { $0.severity == .error } }
  public var warnings: [DefinitionFinding] { findings.filter { $0.severity == .warning } }
}

extension DefinitionImport {
  /// Reads an OpenAPI 3.0 or 3.1 or a Swagger 2.0 document with AWS's extensions. Goes on after a fault, so that all are told at once.
  public init(_ document: DefinitionDocument, _ options: DefinitionImportOptions) {
    var importer = DefinitionImporter(document, options)
    importer.readRoot()
    var definition: APIDefinition? = importer.definition
    if case .merge(let existing) = options.mode, importer.findings.count(.error) == 0 {
      definition = importer.merged(existing)
    }
    let findings = importer.findings
    let fails = findings.count(.error) > 0 || (options.failsOnWarnings && findings.count(.warning) > 0)
    self.definition = fails ? nil : definition
    self.findings = findings.placed(in: document)
    protections = importer.placedProtections
  }
}
