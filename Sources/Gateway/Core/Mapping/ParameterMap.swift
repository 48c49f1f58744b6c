// Owns the parameter mappings of REST APIs, compiled: of an integration's request, of its responses, and of gateway responses.

/// What a mapping makes of a message. Names and values are bytes ready for a header; query parameters are decoded, and path parameters
/// go into the integration's URI.
public struct MappedParameters: Equatable, Sendable {
  public var headers: [MessageField] = []
  public var query: [MessageField] = []
  public var path: [MessageField] = []

  public init() {}

  /// What a template overrides goes for what was mapped (API Gateway developer guide, "Override your API's request and response parameters
  /// and status codes"); header names are one in any case, and several values are joined by commas.
  ///
  /// - Parameter side: of the message that the template makes.
  /// - Throws: `refusedHeader` for a header that no mapping of that side may set, or that is no field name: templates may take names from
  ///   clients.
  public mutating func override(
    header name: ArraySlice<UInt8>, with values: [ArraySlice<UInt8>], _ side: ParameterSide
  ) throws(MappingFailure) {
    if !FieldName.isToken(name) || ParameterMap.isRefused(.header, name, side) {
      throw .refusedHeader(String(decoding: name, as: UTF8.self))
    }
    headers.removeAll { $0.isNamed(name) }
    if !values.isEmpty { headers.append(MessageField(name: name, value: FieldText.safe(FieldText.joined(values))[...])) }
  }

  public mutating func override(query name: ArraySlice<UInt8>, with values: [ArraySlice<UInt8>]) {
    query.removeAll { $0.name == name }
    query += values.map { MessageField(name: name, value: $0) }
  }

  public mutating func override(path name: ArraySlice<UInt8>, with value: ArraySlice<UInt8>) {
    path.removeAll { $0.name == name }
    path.append(MessageField(name: name, value: value))
  }
}

/// A REST API's mapping.
public struct ParameterMap: Sendable {
  fileprivate enum Location: Sendable {
    case header
    case query
    case path
  }

  private struct Entry: Sendable {
    let location: Location
    let name: ArraySlice<UInt8>
    let source: ParameterSource
    /// Whether any value for it fails the request.
    let isRefused: Bool
  }

  private let entries: [Entry]
  /// Of the body, if some entry takes its value from it.
  private let selector: (any BodySelector)?
  private let valueBytesMax: Int

  public var isEmpty: Bool { entries.isEmpty }
  /// Whether the body has to be there before the mapping can run.
  public var needsBody: Bool { selector != nil }

  /// Compiles a mapping.
  ///
  /// - Parameters:
  ///   - mapping: targets and sources, as a definition has them.
  ///   - side: which mapping it is.
  ///   - selectors: compiles the JSON paths into bodies.
  /// - Throws: every fault at once.
  public init(
    _ mapping: [(target: String, source: String)], _ side: ParameterSide, selectors: some BodySelectorCompiler,
    limits: MappingLimits = MappingLimits()
  ) throws(MappingFaults) {
    var faults: [MappingFault] = []
    var entries: [Entry] = []
    var paths: [String] = []
    var pathKeys: [String] = []
    var takesBody = false
    if mapping.count > limits.entriesMax {
      throw MappingFaults(faults: [
        MappingFault(key: mapping[limits.entriesMax].target, message: "a mapping has at most \(limits.entriesMax) entries")
      ])
    }
    for (target, text) in mapping {
      do throws(SourceRefusal) {
        if max(target.utf8.count, text.utf8.count) > limits.textBytesMax {
          throw SourceRefusal("a target or source has at most \(limits.textBytesMax) bytes")
        }
        let (location, name) = try ParameterMap.target(target, side)
        let source = try ParameterSource(text, side, paths: &paths)
        while pathKeys.count < paths.count { pathKeys.append(target) }
        if case .body = source { takesBody = true }
        entries.append(Entry(location: location, name: name, source: source, isRefused: ParameterMap.isRefused(location, name, side)))
      } catch { faults.append(MappingFault(key: target, message: error.message)) }
    }
    var selector: (any BodySelector)?
    if takesBody || !paths.isEmpty {
      do throws(BodyPathFault) { selector = try selectors.compile(paths) } catch {
        let key = pathKeys.indices.contains(error.path) ? pathKeys[error.path] : ""
        faults.append(MappingFault(key: key, message: error.message))
      }
    }
    if !faults.isEmpty { throw MappingFaults(faults: faults) }
    self.entries = entries
    self.selector = selector
    valueBytesMax = limits.valueBytesMax
  }

