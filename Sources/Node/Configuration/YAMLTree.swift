// Owns the way from YAML bytes to a bounded tree with line and column on every node, out of libyaml's event stream.
// Leaves the meaning of keys and values to ConfigurationChecker.
//
// It reads the events of the libyaml that Yams carries (module CYaml) instead of calling Yams.compose: compose stops at the
// first duplicate key, hashes whole key subtrees (exponential for aliases inside keys) and knows no bound on what aliases expand to.
internal import CYaml
import Runtime

/// A place in a document; lines and columns count from 1, columns count characters.
struct YAMLMark: Sendable, Equatable {
  var line: Int
  var column: Int

  static let none = YAMLMark(line: 0, column: 0)
}

/// A node of a document. Aliases are already replaced by what they name.
struct YAMLNode: Sendable {
  indirect enum Content: Sendable {
    /// `plain` is true for a scalar without quotes, which alone can mean "no value".
    case scalar(String, plain: Bool)
    case sequence([YAMLNode])
    case mapping([Pair])
  }

  struct Pair: Sendable {
    let key: YAMLNode
    let value: YAMLNode
  }

  let content: Content
  let mark: YAMLMark
  /// Nodes in this subtree with aliases expanded, itself included.
  let expandedCount: Int
}

/// Why a text is no document that we read.
struct YAMLFault: Error, Equatable {
  let mark: YAMLMark
  let reason: String
}

/// What one document may cost.
struct YAMLLimits: Sendable {
  var bytesMax = 4 << 20
  var depthMax = 64
  /// Counted after aliases are expanded.
  var nodesMax = 200_000
}

/// Reads one document.
struct YAMLTree {
  private let parser: UnsafeMutablePointer<yaml_parser_t>
  private let limits: YAMLLimits
  private var anchors: [String: YAMLNode] = [:]
  private var nodes = 0

  private init(_ parser: UnsafeMutablePointer<yaml_parser_t>, _ limits: YAMLLimits) {
    self.parser = parser
    self.limits = limits
  }

