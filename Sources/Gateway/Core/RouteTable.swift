// Owns the compiled route table of one API: its memory and the match of a request by the rules of an HTTP API; those of a REST API are
// RouteTable+Resources.swift's. RouteTable+Compile.swift builds it; what a payload means, percent-decoding of captures and the removal
// of dot segments are the caller's.
//
// Selection (API Gateway developer guide, "Create routes for HTTP APIs", Routing API requests): a full match of path and method,
// else a match with a greedy parameter, else `$default`, else none (the caller answers 404 {"message":"Not Found"}). A route whose
// path matches but not its method is no match: the search goes on, and there is no 405. Within a tier, from left to right, a
// literal segment goes before a parameter, and at one path its own method before ANY. Among greedy matches the one with most
// segments before the rest wins, then the leftmost literal. The guide's example fixes literal before parameter; the order among
// full matches that differ on several levels is nowhere written, and follows the REST rule (the more specific resource at each
// level). ANY stands for the methods "that you haven't defined for a resource", hence only within one path.
//
// Paths: a trailing slash is significant (/pets/ is not /pets, yet matches /pets/{proxy+} with an empty rest), as users of the
// service report and AWS's own Lambda test tool models it. A run of slashes at the front counts as one, as recorded for REST APIs;
// what the service does with an empty segment elsewhere is unknown: here it is neither literal nor parameter, only part of a
// greedy rest. Escapes are decoded before a segment is compared with a literal (whether the service does so is unknown), so that
// "/%61dmin" cannot pass by the route of "/admin"; %2F never divides a segment. Case counts (RFC 3986 section 6.2.2.1).
//
// Cost: the nodes form a tree, a request takes at most one literal and one parameter edge out of each, and no node is reached by
// two ways; so a match visits a node at most once. `visitsMax`, the worst case over all requests, is computed at compile time
// and held under `RouteLimits.visitsMax`: no request can be made dearer than that, whatever its length.

/// By which of the service's two sets of rules a route is chosen.
public enum RouteRules: Sendable, Hashable {
  case http
  case rest
}

/// A parameter's value in the path of a request, still percent-encoded (HTTP APIs decode it before use, REST APIs do not).
public struct PathCapture: Equatable, Sendable {
  /// The offset of the first byte in the path.
  public var offset: UInt32
  /// The length in bytes; 0 only for a greedy parameter.
  public var count: UInt32
  /// The index of the parameter's name, for `RouteTable.parameterName(_:)`.
  public var name: Int32

  public init(offset: UInt32 = 0, count: UInt32 = 0, name: Int32 = 0) {
    self.offset = offset
    self.count = count
    self.name = name
  }
}

/// What a request matched.
public struct RouteMatch: Equatable, Sendable {
  /// The index of the route in the list that was compiled; negative when nothing matched.
  public let route: Int32
  /// The payload given with the route; 0 when nothing matched.
  public let payload: Int32
  /// How many captures were written, in the order of the path.
  public let captureCount: Int32

  @inline(__always)
  public var isFound: Bool { route >= 0 }

  @inline(__always)
  public static var notFound: RouteMatch { RouteMatch(route: -1, payload: 0, captureCount: 0) }
}

/// The routes of one API, compiled to flat arrays and matched on bytes without allocating.
// SAFETY: @unchecked Sendable: all memory is written before init returns and never again; it is freed in deinit, when the last
// reference is gone, so every thread that can reach it only reads.
public final class RouteTable: @unchecked Sendable {
  public let rules: RouteRules
  /// How many captures `match` may write: the most parameters of any route.
  public let capturesMax: Int
  /// The most nodes that any request can make `match` look at.
  public let visitsMax: Int
  /// The keys, in the order in which they were given.
  public let keys: [RouteKey]
  private let names: [String]

  // SAFETY: every index stored in these arrays (child, edge, method row, route, blob range) is made by RouteTableBuilder together
  // with the element it names, or is -1, which is tested before use; so no lookup leaves its array.
  let nodes: UnsafeMutablePointer<RouteNode>
  private let edges: UnsafeMutablePointer<RouteEdge>
  private let methodRows: UnsafeMutablePointer<Int32>
  private let routes: UnsafeMutablePointer<CompiledRoute>
  private let blob: UnsafeMutablePointer<UInt8>
  private let defaultRoute: Int32

