// Owns: the texts of answers with parts of a stored response: 206, its parts, and 416 (RFC 9110 §14.4, §14.6, §15.3.7, §15.5.17). Heads end
// without the blank line: Content-Length, Age and Cache-Status are added by the engine.

extension ByteRanges {
  /// Most bytes of a boundary (RFC 2046 §5.1.1).
  public static let boundaryMax = 70

  /// The value of Content-Range: "bytes 0-99/1234".
  public static func contentRange(_ range: Range<Int>, completeLength: Int) -> [UInt8] {
    var text: [UInt8] = []
    text.append("bytes ")
    text.append(decimal: range.lowerBound)
    text.append(0x2D)
    text.append(decimal: range.upperBound - 1)
    text.append(0x2F)
    text.append(decimal: completeLength)
    return text
  }

  /// The head of a 206 with one range, made from the stored head.
  public static func partialHead(_ stored: HeadFields, _ range: Range<Int>, completeLength: Int) -> [UInt8] {
    var head = partialHead(stored, keepsType: true)
    head.append(field: Array("Content-Range".utf8)[...], contentRange(range, completeLength: completeLength)[...])
    return head
  }

  /// The head of a 206 with several parts: no Content-Range of its own (§15.3.7.2).
  /// - Parameter boundary: 1 to `boundaryMax` letters, digits, `-` and `_` that do not occur in the body.
  public static func multipartHead(_ stored: HeadFields, boundary: [UInt8]) -> [UInt8] {
    check(boundary)
    var head = partialHead(stored, keepsType: false)
    head.append("Content-Type: multipart/byteranges; boundary=")
    head += boundary
    head.append("\r\n")
    return head
  }

  /// What stands before a part's bytes.
  /// - Parameter isFirst: later parts begin with the line end that closes the one before.
  public static func partHead(
    _ stored: HeadFields, _ range: Range<Int>, completeLength: Int, boundary: [UInt8], isFirst: Bool
  ) -> [UInt8] {
    check(boundary)
    var head: [UInt8] = []
    if !isFirst { head.append("\r\n") }
    head.append("--")
    head += boundary
    head.append("\r\n")
    if let type = stored.first("content-type") { head.append(field: Array("Content-Type".utf8)[...], type) }
    head.append(field: Array("Content-Range".utf8)[...], contentRange(range, completeLength: completeLength)[...])
    head.append("\r\n")
    return head
  }

  /// What stands behind the last part's bytes.
  public static func multipartEnd(boundary: [UInt8]) -> [UInt8] {
    check(boundary)
    var end: [UInt8] = []
    end.append("\r\n--")
    end += boundary
    end.append("--\r\n")
    return end
  }

  /// Bytes of the whole multipart body.
  public static func multipartBytes(_ stored: HeadFields, _ ranges: [Range<Int>], completeLength: Int, boundary: [UInt8]) -> Int {
    var count = multipartEnd(boundary: boundary).count
    for (i, range) in ranges.enumerated() {
      count += partHead(stored, range, completeLength: completeLength, boundary: boundary, isFirst: i == 0).count + range.count
    }
    return count
  }

  /// The head of a 416: how long the response is, and nothing that would describe it or let the error be reused for it.
  public static func unsatisfiableHead(_ stored: HeadFields, completeLength: Int) -> [UInt8] {
    var head: [UInt8] = []
    head.append("HTTP/1.1 416 Range Not Satisfiable\r\n")
    for i in 0..<stored.count where !isOfRepresentation(stored.name(i)) { head.append(field: stored.name(i), stored.value(i)) }
    head.append("Content-Range: bytes */")
    head.append(decimal: completeLength)
    head.append("\r\n")
    return head
  }

  private static func isOfRepresentation(_ name: ArraySlice<UInt8>) -> Bool {
    let lower = Octets.lowered(name)
    if lower.starts(with: Array("content-".utf8)) { return !lower.starts(with: Array("content-security-policy".utf8)) }
    let named: [StaticString] = ["etag", "last-modified", "cache-control", "expires", "repr-digest", "digest", "set-cookie"]
    return named.contains { Octets.equals(name, $0) }
  }

  private static func partialHead(_ stored: HeadFields, keepsType: Bool) -> [UInt8] {
    var head: [UInt8] = []
    head.append("HTTP/1.1 206 Partial Content\r\n")
    // Digests of the content are of the whole one (RFC 9530 §2, RFC 2616 §14.15).
    let ofTheWhole: [StaticString] = ["content-length", "content-range", "content-digest", "content-md5"]
    for i in 0..<stored.count {
      let name = stored.name(i)
      if ofTheWhole.contains(where: { Octets.equals(name, $0) }) { continue }
      if !keepsType && Octets.equals(name, "content-type") { continue }
      head.append(field: name, stored.value(i))
    }
    return head
  }

  private static func check(_ boundary: [UInt8]) {
    let isValid = boundary.allSatisfy { Octets.isAlpha($0) || Octets.isDigit($0) || $0 == 0x5F || $0 == 0x2D }
    precondition(isValid && 1...boundaryMax ~= boundary.count, "\(boundary) is no boundary of 1 to \(boundaryMax) letters, digits, - and _")
  }
}
