// Owns a query string as parameters and back (WHATWG URL, "application/x-www-form-urlencoded parsing", which the service follows: "+" is
// a blank). Order and duplicates stay.

public enum QueryText {
  /// The parameters of a query string, decoded.
  ///
  /// - Parameters:
  ///   - query: what stands behind the "?".
  ///   - max: the most parameters to read.
  /// - Returns: nil where there are more.
  public static func parameters(_ query: ArraySlice<UInt8>, max: Int = 1024) -> [MessageField]? {
    var parameters: [MessageField] = []
    var start = query.startIndex
    while start < query.endIndex {
      let end = query[start...].firstIndex(of: UInt8(ascii: "&")) ?? query.endIndex
      if end > start {
        if parameters.count == max { return nil }
        let equals = query[start..<end].firstIndex(of: UInt8(ascii: "=")) ?? end
        let value = equals < end ? decoded(query[(equals + 1)..<end]) : []
        parameters.append(MessageField(name: decoded(query[start..<equals]), value: value))
      }
      start = end < query.endIndex ? end + 1 : end
    }
    return parameters
  }

  /// The text that the escapes stand for; what is no escape stands for itself. Without escapes it is the slice itself.
  static func decoded(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    guard text.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) else { return text }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count)
    var index = text.startIndex
    while index < text.endIndex {
      let byte = text[index]
      if byte == UInt8(ascii: "%"), text.endIndex - index > 2, let high = digit(text[index + 1]), let low = digit(text[index + 2]) {
        bytes.append(high << 4 | low)
        index += 3
      } else {
        bytes.append(byte == UInt8(ascii: "+") ? 0x20 : byte)
        index += 1
      }
    }
    return bytes[...]
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }

  /// The query string of decoded parameters: all but unreserved characters (RFC 3986 section 2.3) encoded.
  public static func write(_ parameters: [MessageField]) -> [UInt8] {
    var text: [UInt8] = []
    for parameter in parameters {
      if !text.isEmpty { text.append(UInt8(ascii: "&")) }
      for byte in parameter.name { PercentEncoding.append(byte, to: &text, isSafe: PercentEncoding.isUnreserved(byte)) }
      text.append(UInt8(ascii: "="))
      for byte in parameter.value { PercentEncoding.append(byte, to: &text, isSafe: PercentEncoding.isUnreserved(byte)) }
    }
    return text
  }

  /// The query of the request to a REST API's backend: HTTP_PROXY passes the client's on and appends what is mapped (recorded), HTTP sends
  /// what is mapped.
  public static func request(_ kind: IntegrationKind, client: [MessageField], mapped: [MessageField]) -> [MessageField] {
    kind.isProxy ? client + mapped : mapped
  }
}