  init(_ built: RouteTableBuilder) {
    rules = built.rules
    capturesMax = built.routes.reduce(0) { max($0, Int($1.captureCount)) }
    visitsMax = built.visitsMax
    keys = built.keys
    names = built.names
    nodes = Self.copy(built.nodes)
    edges = Self.copy(built.edges)
    methodRows = Self.copy(built.methodRows)
    routes = Self.copy(built.routes)
    blob = Self.copy(built.blob)
    defaultRoute = built.defaultRoute
  }

  deinit {
    // SAFETY: the elements are trivial types, so freeing without deinitializing leaks nothing.
    nodes.deallocate()
    edges.deallocate()
    methodRows.deallocate()
    routes.deallocate()
    blob.deallocate()
  }

  // SAFETY: the memory is as long as the array (at least one element, so that the pointer is never null) and filled before use.
  private static func copy<Element: BitwiseCopyable>(_ array: [Element]) -> UnsafeMutablePointer<Element> {
    let memory = UnsafeMutablePointer<Element>.allocate(capacity: max(array.count, 1))
    array.withUnsafeBufferPointer { source in
      if let base = source.baseAddress { memory.initialize(from: base, count: source.count) }
    }
    return memory
  }

  /// The name of a parameter.
  ///
  /// - Parameter index: `PathCapture.name`.
  public func parameterName(_ index: Int32) -> String { names[Int(index)] }

  /// The route for a request.
  ///
  /// - Parameters:
  ///   - method: the request's method, as received (methods are case-sensitive, RFC 9110 section 9.1).
  ///   - methodCount: its length in bytes.
  ///   - path: the request's path without query; one that does not begin with "/" can only match `$default`.
  ///   - pathCount: its length in bytes.
  ///   - captures: room for `capturesMax` captures; nil: nobody wants them.
  /// - Returns: the route, its payload and how many captures were written; `RouteMatch.notFound` when no route matches.
  // SAFETY: reads only method[0..<methodCount] and path[0..<pathCount], writes only captures[0..<capturesMax]; the caller keeps
  // them alive and unchanged during the call.
  public func match(
    method: UnsafePointer<UInt8>, methodCount: Int, path: UnsafePointer<UInt8>, pathCount: Int,
    into captures: UnsafeMutablePointer<PathCapture>?
  ) -> RouteMatch {
    var walk = RouteWalk(path: path, count: pathCount, method: RouteTable.methodColumn(method, methodCount))
    return match(&walk, into: captures)
  }

  /// As `match`, leaving in `walk` what the search did.
  func match(_ walk: inout RouteWalk, into captures: UnsafeMutablePointer<PathCapture>?) -> RouteMatch {
    let path = walk.path
    var start = 0
    while start < walk.count && path[start] == UInt8(ascii: "/") { start &+= 1 }
    var found: Int32 = -1
    switch rules {
    case .http:
      if start > 0 {
        if start == walk.count { found = route(methodRow: nodes[0].fullRow, walk.method) }
        if found < 0 { found = descend(from: 0, at: start, depth: 0, &walk) }
        if found < 0 { found = walk.greedyRoute }
      }
      if found < 0 { found = defaultRoute }
    case .rest: if start > 0 { found = resource(at: start, &walk) }
    }
    if found < 0 { return .notFound }
    let route = routes[Int(found)]
    guard let captures, route.captureCount > 0 else { return RouteMatch(route: found, payload: route.payload, captureCount: 0) }
    capture(route, path, from: start, to: walk.count, into: captures)
    return RouteMatch(route: found, payload: route.payload, captureCount: route.captureCount)
  }

  /// Searches below a node for the first full match, and notes the best greedy one by the way.
  ///
  /// Recursion happens only where a literal and a parameter both fit, so its depth is bounded by the deepest route.
  private func descend(from first: Int32, at firstPosition: Int, depth firstDepth: Int32, _ walk: inout RouteWalk) -> Int32 {
    var index = first
    var position = firstPosition
    var depth = firstDepth
    while true {
      walk.visits &+= 1
      let node = nodes[Int(index)]
      if depth > walk.greedyDepth {
        let greedy = route(methodRow: node.greedyRow, walk.method)
        if greedy >= 0 {
          walk.greedyRoute = greedy
          walk.greedyDepth = depth
        }
      }
      let segment = PathSegment(walk.path, from: position, to: walk.count)
      if segment.end == position { return -1 }
      let literal = serving(self.literal(node, walk.path, position, segment), walk.method)
      let parameter = serving(node.parameterChild, walk.method)
      if segment.end == walk.count {
        let full = literal < 0 ? -1 : route(methodRow: nodes[Int(literal)].fullRow, walk.method)
        if full >= 0 || parameter < 0 { return full }
        return route(methodRow: nodes[Int(parameter)].fullRow, walk.method)
      }
      position = segment.end &+ 1
      depth &+= 1
      if literal >= 0 && parameter >= 0 {
        let full = descend(from: literal, at: position, depth: depth, &walk)
        if full >= 0 { return full }
        index = parameter
      } else {
        index = literal >= 0 ? literal : parameter
        if index < 0 { return -1 }
      }
    }
  }