  private static func target(_ text: String, _ side: ParameterSide) throws(SourceRefusal) -> (Location, ArraySlice<UInt8>) {
    let prefix: String
    let locations: [(String, Location)]
    switch side {
    case .integrationRequest:
      (prefix, locations) = ("integration.request.", [("header.", .header), ("querystring.", .query), ("path.", .path)])
    case .methodResponse: (prefix, locations) = ("method.response.", [("header.", .header)])
    case .gatewayResponse: (prefix, locations) = ("gatewayresponse.", [("header.", .header)])
    }
    for (word, location) in locations {
      guard let name = text.dropping(prefix + word).map({ Array($0.utf8)[...] }), !name.isEmpty else { continue }
      if location == .header && !FieldName.isToken(name) {
        throw SourceRefusal("\"\(String(decoding: name, as: UTF8.self))\" is no field name (RFC 9110 section 5.6.2)")
      }
      if side == .gatewayResponse && FieldName.isOfConnection(name) {
        throw SourceRefusal("the field belongs to the connection; the gateway writes it itself")
      }
      return (location, name)
    }
    throw SourceRefusal("it names nothing that can be set; write \(locations.map { prefix + $0.0 + "NAME" }.joined(separator: ", "))")
  }

  fileprivate static func isRefused(_ location: Location, _ name: ArraySlice<UInt8>, _ side: ParameterSide) -> Bool {
    switch (side, location) {
    case (.integrationRequest(let kind), .header): IntegrationHeaders.isRefusedTarget(name, kind)
    case (.integrationRequest, .query), (.integrationRequest, .path), (.methodResponse, _), (.gatewayResponse, _): false
    }
  }

  /// The parameters for a message. A source that the message lacks leaves its target out.
  public func apply(_ scope: some MappingScope) throws(MappingFailure) -> MappedParameters {
    var mapped = MappedParameters()
    if entries.isEmpty { return mapped }
    let body = if let selector { try SelectedBody(scope.body, selector) } else { SelectedBody() }
    var left = valueBytesMax
    for entry in entries {
      try entry.source.forEachValue(scope, body) { value throws(MappingFailure) in
        if entry.isRefused { throw .refusedHeader(String(decoding: entry.name, as: UTF8.self)) }
        left -= value.count
        if left < 0 { throw .tooLong }
        switch entry.location {
        case .header:
          let text = FieldText.isSafe(value) ? value : FieldText.safe(value)[...]
          mapped.headers.append(MessageField(name: entry.name, value: text))
        case .query: mapped.query.append(MessageField(name: entry.name, value: value))
        case .path: mapped.path.append(MessageField(name: entry.name, value: value))
        }
      }
    }
    return mapped
  }
}

enum FieldName {
  /// RFC 9110 section 5.6.2.
  static func isToken(_ name: ArraySlice<UInt8>) -> Bool {
    !name.isEmpty
      && name.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
      }
  }

  /// Fields about the connection and the framing of a message (RFC 9110 section 7.6.1, RFC 9112 section 6).
  static func isOfConnection(_ name: ArraySlice<UInt8>) -> Bool { ofConnection[name] != nil }

  private static let ofConnection = ByteTable<Bool>(
    ["Connection", "Content-Length", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade"].map { ($0, true) })
}
