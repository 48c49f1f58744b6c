// Owns what becomes of a body on its way between text and bytes (API Gateway developer guide, "Content type conversions in API Gateway",
// and the matrix recorded from the service).

/// `contentHandling` of an integration or of an integration response.
public enum ContentHandling: String, Hashable, Sendable, CaseIterable {
  case convertToText = "CONVERT_TO_TEXT"
  case convertToBinary = "CONVERT_TO_BINARY"
}

/// What is done to a body. HTTP_PROXY passes bodies untouched, and MOCK has none.
public enum ContentConversion: Equatable, Sendable {
  /// It passes as it is.
  case asIs
  /// It is read as UTF-8, and what is none becomes U+FFFD: a body of bytes does not survive this.
  case text
  case encodeBase64
  /// It is text in Base64 and becomes bytes; other text fails with 500.
  case decodeBase64

  /// The conversion of a request's body.
  ///
  /// - Parameters:
  ///   - isBinary: whether the request's Content-Type is among the API's binary media types.
  ///   - handling: `contentHandling` of the integration.
  public static func request(isBinary: Bool, _ handling: ContentHandling?) -> ContentConversion {
    switch (isBinary, handling) {
    case (true, .convertToText): .encodeBase64
    case (true, .convertToBinary), (true, nil): .asIs
    case (false, .convertToBinary): .decodeBase64
    case (false, .convertToText), (false, nil): .text
    }
  }

  /// The conversion of an integration's response.
  ///
  /// - Parameters:
  ///   - isBinary: whether the response's Content-Type is among the API's binary media types.
  ///   - acceptsBinary: whether the first type of the request's Accept header is.
  ///   - handling: `contentHandling` of the integration response.
  public static func response(isBinary: Bool, acceptsBinary: Bool, _ handling: ContentHandling?) -> ContentConversion {
    switch handling {
    case .convertToText: isBinary ? .encodeBase64 : .text
    case .convertToBinary: isBinary ? .asIs : .decodeBase64
    case nil:
      switch (isBinary, acceptsBinary) {
      case (true, true): .asIs
      case (true, false): .encodeBase64
      case (false, true): .decodeBase64
      case (false, false): .text
      }
    }
  }

  /// The conversion of what a function returned to a proxy integration.
  ///
  /// - Parameters:
  ///   - isBase64Encoded: as the function says.
  ///   - acceptsBinary: whether the first type of the request's Accept header is among the API's binary media types. The response's
  ///     Content-Type is not asked.
  public static func functionResponse(isBase64Encoded: Bool, acceptsBinary: Bool) -> ContentConversion {
    isBase64Encoded && acceptsBinary ? .decodeBase64 : .asIs
  }

  /// The body behind the conversion.
  ///
  /// - Returns: nil where text is no Base64, or, before a template, where bytes are no text: the caller answers 500,
  ///   API_CONFIGURATION_ERROR.
  public func apply(to body: ArraySlice<UInt8>, beforeTemplate: Bool = false) -> ArraySlice<UInt8>? {
    switch self {
    case .asIs: return beforeTemplate && !UTF8Repair.isValid(body) ? nil : body
    case .text: return UTF8Repair.repaired(body)
    case .encodeBase64: return Base64Text.encode(body)[...]
    case .decodeBase64:
      guard let bytes = Base64Text.decode(body) else { return nil }
      return beforeTemplate && !UTF8Repair.isValid(bytes[...]) ? nil : bytes[...]
    }
  }
}

/// Bytes read as UTF-8 (RFC 3629).
enum UTF8Repair {
  static func isValid(_ bytes: ArraySlice<UInt8>) -> Bool {
    do {
      _ = try UTF8Span(validating: bytes.span)
      return true
    } catch { return false }
  }

  /// The same bytes, or, where some are no UTF-8, with U+FFFD for each longest run that begins like a character and is none.
  static func repaired(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    isValid(bytes) ? bytes : Array(String(decoding: bytes, as: UTF8.self).utf8)[...]
  }
}
