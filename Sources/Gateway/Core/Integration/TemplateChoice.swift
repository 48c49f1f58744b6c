// Owns which mapping template a body goes through, if any (API Gateway developer guide, "Select a VTL mapping template" and "Integration
// passthrough behaviors"). What a template says and renders is room VTL's.

/// What a request body for which no template fits meets.
public enum PassthroughBehavior: String, Hashable, Sendable, CaseIterable {
  case whenNoMatch = "WHEN_NO_MATCH"
  case whenNoTemplates = "WHEN_NO_TEMPLATES"
  case never = "NEVER"
}

/// What happens to a body.
public enum TemplateChoice: Equatable, Sendable {
  /// It goes through the template at this index of the list that was compiled.
  case template(Int)
  /// It stays as it is.
  case passthrough
  /// The request is refused: 415, UNSUPPORTED_MEDIA_TYPE.
  case unsupportedMediaType
}

/// The templates of an integration request or of an integration response, by media type.
public struct TemplateTable: Sendable {
  private let byType: ByteTable<Int>
  /// The template under `application/json`, which goes for a header that is missing, and in responses for one that fits none.
  private let json: Int?
  /// The template under `$default`, for requests that fit no other.
  private let otherwise: Int?
  private let isBlank: [Bool]

  /// - Parameter templates: media types with texts, in the definition's order. An empty text leaves the body as it is.
  public init(_ templates: [(mediaType: String, text: String)]) {
    byType = ByteTable(
      templates.enumerated().map { index, template in
        (String(decoding: MediaType(header: Array(template.mediaType.utf8)[...]).essence, as: UTF8.self), index)
      })
    json = byType[TemplateTable.defaultType]
    otherwise = byType[Array("$default".utf8)[...]]
    isBlank = templates.map(\.text.isEmpty)
  }

  public static let defaultType = Array("application/json".utf8)[...]

  /// The choice for a request.
  ///
  /// - Parameters:
  ///   - contentType: the request's Content-Type header; nil stands for `application/json`.
  ///   - behavior: what a body meets for which there is no template.
  public func choice(contentType: ArraySlice<UInt8>?, _ behavior: PassthroughBehavior) -> TemplateChoice {
    let index = contentType.map { byType[MediaType(header: $0).essence] } ?? json
    if let index = index ?? otherwise { return use(index) }
    switch behavior {
    case .whenNoMatch: return .passthrough
    case .whenNoTemplates: return isBlank.isEmpty ? .passthrough : .unsupportedMediaType
    case .never: return .unsupportedMediaType
    }
  }

  /// The choice for a response: the template that the client accepts first, else that of `application/json`, else the first one.
  ///
  /// - Parameter accept: the request's Accept header.
  public func choice(accept: ArraySlice<UInt8>?) -> TemplateChoice {
    if isBlank.isEmpty { return .passthrough }
    let index = accept.flatMap { byType[MediaType(header: $0).essence] }
    return use(index ?? json ?? 0)
  }

  private func use(_ index: Int) -> TemplateChoice { isBlank[index] ? .passthrough : .template(index) }
}
