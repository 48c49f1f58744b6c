// Owns the compilation of route keys into RouteTable's flat arrays, and the refusal of sets that are ambiguous or too dear.

/// A fault of a set of routes, each of which is well-formed.
public struct RouteSetFault: Error, Equatable, Sendable, CustomStringConvertible {
  public enum Reason: Equatable, Sendable {
    /// Two routes have the same key.
    case duplicate
    /// Two routes differ only in the names of parameters, so that both match the same requests
    /// (the service: "has a conflicting variable on the same hierarchical level").
    case sameShape
    /// `$default` among the routes of a REST API, which has none.
    case defaultRoute
    case tooManyRoutes(max: Int)
    /// Literals beside parameters on so many levels that one request could need `visits` lookups.
    case tooMuchOverlap(visits: Int, max: Int)
  }

  public let reason: Reason
  /// The index of the route at fault; of the later one of two, 0 for a fault of the whole set.
  public let route: Int
  /// The keys concerned: the earlier and the later route, or none for a fault of the whole set.
  public let keys: [String]

  public var description: String {
    switch reason {
    case .duplicate: "\"\(keys[1])\" stands twice among the routes"
    case .sameShape:
      "\"\(keys[1])\" matches the same requests as \"\(keys[0])\", only its parameters are named otherwise; keep one of them"
    case .defaultRoute: "\"\(keys[0])\" is a route of HTTP APIs; in a REST API \"ANY /{proxy+}\" takes every path but \"/\""
    case .tooManyRoutes(let max): "there are more than \(max) routes"
    case .tooMuchOverlap(let visits, let max):
      "a single request could need \(visits) lookups (limit \(max)): too many levels have a literal beside a parameter"
    }
  }
}

/// All the faults of a set of routes.
public struct RouteSetFaults: Error, Equatable, Sendable {
  public let faults: [RouteSetFault]
}

extension RouteTable {
  /// Compiles a set of routes.
  ///
  /// - Parameters:
  ///   - routes: the keys with what `match` returns for each.
  ///   - rules: by which a route is chosen; REST APIs have no `$default`.
  ///   - limits: the most routes, and the dearest match to accept.
  /// - Throws: every fault of the set at once.
  public static func compile(
    _ routes: [(key: RouteKey, payload: Int32)], rules: RouteRules = .http, limits: RouteLimits = RouteLimits()
  ) throws(RouteSetFaults) -> RouteTable {
    if routes.count > limits.routesMax {
      throw RouteSetFaults(faults: [RouteSetFault(reason: .tooManyRoutes(max: limits.routesMax), route: 0, keys: [])])
    }
    var builder = RouteTableBuilder(rules: rules)
    for (key, payload) in routes { builder.add(key, payload) }
    if builder.faults.isEmpty { builder.finish(limits) }
    if !builder.faults.isEmpty { throw RouteSetFaults(faults: builder.faults) }
    return RouteTable(builder)
  }
}

/// A place in the tree of segments: what may follow it, and the routes that end in it.
struct RouteNode: BitwiseCopyable {
  /// GET to OPTIONS, and one column for every other method.
  @inline(__always)
  static var methodColumns: Int { Int(RouteMethod.any.rawValue) &+ 1 }

  /// The first slot of the literal children, or -1; there are `edgeMask + 1` slots.
  var edgeFirst: Int32 = -1
  var edgeMask: UInt32 = 0
  var parameterChild: Int32 = -1
  /// The row of the routes that end here, and of those whose greedy parameter begins here; -1 for none.
  var fullRow: Int32 = -1
  var greedyRow: Int32 = -1
  /// A bit for each column that some route in or below this node serves.
  var methods: UInt8 = 0
}

/// A slot of a node's literal children; empty when the child is -1.
struct RouteEdge: BitwiseCopyable {
  var hash: UInt32 = 0
  var child: Int32 = -1
  var offset: UInt32 = 0
  var count: UInt32 = 0
}

/// A route as `match` needs it.
struct CompiledRoute: BitwiseCopyable {
  var payload: Int32
  var captureCount: Int32 = 0
  var nameFirst: Int32 = 0
  var isGreedy: Bool
  /// A bit for each segment that is a parameter, the first segment lowest.
  var parameters: UInt64 = 0
}

/// The arrays under construction.
struct RouteTableBuilder {
  private struct Literal: Hashable {
    let parent: Int32
    let text: String
  }

  let rules: RouteRules
  private(set) var keys: [RouteKey] = []
  private(set) var names: [String] = []
  private(set) var nodes = [RouteNode()]
  private(set) var edges: [RouteEdge] = []
  private(set) var methodRows: [Int32] = []
  private(set) var routes: [CompiledRoute] = []
  private(set) var blob: [UInt8] = []
  private(set) var defaultRoute: Int32 = -1
  private(set) var visitsMax = 1
  private(set) var faults: [RouteSetFault] = []
  private var literals: [Literal: Int32] = [:]
  private var children: [[(text: String, node: Int32)]] = [[]]

  init(rules: RouteRules) { self.rules = rules }