  /// The root of the only document in `bytes`, or nil when there is none.
  ///
  /// - Throws: `YAMLFault` at the first syntax error or exceeded limit.
  static func compose(_ bytes: some Collection<UInt8>, limits: YAMLLimits = YAMLLimits()) throws(YAMLFault) -> YAMLNode? {
    guard bytes.count <= limits.bytesMax else {
      throw YAMLFault(mark: .none, reason: "is \(bytes.count) bytes long; at most \(limits.bytesMax) are read")
    }
    let input = Array(bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...])
    // SAFETY: libyaml keeps a pointer to the parser inside the parser, so it lives at one heap address until it is deleted.
    let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
    parser.initialize(to: yaml_parser_t())
    defer { parser.deallocate() }
    guard yaml_parser_initialize(parser) == 1 else { throw YAMLFault(mark: .none, reason: "no memory to parse it") }
    defer { yaml_parser_delete(parser) }
    // SAFETY: the input array outlives every call on the parser: all of them happen inside this closure.
    let result: Result<YAMLNode?, YAMLFault> = input.withUnsafeBufferPointer { buffer in
      yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
      yaml_parser_set_input_string(parser, buffer.baseAddress, buffer.count)
      var tree = YAMLTree(parser, limits)
      do throws(YAMLFault) { return .success(try tree.document(in: buffer)) } catch { return .failure(error) }
    }
    return try result.get()
  }

  private mutating func document(in input: UnsafeBufferPointer<UInt8>) throws(YAMLFault) -> YAMLNode? {
    guard try next(input).kind == .streamStart else { return nil }
    guard try next(input).kind == .documentStart else { return nil }
    let root = try node(from: next(input), depth: 0, input)
    _ = try next(input)
    let end = try next(input)
    guard end.kind == .streamEnd else { throw YAMLFault(mark: end.mark, reason: "a second document starts here; one file holds one") }
    return root
  }

  private mutating func node(from event: Event, depth: Int, _ input: UnsafeBufferPointer<UInt8>) throws(YAMLFault) -> YAMLNode {
    guard depth <= limits.depthMax else { throw YAMLFault(mark: event.mark, reason: Self.tooDeep(limits)) }
    if let tag = event.tag {
      throw YAMLFault(mark: event.mark, reason: "the tag `\(Shown.text(tag))` is not supported; write the plain value")
    }
    if event.kind == .alias {
      guard let target = anchors[event.text] else {
        throw YAMLFault(mark: event.mark, reason: "the alias `*\(Shown.text(event.text))` names no anchor above it")
      }
      try count(target.expandedCount, at: event.mark)
      return target
    }
    try count(1, at: event.mark)
    let node: YAMLNode
    switch event.kind {
    case .scalar:
      node = YAMLNode(content: .scalar(event.text, plain: event.plain), mark: event.mark, expandedCount: 1)
    case .sequenceStart:
      var items: [YAMLNode] = []
      var size = 1
      while case let item = try next(input), item.kind != .sequenceEnd {
        items.append(try self.node(from: item, depth: depth + 1, input))
        size += items[items.count - 1].expandedCount
      }
      node = YAMLNode(content: .sequence(items), mark: event.mark, expandedCount: size)
    case .mappingStart:
      var pairs: [YAMLNode.Pair] = []
      var size = 1
      while case let first = try next(input), first.kind != .mappingEnd {
        let key = try self.node(from: first, depth: depth + 1, input)
        let value = try self.node(from: next(input), depth: depth + 1, input)
        pairs.append(YAMLNode.Pair(key: key, value: value))
        size += key.expandedCount + value.expandedCount
      }
      node = YAMLNode(content: .mapping(pairs), mark: event.mark, expandedCount: size)
    case .streamStart, .streamEnd, .documentStart, .documentEnd, .alias, .sequenceEnd, .mappingEnd, .other:
      throw YAMLFault(mark: event.mark, reason: "a value is missing here")
    }
    if let anchor = event.anchor { anchors[anchor] = node }
    return node
  }

  private mutating func count(_ more: Int, at mark: YAMLMark) throws(YAMLFault) {
    nodes += more
    guard nodes <= limits.nodesMax else {
      throw YAMLFault(mark: mark, reason: "the document holds more than \(limits.nodesMax) values once its aliases are expanded")
    }
  }

  private struct Event {
    enum Kind {
      case streamStart, streamEnd, documentStart, documentEnd, alias, scalar
      case sequenceStart, sequenceEnd, mappingStart, mappingEnd, other
    }
    var kind = Kind.other
    var mark = YAMLMark.none
    var text = ""
    var plain = false
    var anchor: String?
    var tag: String?
  }

  /// The next event, copied out of libyaml's memory.
  private func next(_ input: UnsafeBufferPointer<UInt8>) throws(YAMLFault) -> Event {
    var raw = yaml_event_t()
    guard yaml_parser_parse(parser, &raw) == 1 else { throw syntaxFault(input) }
    defer { yaml_event_delete(&raw) }
    var event = Event()
    event.mark = YAMLMark(line: raw.start_mark.line + 1, column: raw.start_mark.column + 1)
    // SAFETY: `type` says which member of the union libyaml has filled; only that one is read.
    switch raw.type {
    case YAML_STREAM_START_EVENT: event.kind = .streamStart
    case YAML_STREAM_END_EVENT: event.kind = .streamEnd
    case YAML_DOCUMENT_START_EVENT: event.kind = .documentStart
    case YAML_DOCUMENT_END_EVENT: event.kind = .documentEnd
    case YAML_SEQUENCE_END_EVENT: event.kind = .sequenceEnd
    case YAML_MAPPING_END_EVENT: event.kind = .mappingEnd
    case YAML_ALIAS_EVENT:
      event.kind = .alias
      event.text = Self.text(raw.data.alias.anchor) ?? ""
    case YAML_SCALAR_EVENT:
      let scalar = raw.data.scalar
      event.kind = .scalar
      event.text = String(decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
      event.plain = scalar.style == YAML_PLAIN_SCALAR_STYLE
      event.anchor = Self.text(scalar.anchor)
      event.tag = Self.text(scalar.tag)
    case YAML_SEQUENCE_START_EVENT:
      event.kind = .sequenceStart
      event.anchor = Self.text(raw.data.sequence_start.anchor)
      event.tag = Self.text(raw.data.sequence_start.tag)
    case YAML_MAPPING_START_EVENT:
      event.kind = .mappingStart
      event.anchor = Self.text(raw.data.mapping_start.anchor)
      event.tag = Self.text(raw.data.mapping_start.tag)
    default: break
    }
    return event
  }

  private static func tooDeep(_ limits: YAMLLimits) -> String { "is nested deeper than \(limits.depthMax) levels" }

  private static func text(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String? {
    pointer.map { String(cString: $0) }
  }

  private func syntaxFault(_ input: UnsafeBufferPointer<UInt8>) -> YAMLFault {
    let state = parser.pointee
    var mark = YAMLMark(line: state.problem_mark.line + 1, column: state.problem_mark.column + 1)
    if state.error == YAML_READER_ERROR {
      let before = input.prefix(state.problem_offset)
      let lineStart = before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
      mark = YAMLMark(
        line: before.reduce(1) { $0 + ($1 == 0x0A ? 1 : 0) },
        column: String(decoding: before[lineStart...], as: UTF8.self).unicodeScalars.count + 1)
    }
    if state.problem.map({ String(cString: $0).hasPrefix("Maximum nesting level") }) == true {
      return YAMLFault(mark: mark, reason: Self.tooDeep(limits))
    }
    let problem = state.problem.map { String(cString: $0) } ?? "cannot be parsed"
    let context = state.context.map { " " + String(cString: $0) } ?? ""
    return YAMLFault(mark: mark, reason: "is not YAML: \(problem)\(context)")
  }
}
