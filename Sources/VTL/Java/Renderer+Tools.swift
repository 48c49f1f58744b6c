// Owns: `$util` (developer guide, "`$util` variables").

extension Renderer {
  func invokeUtil(_ method: Method, _ arguments: Arguments) throws(RenderFault) -> Value {
    guard arguments.count == 1, !arguments[0].isNull else { return .null }
    switch method {
    case .escapeJavaScript, .urlEncode, .urlDecode, .base64Encode, .base64Decode, .parseJson: break
    default: return .null
    }
    let text = try text(of: arguments[0], at: arguments.offset)
    try count(text.count / 32, at: arguments.offset)
    switch method {
    case .escapeJavaScript: return .text(TextCodecs.escapedJavaScript(text)[...])
    case .urlEncode: return .text(TextCodecs.urlEncoded(text)[...])
    case .urlDecode:
      guard let decoded = TextCodecs.urlDecoded(text) else { throw arguments.fault("'%' needs two hexadecimal digits behind it") }
      return .text(decoded[...])
    case .base64Encode: return .text(TextCodecs.base64Encoded(text)[...])
    case .base64Decode: return .text(TextCodecs.base64Decoded(text)[...])
    default: return try parsed(text, arguments)
    }
  }

  /// The value of a JSON text, read as leniently as a body.
  private func parsed(_ text: ArraySlice<UInt8>, _ arguments: Arguments) throws(RenderFault) -> Value {
    do {
      return try JSONDocument(lenient: text, limits: limits.json).value(at: 0)
    } catch {
      throw arguments.fault("the text is no JSON: \(error)")
    }
  }
}
