// What the route table's tests share: matching by String, a naive matcher that is the specification, and seeded randomness.

@testable import Gateway

/// The outcome of a match, readable in a failure.
struct Selected: Equatable, CustomStringConvertible {
  let key: String?
  let payload: Int32
  let captures: [String]

  var description: String { "\(key ?? "none") \(payload) \(captures)" }

  static let none = Selected(key: nil, payload: 0, captures: [])
}

extension RouteTable {
  static func compile(keys: [String], rules: RouteRules = .http) throws -> RouteTable {
    try compile(keys.enumerated().map { (try RouteKey($1), Int32($0)) }, rules: rules)
  }

  /// Matches Strings; captures come back as "name=value", still encoded.
  func select(_ method: String, _ path: String, visits: inout Int) -> Selected {
    // A byte behind each text that no match may read: a slash would end a segment and a letter prolong it.
    let methodBytes = Array((method + "T").utf8)
    let pathBytes = Array((path + "a").utf8)
    let sentinel = PathCapture(offset: .max, count: .max, name: -7)
    var captures = [PathCapture](repeating: sentinel, count: capturesMax + 1)
    let column = RouteTable.methodColumn(methodBytes, methodBytes.count - 1)
    let found = pathBytes.withUnsafeBufferPointer { pathBuffer in
      var walk = RouteWalk(path: pathBuffer.baseAddress!, count: pathBuffer.count - 1, method: column)
      let found = captures.withUnsafeMutableBufferPointer { match(&walk, into: $0.baseAddress!) }
      visits = walk.visits
      return found
    }
    precondition(captures[Int(found.captureCount)] == sentinel, "match wrote beyond its captures")
    let values = captures.prefix(Int(found.captureCount)).map { capture in
      let range = Int(capture.offset)..<Int(capture.offset) + Int(capture.count)
      return "\(parameterName(capture.name))=\(String(decoding: pathBytes[range], as: UTF8.self))"
    }
    return Selected(key: found.isFound ? keys[Int(found.route)].text : nil, payload: found.payload, captures: values)
  }

  func select(_ method: String, _ path: String) -> Selected {
    var visits = 0
    return select(method, path, visits: &visits)
  }
}

/// Tries every route against a request and takes the best: slow, and plainly the rules in RouteTable.swift.
struct NaiveRouteTable {
  let keys: [RouteKey]

  func select(_ method: String, _ path: String) -> Selected {
    var best: (rank: [Int], selected: Selected)?
    for (index, key) in keys.enumerated() {
      guard key.method == .any || key.method.text == method, let (rank, captures) = matchPath(key, path) else { continue }
      let whole = rank + [key.method == .any ? 1 : 0]
      if best == nil || whole.lexicographicallyPrecedes(best!.rank) {
        best = (whole, Selected(key: key.text, payload: Int32(index), captures: captures))
      }
    }
    return best?.selected ?? .none
  }

  /// The rank of a key whose path matches, lowest best, and its captures.
  private func matchPath(_ key: RouteKey, _ path: String) -> (rank: [Int], captures: [String])? {
    if key.isDefault { return ([2], []) }
    guard path.hasPrefix("/") else { return nil }
    let rest = path.drop { $0 == "/" }
    let parts = rest.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    let named = key.isGreedy ? key.segments.dropLast() : key.segments[...]
    if key.isGreedy ? parts.count <= named.count : (rest.isEmpty ? 0 : parts.count) != named.count { return nil }
    var rank = key.isGreedy ? [1, -named.count] : [0]
    var captures: [String] = []
    for (segment, part) in zip(named, parts) {
      switch segment {
      case .literal(let text):
        if Self.decode(part) != Array(text.utf8) { return nil }
        rank.append(0)
      case .parameter(let name):
        if part.isEmpty { return nil }
        rank.append(1)
        captures.append("\(name)=\(part)")
      case .greedy: return nil
      }
    }
    if case .greedy(let name)? = key.segments.last {
      captures.append("\(name)=\(parts[named.count...].joined(separator: "/"))")
    }
    return (rank, captures)
  }

  static func decode(_ part: String) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = Array(part.utf8)[...]
    while let byte = rest.popFirst() {
      let digits = String(decoding: rest.prefix(2), as: UTF8.self)
      if byte == UInt8(ascii: "%"), digits.count == 2, digits.allSatisfy(\.isHexDigit), let value = UInt8(digits, radix: 16) {
        bytes.append(value)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    return bytes
  }
}

/// As NaiveRouteTable, by the rules in RouteTable+Resources.swift.
struct NaiveResourceTable {
  let keys: [RouteKey]

  func select(_ method: String, _ path: String) -> Selected {
    guard path.hasPrefix("/") else { return .none }
    var rest = path.drop { $0 == "/" }
    while rest.hasSuffix("/") { rest.removeLast() }
    let parts = rest.isEmpty ? [] : rest.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    var best: (rank: [Int], selected: Selected)?
    for (index, key) in keys.enumerated() {
      guard key.method == .any || key.method.text == method, let (rank, captures) = match(key, parts) else { continue }
      let whole = rank + [key.method == .any ? 1 : 0]
      if best == nil || whole.lexicographicallyPrecedes(best!.rank) {
        best = (whole, Selected(key: key.text, payload: Int32(index), captures: captures))
      }
    }
    return best?.selected ?? .none
  }

  /// At each level 0 for a literal, 1 for a parameter, 2 for a greedy one; and the captures.
  private func match(_ key: RouteKey, _ parts: [String]) -> (rank: [Int], captures: [String])? {
    if key.isGreedy ? parts.count < key.segments.count : parts.count != key.segments.count { return nil }
    var rank: [Int] = []
    var captures: [String] = []
    for (level, segment) in key.segments.enumerated() {
      switch segment {
      case .literal(let text):
        if NaiveRouteTable.decode(parts[level]) != Array(text.utf8) { return nil }
        rank.append(0)
      case .parameter(let name):
        if parts[level].isEmpty { return nil }
        rank.append(1)
        captures.append("\(name)=\(parts[level])")
      case .greedy(let name):
        rank.append(2)
        captures.append("\(name)=\(parts[level...].joined(separator: "/"))")
      }
    }
    return (rank, captures)
  }
}

/// SplitMix64 (Steele, Lea, Flood 2014), so that a failing case can be run again from its seed.
struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}
