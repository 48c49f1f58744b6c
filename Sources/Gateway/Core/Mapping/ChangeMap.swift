// Owns the parameter mappings of HTTP APIs, compiled: of a request, and of a response with a certain status (API Gateway developer guide,
// "Transform API requests and responses for HTTP APIs"). All values are taken from the message as it came, whatever other entries change.

/// An HTTP API's mapping.
public struct ChangeMap: Sendable {
  public enum Side: Hashable, Sendable {
    case request
    case response
  }

  private enum Verb: String, Sendable, CaseIterable {
    // In the order in which they are carried out.
    case remove, overwrite, append
  }

  private enum Part: Sendable {
    case header(ArraySlice<UInt8>)
    case query(ArraySlice<UInt8>)
    case path
    case status
  }

  private struct Entry: Sendable {
    let verb: Verb
    let part: Part
    let value: ChangeValue
  }

  private let entries: [Entry]
  private let selector: (any BodySelector)?
  /// Whether the body has to be there before the mapping can run.
  public let needsBody: Bool
  private let valueBytesMax: Int

  public var isEmpty: Bool { entries.isEmpty }

  /// Compiles a mapping. An entry with an empty value, by which AWS's tools take one out, is none.
  ///
  /// - Parameters:
  ///   - mapping: keys as `append:header.NAME` and values, as a definition has them.
  ///   - side: whether requests or responses are changed.
  ///   - selectors: compiles the JSON paths into bodies.
  /// - Throws: every fault at once.
  public init(
    _ mapping: [(key: String, value: String)], _ side: Side, selectors: some BodySelectorCompiler, limits: MappingLimits = MappingLimits()
  ) throws(MappingFaults) {
    var faults: [MappingFault] = []
    var entries: [Entry] = []
    var paths: [String] = []
    var pathKeys: [String] = []
    if mapping.count > limits.entriesMax {
      let key = mapping[limits.entriesMax].key
      throw MappingFaults(faults: [MappingFault(key: key, message: "a mapping has at most \(limits.entriesMax) entries")])
    }
    for (key, text) in mapping {
      do throws(SourceRefusal) {
        if max(key.utf8.count, text.utf8.count) > limits.textBytesMax {
          throw SourceRefusal("a key or value has at most \(limits.textBytesMax) bytes")
        }
        let (verb, part) = try ChangeMap.target(key, side)
        if text.isEmpty && verb != .remove { continue }
        // What is removed needs no value, and what stands there is not read.
        let value = try ChangeValue(verb == .remove ? "" : text, root: side == .request ? "request." : "response.", paths: &paths)
        while pathKeys.count < paths.count { pathKeys.append(key) }
        if case .status = part, let constant = value.constant, ChangeMap.status(constant[...]) == nil {
          throw SourceRefusal("\"\(text)\" is no status; write a number from 100 to 599")
        }
        entries.append(Entry(verb: verb, part: part, value: value))
      } catch { faults.append(MappingFault(key: key, message: error.message)) }
    }
    var selector: (any BodySelector)?
    if !paths.isEmpty {
      do throws(BodyPathFault) { selector = try selectors.compile(paths) } catch {
        let key = pathKeys.indices.contains(error.path) ? pathKeys[error.path] : ""
        faults.append(MappingFault(key: key, message: error.message))
      }
    }
    if !faults.isEmpty { throw MappingFaults(faults: faults) }
    self.entries = Verb.allCases.flatMap { verb in entries.filter { $0.verb == verb } }
    self.selector = selector
    needsBody = entries.contains { $0.value.pieces.contains(where: ChangeMap.isOfBody) }
    valueBytesMax = limits.valueBytesMax
  }

  private static func isOfBody(_ piece: ChangeValue.Piece) -> Bool {
    switch piece {
    case .body, .bodyPath: true
    case .text, .header, .query, .pathParameter, .path, .context, .stageVariable: false
    }
  }