  mutating func add(_ key: RouteKey, _ payload: Int32) {
    let route = Int32(routes.count)
    keys.append(key)
    var compiled = CompiledRoute(payload: payload, isGreedy: key.isGreedy)
    compiled.nameFirst = Int32(names.count)
    var node: Int32 = 0
    var path = [node]
    for (index, segment) in key.segments.enumerated() {
      switch segment {
      case .literal(let text): node = literalChild(of: node, text)
      case .parameter(let name):
        node = parameterChild(of: node)
        compiled.parameters |= 1 << UInt64(index)
        names.append(name)
      case .greedy(let name):
        compiled.parameters |= 1 << UInt64(index)
        names.append(name)
      }
      path.append(node)
    }
    compiled.captureCount = Int32(names.count) - compiled.nameFirst
    routes.append(compiled)
    if key.isDefault {
      if rules == .rest { faults.append(RouteSetFault(reason: .defaultRoute, route: Int(route), keys: [key.text])) }
      if defaultRoute >= 0 { report(defaultRoute, route) } else { defaultRoute = route }
      return
    }
    place(route, key.method, at: node, greedy: key.isGreedy)
    let methods: UInt8 = key.method == .any ? 0xFF : 1 << key.method.rawValue
    for index in path { nodes[Int(index)].methods |= methods }
  }

  private mutating func appendNode() -> Int32 {
    nodes.append(RouteNode())
    children.append([])
    return Int32(nodes.count - 1)
  }

  private mutating func literalChild(of parent: Int32, _ text: String) -> Int32 {
    let literal = Literal(parent: parent, text: text)
    if let known = literals[literal] { return known }
    let node = appendNode()
    literals[literal] = node
    children[Int(parent)].append((text, node))
    return node
  }

  private mutating func parameterChild(of parent: Int32) -> Int32 {
    if nodes[Int(parent)].parameterChild >= 0 { return nodes[Int(parent)].parameterChild }
    let node = appendNode()
    nodes[Int(parent)].parameterChild = node
    return node
  }

  /// Enters a route in the row of its node. Until `finish`, the last column holds ANY's own route and the others only their own.
  private mutating func place(_ route: Int32, _ method: RouteMethod, at node: Int32, greedy: Bool) {
    var row = greedy ? nodes[Int(node)].greedyRow : nodes[Int(node)].fullRow
    if row < 0 {
      row = Int32(methodRows.count / RouteNode.methodColumns)
      methodRows.append(contentsOf: repeatElement(-1, count: RouteNode.methodColumns))
      if greedy { nodes[Int(node)].greedyRow = row } else { nodes[Int(node)].fullRow = row }
    }
    let cell = Int(row) * RouteNode.methodColumns + Int(method.rawValue)
    if methodRows[cell] >= 0 { report(methodRows[cell], route) } else { methodRows[cell] = route }
  }

  private mutating func report(_ earlier: Int32, _ later: Int32) {
    let pair = [keys[Int(earlier)], keys[Int(later)]]
    let reason: RouteSetFault.Reason = pair[0] == pair[1] ? .duplicate : .sameShape
    faults.append(RouteSetFault(reason: reason, route: Int(later), keys: pair.map(\.text)))
  }

  /// Fills ANY into the free columns, lays out the literal children, and bounds the cost of a match.
  mutating func finish(_ limits: RouteLimits) {
    let any = Int(RouteMethod.any.rawValue)
    for row in stride(from: 0, to: methodRows.count, by: RouteNode.methodColumns) {
      for column in 0..<any where methodRows[row + column] < 0 { methodRows[row + column] = methodRows[row + any] }
    }
    for node in nodes.indices where !children[node].isEmpty { layOut(node) }
    visitsMax = worstCase()
    if visitsMax > limits.visitsMax {
      let reason = RouteSetFault.Reason.tooMuchOverlap(visits: visitsMax, max: limits.visitsMax)
      faults.append(RouteSetFault(reason: reason, route: 0, keys: []))
    }
  }

  private mutating func layOut(_ node: Int) {
    var slots = 2
    while slots < children[node].count * 2 { slots *= 2 }
    let first = edges.count
    let mask = UInt32(slots - 1)
    edges.append(contentsOf: repeatElement(RouteEdge(), count: slots))
    for (text, child) in children[node] {
      let bytes = Array(text.utf8)
      let hash = PathSegment.hash(bytes)
      var slot = hash & mask
      while edges[first + Int(slot)].child >= 0 { slot = (slot + 1) & mask }
      edges[first + Int(slot)] = RouteEdge(hash: hash, child: child, offset: UInt32(blob.count), count: UInt32(bytes.count))
      blob.append(contentsOf: bytes)
    }
    nodes[node].edgeFirst = Int32(first)
    nodes[node].edgeMask = mask
  }

  /// The most nodes that one request can visit: a node itself, the dearest of its literal children (a segment equals only one of
  /// them) and its parameter child. Children come after their parent, so one pass from the end suffices.
  private func worstCase() -> Int {
    var visits = [Int](repeating: 1, count: nodes.count)
    for node in nodes.indices.reversed() {
      visits[node] += children[node].reduce(0) { max($0, visits[Int($1.node)]) }
      if nodes[node].parameterChild >= 0 { visits[node] += visits[Int(nodes[node].parameterChild)] }
    }
    return visits[0]
  }
}
