// Owns the path tree of a REST API while it grows: which paths can live together, and the order in which the model has them.
import Runtime

/// Why a path was refused.
struct PathRefusal: Error, Equatable {
  let reason: String
}

/// Resources by path. Whatever the order of insertion, the model's is the same: siblings by their text, parents before children.
struct ResourceTree {
  private struct Node {
    let part: APIDefinition.PathPart
    let parent: Int?
    var children: [APIDefinition.PathPart: Int] = [:]
    /// The one child that is no literal.
    var variable: APIDefinition.PathPart?
    var methods: [APIDefinition.Method] = []
  }

  private var nodes = [Node(part: .literal(""), parent: nil)]
  let limits: DefinitionLimits

  init(limits: DefinitionLimits) { self.limits = limits }

  /// Adds a path and every one above it; a path that is there is found.
  ///
  /// - Returns: the node's number, which stays.
  /// - Throws: `PathRefusal` with a sentence.
  mutating func insert(_ parts: [APIDefinition.PathPart]) throws(PathRefusal) -> Int {
    var node = 0
    for part in parts {
      if let child = nodes[node].children[part] {
        node = child
        continue
      }
      if part.parameterName != nil {
        if let other = nodes[node].variable {
          // As AWS says it; a request could not tell which one is meant.
          throw PathRefusal(
            reason: "A sibling (\(Shown.text(other.text))) of this resource already has a variable path part -- "
              + "only one unique variable path part is allowed: \(Shown.text(part.text))")
        }
        nodes[node].variable = part
      }
      guard nodes.count < limits.pathsMax else { throw PathRefusal(reason: "the API has more than \(limits.pathsMax) resources") }
      nodes[node].children[part] = nodes.count
      nodes.append(Node(part: part, parent: node))
      node = nodes.count - 1
    }
    return node
  }

  /// - Returns: false if the resource has the method already.
  mutating func add(_ method: APIDefinition.Method, to node: Int) -> Bool {
    guard !nodes[node].methods.contains(where: { $0.method == method.method }) else { return false }
    nodes[node].methods.append(method)
    return true
  }

  /// All resources, each parent before its children.
  func resources() -> [APIDefinition.Resource] {
    var result: [APIDefinition.Resource] = []
    var open: [(node: Int, parent: Int?, segments: [APIDefinition.PathPart])] = [(0, nil, [])]
    while let (number, parent, segments) = open.popLast() {
      let node = nodes[number]
      var resource = APIDefinition.Resource(segments: segments, parent: parent)
      resource.methods = node.methods.sorted { $0.method.rawValue < $1.method.rawValue }
      let children = node.children.sorted { $0.key.text > $1.key.text }
      open.append(contentsOf: children.map { (node: $0.value, parent: result.count, segments: segments + [$0.key]) })
      result.append(resource)
    }
    return result
  }

  /// The parts of a path (API Gateway developer guide, "Amazon API Gateway important notes": letters, digits, underscores, hyphens,
  /// periods, commas and colons; a parameter takes a whole part).
  static func parts(_ path: String, _ limits: DefinitionLimits) throws(PathRefusal) -> [APIDefinition.PathPart] {
    guard path.utf8.first == UInt8(ascii: "/") else { throw PathRefusal(reason: "a path begins with a slash") }
    guard path.utf8.count <= limits.pathBytesMax else { throw PathRefusal(reason: "the path is longer than \(limits.pathBytesMax) bytes") }
    var parts: [APIDefinition.PathPart] = []
    var names: Set<String> = []
    let texts = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
    for (index, text) in texts.enumerated() {
      // A slash at the end is the same resource at AWS.
      if text.isEmpty, index == texts.count - 1 { break }
      if text.isEmpty { throw PathRefusal(reason: "a part of the path is empty; one slash stands between parts") }
      let part = try part(String(text))
      if let name = part.parameterName, !names.insert(name).inserted {
        throw PathRefusal(reason: "the parameter \"\(Shown.text(name))\" stands twice in the path")
      }
      if case .greedy? = parts.last {
        throw PathRefusal(reason: "a greedy parameter takes the rest of the path, so it is the last part")
      }
      parts.append(part)
      guard parts.count <= DefinitionLimits.segmentsMax else {
        throw PathRefusal(reason: "the path has more than \(DefinitionLimits.segmentsMax) parts")
      }
    }
    return parts
  }

  private static func part(_ text: String) throws(PathRefusal) -> APIDefinition.PathPart {
    let allowed = "letters, digits and _ - . , : make a part of a path, or {name} or {name+} as a whole"
    if text.hasPrefix("{") && text.hasSuffix("}") {
      let inner = text.dropFirst().dropLast()
      let isGreedy = inner.hasSuffix("+")
      let name = String(isGreedy ? inner.dropLast() : inner)
      guard !name.isEmpty, name.utf8.allSatisfy(isPathByte) else {
        throw PathRefusal(reason: "\"\(Shown.text(text))\" is no path parameter; \(allowed)")
      }
      return isGreedy ? .greedy(name) : .parameter(name)
    }
    guard text.utf8.allSatisfy(isPathByte) else { throw PathRefusal(reason: "\"\(Shown.text(text))\" cannot stand in a path; \(allowed)") }
    // RFC 3986 section 5.2.4 takes them out of a path, so that no request could reach them.
    guard text != ".", text != ".." else { throw PathRefusal(reason: "\".\" and \"..\" cannot be parts of a path") }
    return .literal(text)
  }

  private static func isPathByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
    case UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: ","), UInt8(ascii: ":"): true
    default: false
    }
  }
}