  /// The route of a method in a row of the method table, or -1; a row has a column a method, ANY already filled in.
  @inline(__always)
  func route(methodRow: Int32, _ method: Int) -> Int32 {
    methodRow < 0 ? -1 : methodRows[Int(methodRow) &* RouteNode.methodColumns &+ method]
  }

  /// The node, unless no route in or below it serves the method.
  @inline(__always)
  func serving(_ node: Int32, _ method: Int) -> Int32 {
    node >= 0 && nodes[Int(node)].methods & (1 &<< UInt8(truncatingIfNeeded: method)) != 0 ? node : -1
  }

  /// The child for a literal segment, or -1: open addressing, at most half full, so that an empty slot ends every probe.
  @inline(__always)
  func literal(_ node: RouteNode, _ path: UnsafePointer<UInt8>, _ start: Int, _ segment: PathSegment) -> Int32 {
    if node.edgeFirst < 0 { return -1 }
    var slot = segment.hash & node.edgeMask
    while true {
      let edge = edges[Int(node.edgeFirst) &+ Int(slot)]
      if edge.child < 0 { return -1 }
      if edge.hash == segment.hash && segment.equals(blob + Int(edge.offset), Int(edge.count), path, start) { return edge.child }
      slot = (slot &+ 1) & node.edgeMask
    }
  }

  /// Writes the captures of the selected route: a second, short pass, so that the search carries no captures through its branches.
  private func capture(
    _ route: CompiledRoute, _ path: UnsafePointer<UInt8>, from start: Int, to count: Int,
    into captures: UnsafeMutablePointer<PathCapture>
  ) {
    var written: Int32 = 0
    var position = start
    var parameters = route.parameters
    while written < route.captureCount {
      let takesRest = route.isGreedy && written &+ 1 == route.captureCount && parameters == 1
      var end = takesRest ? count : position
      while end < count && path[end] != UInt8(ascii: "/") { end &+= 1 }
      if parameters & 1 != 0 {
        captures[Int(written)] = PathCapture(
          offset: UInt32(truncatingIfNeeded: position), count: UInt32(truncatingIfNeeded: end &- position),
          name: route.nameFirst &+ written)
        written &+= 1
      }
      parameters &>>= 1
      position = end &+ 1
    }
  }

  /// The column of a method in the method table; the last column is that of every method a route key cannot name.
  static func methodColumn(_ method: UnsafePointer<UInt8>, _ count: Int) -> Int {
    func isMethod(_ text: StaticString) -> Bool {
      let known = text.utf8Start
      for index in 0..<count where method[index] != known[index] { return false }
      return true
    }
    switch count {
    case 3:
      if isMethod("GET") { return Int(RouteMethod.get.rawValue) }
      if isMethod("PUT") { return Int(RouteMethod.put.rawValue) }
    case 4:
      if isMethod("POST") { return Int(RouteMethod.post.rawValue) }
      if isMethod("HEAD") { return Int(RouteMethod.head.rawValue) }
    case 5: if isMethod("PATCH") { return Int(RouteMethod.patch.rawValue) }
    case 6: if isMethod("DELETE") { return Int(RouteMethod.delete.rawValue) }
    case 7: if isMethod("OPTIONS") { return Int(RouteMethod.options.rawValue) }
    default: break
    }
    return Int(RouteMethod.any.rawValue)
  }
}

/// The state of one search.
struct RouteWalk {
  let path: UnsafePointer<UInt8>
  /// Where the path ends, for REST APIs without its trailing slashes.
  var count: Int
  let method: Int
  /// By the rules of HTTP APIs, the best greedy match so far and how many segments stand before its rest.
  var greedyRoute: Int32 = -1
  var greedyDepth: Int32 = -1
  /// How many nodes were looked at.
  var visits = 0

  init(path: UnsafePointer<UInt8>, count: Int, method: Int) {
    self.path = path
    self.count = count
    self.method = method
  }
}
