// Owns the match of a request by the rules of a REST API.
//
// Selection (API Gateway developer guide, "Set up a proxy integration with a proxy resource", and requests recorded from the service):
// resources form a tree, and at each level a literal part goes before a parameter and that before a greedy one, each with all that
// stands below it. At one resource its own method goes before ANY. A resource that matches but lacks the method is passed over, so that
// a less specific one may answer, greedy ones of its parents last (recorded: OPTIONS /test goes to OPTIONS /{proxy+} where /test has
// only POST). There is no default route and no 405; the caller answers 403 {"message":"Missing Authentication Token"}.
//
// Paths: a run of slashes at the front counts as one, and slashes at the end belong to no resource and to no capture (recorded). Hence a
// greedy part always takes something, and "/" is the root resource alone. Within the path an empty segment is only part of a greedy rest.
// Captures keep their percent-encoding (recorded). Escapes, case and cost are as for HTTP APIs.

extension RouteTable {
  /// The resource's route for the request, or -1.
  func resource(at start: Int, _ walk: inout RouteWalk) -> Int32 {
    while walk.count > start && walk.path[walk.count &- 1] == UInt8(ascii: "/") { walk.count &-= 1 }
    if start == walk.count { return route(methodRow: nodes[0].fullRow, walk.method) }
    return resource(below: 0, at: start, &walk)
  }

  /// The first match below a node, in the order of the rules. A greedy route met on the way down is what is left when everything below
  /// has failed, the deepest first.
  ///
  /// Recursion happens only where a literal and a parameter both fit, so its depth is bounded by the deepest route.
  private func resource(below first: Int32, at firstPosition: Int, _ walk: inout RouteWalk) -> Int32 {
    var index = first
    var position = firstPosition
    var greedy: Int32 = -1
    while true {
      walk.visits &+= 1
      let node = nodes[Int(index)]
      let deeper = route(methodRow: node.greedyRow, walk.method)
      if deeper >= 0 { greedy = deeper }
      let segment = PathSegment(walk.path, from: position, to: walk.count)
      if segment.end == position { return greedy }
      let literal = serving(self.literal(node, walk.path, position, segment), walk.method)
      let parameter = serving(node.parameterChild, walk.method)
      if segment.end == walk.count {
        var full = literal < 0 ? -1 : route(methodRow: nodes[Int(literal)].fullRow, walk.method)
        if full < 0 && parameter >= 0 { full = route(methodRow: nodes[Int(parameter)].fullRow, walk.method) }
        return full >= 0 ? full : greedy
      }
      position = segment.end &+ 1
      if literal >= 0 && parameter >= 0 {
        let found = resource(below: literal, at: position, &walk)
        if found >= 0 { return found }
        index = parameter
      } else {
        index = literal >= 0 ? literal : parameter
        if index < 0 { return greedy }
      }
    }
  }
}
