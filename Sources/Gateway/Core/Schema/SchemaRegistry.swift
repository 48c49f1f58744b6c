// Owns: the documents that a schema may refer to: an API's models by name, and others by address. Nothing is ever fetched: what is
// neither here nor a metaschema does not exist.
import Runtime

/// The documents that references reach.
public struct SchemaRegistry: Sendable {
  private var documents: [String: JSONValue] = [:]
  private var models: [String: JSONValue] = [:]

  public init() {}

  /// Adds a document.
  /// - Parameter uri: its absolute address; a fragment does not count.
  public mutating func add(_ document: JSONValue, at uri: String) { documents[SchemaURI(uri).document] = document }

  /// Adds a model of the API, which others call `https://apigateway.amazonaws.com/restapis/{apiId}/models/{name}` (API Gateway developer
  /// guide, "Data models for REST APIs"), `#/definitions/{name}` (Swagger 2.0) or `#/components/schemas/{name}` (OpenAPI 3).
  public mutating func add(_ model: JSONValue, named name: String) { models[name] = model }

  /// The document at an address without fragment.
  func document(_ uri: String) -> JSONValue? {
    if let document = documents[uri] { return document }
    if let name = Self.modelName(inAddress: uri) { return models[name] }
    return Metaschema.document(uri)
  }

  /// The address that stands for a model here, whatever API it was written for.
  static func address(ofModel name: String) -> String { "https://apigateway.amazonaws.com/restapis/-/models/\(name)" }

  /// The address under which a document is kept: of all addresses of a model one.
  func canonical(_ uri: String) -> String {
    guard documents[uri] == nil, let name = Self.modelName(inAddress: uri), models[name] != nil else { return uri }
    return Self.address(ofModel: name)
  }

  /// The address of the model that a pointer means which leads nowhere in its own document.
  func model(atPointer pointer: String) -> String? {
    for folder in ["/definitions/", "/components/schemas/"] where pointer.hasPrefix(folder) {
      let name = String(pointer.dropFirst(folder.count)).replacing("~1", with: "/").replacing("~0", with: "~")
      if models[name] != nil { return Self.address(ofModel: name) }
    }
    return nil
  }

  /// The name in `https://apigateway.{any region}amazonaws.com/restapis/{any API}/models/{name}`.
  private static func modelName(inAddress uri: String) -> String? {
    let parts = uri.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 7, parts[0] == "https:", parts[1].isEmpty, parts[3] == "restapis", parts[5] == "models" else { return nil }
    guard parts[2].hasPrefix("apigateway."), parts[2].hasSuffix("amazonaws.com") || parts[2].hasSuffix("amazonaws.com.cn") else {
      return nil
    }
    return String(parts[6])
  }
}
