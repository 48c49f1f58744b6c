// Owns the checks that turn definitions into compiled APIs. It goes on after a fault, so that one run reports all of them.

struct HTTPAPICompiler {
  private(set) var apis: [HTTPAPI] = []
  private(set) var faults: [HTTPAPIFault] = []
  private let upstreams: Set<String>
  private let limits: HTTPAPILimits
  private var definitions = 0
  private var name = ""
  private var names: Set<String> = []
  private var hosts: [(pattern: HostPattern, api: Int32)] = []
  /// For each entry of `hosts`: the definition's name and the place in it.
  private var hostPlaces: [(api: Int, apiName: String, host: Int)] = []

  init(upstreams: Set<String>, limits: HTTPAPILimits) {
    self.upstreams = upstreams
    self.limits = limits
  }

  private mutating func fail(_ place: HTTPAPIFault.Place, _ message: String) {
    faults.append(HTTPAPIFault(api: definitions, apiName: name, place: place, message: message))
  }

  mutating func add(_ definition: HTTPAPIDefinition) {
    defer { definitions += 1 }
    name = definition.name
    let faultsBefore = faults.count
    checkName()
    let patterns = parseHosts(definition.hosts)
    let table = compileRoutes(definition.routes)
    for (index, route) in definition.routes.enumerated() { check(route.integration, route: index) }
    if let table, faults.count == faultsBefore {
      apis.append(HTTPAPI(name: name, hosts: patterns, routes: table, integrations: definition.routes.map(\.integration)))
    }
  }

  private mutating func checkName() {
    if definitions == limits.apisMax { fail(.name, "there are more than \(limits.apisMax) APIs") }
    if name.isEmpty || name.utf8.count > 128 || name.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
      fail(.name, "a name has 1 to 128 characters and no control characters")
    }
    if !names.insert(name).inserted { fail(.name, "an API before this one has the same name") }
  }

  private mutating func parseHosts(_ texts: [String]) -> [HostPattern] {
    if texts.isEmpty { fail(.hosts, "there is no host; write \"*\" for any host") }
    if texts.count > limits.hostsMax { fail(.hosts, "there are more than \(limits.hostsMax) hosts") }
    var patterns: [HostPattern] = []
    for (index, text) in texts.prefix(limits.hostsMax).enumerated() {
      do throws(HostPatternError) {
        let pattern = try HostPattern(text)
        patterns.append(pattern)
        hosts.append((pattern, Int32(definitions)))
        hostPlaces.append((definitions, name, index))
      } catch { fail(.host(index), error.description) }
    }
    return patterns
  }

  private mutating func compileRoutes(_ routes: [(key: String, integration: Integration)]) -> RouteTable? {
    if routes.isEmpty { fail(.routes, "there is no route; \"$default\" takes every request") }
    var parsed: [(key: RouteKey, payload: Int32)] = []
    for (index, route) in routes.enumerated() {
      do throws(RouteKeyError) {
        parsed.append((try RouteKey(route.key, limits: limits.routes), Int32(index)))
      } catch { fail(.routeKey(index), error.description) }
    }
    do throws(RouteSetFaults) {
      let table = try RouteTable.compile(parsed, limits: limits.routes)
      return parsed.count == routes.count ? table : nil
    } catch {
      for fault in error.faults {
        fail(fault.keys.isEmpty ? .routes : .routeKey(Int(parsed[fault.route].payload)), fault.description)
      }
      return nil
    }
  }

  private mutating func check(_ integration: Integration, route: Int) {
    switch integration {
    case .upstream(let upstream, let timeout, _, _):
      if !upstreams.contains(upstream) { fail(.upstream(route: route), "there is no upstream \"\(upstream)\"") }
      if timeout == 0 { fail(.timeout(route: route), "a timeout of 0 would fail every request; leave it out for the upstream's own") }
    case .mock(let status, let fields, let body): checkMock(status, fields, body, route: route)
    }
  }

  private mutating func checkMock(_ status: Int, _ fields: [(String, String)], _ body: [UInt8], route: Int) {
    if status < 200 || status > 599 { fail(.mockStatus(route: route), "the status of a response is 200 to 599, not \(status)") }
    if body.count > limits.mockBodyBytesMax {
      fail(.mockBody(route: route), "the body has \(body.count) bytes; at most \(limits.mockBodyBytesMax) are allowed")
    }
    // RFC 9110 sections 15.3.5, 15.3.6 and 15.4.5: these responses have no content.
    if !body.isEmpty && (status == 204 || status == 205 || status == 304) {
      fail(.mockBody(route: route), "a response with status \(status) has no body (RFC 9110 section 15)")
    }
    for (index, (field, value)) in fields.enumerated() {
      if let message = HTTPAPICompiler.fieldFault(field, value) { fail(.mockField(route: route, field: index), message) }
    }
  }

  /// What is wrong with a response field, if anything (RFC 9110 section 5; framing belongs to the engine).
  private static func fieldFault(_ field: String, _ value: String) -> String? {
    if field.isEmpty || !field.utf8.allSatisfy(isTokenByte) {
      return "\"\(field)\" is no field name (RFC 9110 section 5.6.2: letters, digits and !#$%&'*+-.^_`|~)"
    }
    switch field.lowercased() {
    case "connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade":
      return "\"\(field)\" belongs to the connection; the gateway writes it itself"
    default: break
    }
    if value.utf8.contains(where: { ($0 < 0x20 && $0 != 0x09) || $0 == 0x7F }) {
      return "the value of \"\(field)\" contains a control character"
    }
    let edges = [value.utf8.first, value.utf8.last]
    if edges.contains(0x20) || edges.contains(0x09) { return "the value of \"\(field)\" begins or ends with white space" }
    return nil
  }

  private static func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
    default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
  }

  /// The host table of all definitions, or nil with its faults noted.
  mutating func compileHosts() -> HostTable? {
    do throws(HostTableFaults) {
      return try HostTable.compile(hosts)
    } catch {
      for fault in error.faults {
        let later = hostPlaces[fault.host]
        let earlier = hostPlaces[fault.earlier]
        let owner = earlier.api == later.api ? "stands twice" : "already belongs to API \"\(earlier.apiName)\""
        faults.append(
          HTTPAPIFault(
            api: later.api, apiName: later.apiName, place: .host(later.host), message: "host \"\(fault.pattern)\" \(owner)"))
      }
      return nil
    }
  }
}
