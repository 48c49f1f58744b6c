// Owns the places of an API that requests are sent to: the resources of a REST API and the routes of an HTTP API.

extension APIDefinition {
  /// A node of a REST API's path tree.
  public struct Resource: Hashable, Sendable {
    /// From the root; empty for "/".
    public let segments: [PathPart]
    /// The index of the resource above it; nil for the root alone.
    public var parent: Int?
    /// At most one for each HTTP method, in the order of `RouteMethod`.
    public var methods: [Method] = []

    public init(segments: [PathPart], parent: Int?) {
      self.segments = segments
      self.parent = parent
    }

    /// For example `/pets/{petId}`.
    public var path: String { segments.isEmpty ? "/" : segments.map { "/" + $0.text }.joined() }

    /// The method that answers exactly this one.
    public subscript(method: RouteMethod) -> Method? { methods.first { $0.method == method } }
  }

  /// One part of a REST API's path.
  public enum PathPart: Hashable, Sendable {
    case literal(String)
    /// `{name}`
    case parameter(String)
    /// `{name+}`, which takes the rest of the path.
    case greedy(String)

    public var text: String {
      switch self {
      case .literal(let text): text
      case .parameter(let name): "{\(name)}"
      case .greedy(let name): "{\(name)+}"
      }
    }

    /// The name under which a request's value is found.
    public var parameterName: String? {
      switch self {
      case .literal: nil
      case .parameter(let name), .greedy(let name): name
      }
    }
  }

  /// What a REST resource does with one HTTP method, or with ANY that has none of its own.
  public struct Method: Hashable, Sendable {
    public let method: RouteMethod
    public var operation: Operation

    public init(method: RouteMethod, operation: Operation) {
      self.method = method
      self.operation = operation
    }
  }

  /// A route of an HTTP API.
  public struct Route: Hashable, Sendable {
    public let key: RouteKey
    public var operation: Operation

    public init(key: RouteKey, operation: Operation) {
      self.key = key
      self.operation = operation
    }
  }
}