  private static func target(_ key: String, _ side: Side) throws(SourceRefusal) -> (Verb, Part) {
    guard let colon = key.firstIndex(of: ":"), let verb = Verb(rawValue: String(key[..<colon])) else {
      throw SourceRefusal("it does not begin with append:, overwrite: or remove:")
    }
    let rest = String(key[key.index(after: colon)...])
    if let name = rest.dropping("header.") {
      if !FieldName.isToken(Array(name.utf8)[...]) { throw SourceRefusal("\"\(name)\" is no field name (RFC 9110 section 5.6.2)") }
      if ReservedHeaders.contains(name) { throw SourceRefusal("the header \"\(name)\" is reserved; no mapping may change it") }
      return (verb, .header(Array(name.utf8)[...]))
    }
    if let name = rest.dropping("querystring."), !name.isEmpty, side == .request { return (verb, .query(Array(name.utf8)[...])) }
    if rest == "path", side == .request, verb == .overwrite { return (verb, .path) }
    if rest == "statuscode", side == .response, verb == .overwrite { return (verb, .status) }
    let known = side == .request ? "header.NAME, querystring.NAME or overwrite:path" : "header.NAME or overwrite:statuscode"
    throw SourceRefusal("it names nothing that a \(side) mapping can change so; write \(known)")
  }

  private static func status(_ text: ArraySlice<UInt8>) -> Int? {
    ASCII.integer(ASCII.trimmed(text)).flatMap { $0 >= 100 && $0 <= 599 ? $0 : nil }
  }

  /// The changes for a message. An entry whose variables the message lacks changes nothing.
  public func apply(_ scope: some MappingScope) throws(MappingFailure) -> [MessageChange] {
    if entries.isEmpty { return [] }
    var body = SelectedBody()
    if let selector {
      // A body that is cut off, or no JSON to begin with, has no parts, and the request goes on.
      do { body = try SelectedBody(scope.body.prefix(MappingLimits.selectedBodyBytesMax), selector) } catch {}
    }
    var changes: [MessageChange] = []
    var left = valueBytesMax
    for entry in entries {
      guard let text = entry.value.text(scope, body) else { continue }
      left -= text.count
      if left < 0 { throw .tooLong }
      changes.append(try ChangeMap.change(entry, text))
    }
    return changes
  }

  private static func change(_ entry: Entry, _ text: [UInt8]) throws(MappingFailure) -> MessageChange {
    switch (entry.part, entry.verb) {
    case (.header(let name), .remove): return .removeHeader(name)
    case (.header(let name), .overwrite): return .overwriteHeader(MessageField(name: name, value: FieldText.safe(text[...])[...]))
    case (.header(let name), .append): return .appendHeader(MessageField(name: name, value: FieldText.safe(text[...])[...]))
    case (.query(let name), .remove): return .removeQuery(name)
    case (.query(let name), .overwrite): return .overwriteQuery(MessageField(name: name, value: text[...]))
    case (.query(let name), .append): return .appendQuery(MessageField(name: name, value: text[...]))
    case (.path, _):
      var path: [UInt8] = text.first == UInt8(ascii: "/") ? [] : [UInt8(ascii: "/")]
      for byte in text { PercentEncoding.append(byte, to: &path, isSafe: PercentEncoding.isSafe(byte, isInPath: true)) }
      return .overwritePath(path)
    case (.status, _):
      guard let status = status(text[...]) else { throw .invalidStatus }
      return .overwriteStatus(status)
    }
  }
}

/// Header fields that no mapping of an HTTP API may change (same page, "Reserved headers").
public enum ReservedHeaders {
  private static let names = ByteTable<Bool>(
    [
      "Authorization", "Connection", "Content-Encoding", "Content-Length", "Content-Location", "Forwarded", "Keep-Alive", "Origin",
      "Proxy-Authenticate", "Proxy-Authorization", "TE", "Trailers", "Transfer-Encoding", "Upgrade", "X-Forwarded-For",
      "X-Forwarded-Host", "X-Forwarded-Proto", "Via",
    ].map { ($0, true) })
  private static let prefixes = ["access-control-", "apigw-", "x-amz-", "x-amzn-"]

  public static func contains(_ name: String) -> Bool {
    names[Array(name.utf8)[...]] != nil || prefixes.contains { name.lowercased().hasPrefix($0) }
  }
}
