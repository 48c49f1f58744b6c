// Owns: what a template works with: Java's strings, numbers, lists and maps as far as templates see them, and the service's own objects.
// How values print is ValuePrinter's, which methods they have the Java folder's.

/// A value of a template.
enum Value {
  /// Java's null: a name without value, a member that a map lacks, a method that a class lacks, JSON's null.
  case null
  case bool(Bool)
  case integer(Int64)
  case double(Double)
  /// A number beyond those two, by its text, as Java's BigInteger and BigDecimal keep it.
  case number(ArraySlice<UInt8>)
  case text(ArraySlice<UInt8>)
  /// An object or array of a JSON document that nobody has written to.
  case node(JSONDocument.Node)
  case list(ListObject)
  case map(MapObject)
  case entry(EntryObject)
  /// What #define has put aside.
  case block(DefinedBlock)
  /// `$foreach`.
  case loop(LoopState)
  case input, util, context, stageVariables
  /// What `$input.params()` gives.
  case parameters
  case parameterGroup(ParameterGroup)
  /// `$context.identity` and its like.
  case contextGroup(ContextGroup)
}

/// A Java list or set.
final class ListObject {
  enum Form {
    /// `java.util.ArrayList`, sets, arrays: `[a, b]`.
    case java
    /// `net.minidev.json.JSONArray`, whose text is JSON.
    case json
  }

  var elements: [Value]
  let form: Form

  init(_ elements: [Value], form: Form = .java) {
    self.elements = elements
    self.form = form
  }
}

/// A Java map with texts as keys.
final class MapObject {
  enum Order {
    /// `java.util.LinkedHashMap`.
    case inserted
    /// `java.util.HashMap`, whose order templates see through `keySet()` and when they print a map.
    case hashed
  }

  let order: Order
  /// Of a map within `$context`: it prints as nothing (recorded: such maps are empty where a text names them).
  let isSilent: Bool
  private(set) var names: [ArraySlice<UInt8>] = []
  private(set) var values: [Value] = []
  private var positions: [ArraySlice<UInt8>: Int] = [:]
  /// Of an override map: what has been written in this rendering, because each parameter may be overridden once.
  private(set) var written: Set<ArraySlice<UInt8>>?

  init(order: Order = .inserted, isSilent: Bool = false) {
    self.order = order
    self.isSilent = isSilent
  }

  var count: Int { names.count }

  /// Below this size a search beats a table.
  private static let plainMax = 8

  private func position(_ name: ArraySlice<UInt8>) -> Int? {
    names.count > Self.plainMax ? positions[name] : names.firstIndex { $0 == name }
  }

  subscript(name: ArraySlice<UInt8>) -> Value? { position(name).map { values[$0] } }

  @discardableResult
  func put(_ name: ArraySlice<UInt8>, _ value: Value) -> Value? {
    if let position = position(name) {
      let old = values[position]
      values[position] = value
      return old
    }
    names.append(name)
    values.append(value)
    if names.count == Self.plainMax + 1 {
      for (position, name) in names.enumerated() { positions[name] = position }
    } else if names.count > Self.plainMax {
      positions[name] = names.count - 1
    }
    return nil
  }

  func remove(_ name: ArraySlice<UInt8>) -> Value? {
    guard let position = position(name) else { return nil }
    names.remove(at: position)
    let old = values.remove(at: position)
    positions.removeAll(keepingCapacity: true)
    if names.count > Self.plainMax {
      for (position, name) in names.enumerated() { positions[name] = position }
    }
    return old
  }

  func removeAll() {
    names.removeAll()
    values.removeAll()
    positions.removeAll()
  }

  func watchWrites() { written = [] }

  /// Notes a write to an override map.
  /// - Returns: whether this parameter was overridden before.
  func isRewritten(_ name: ArraySlice<UInt8>) -> Bool {
    guard written != nil else { return false }
    return written?.insert(name).inserted == false
  }

  /// Positions in the order in which Java goes through the map.
  var sequence: [Int] {
    switch order {
    case .inserted: Array(names.indices)
    case .hashed: JavaHash.sequence(names)
    }
  }
}

/// `java.util.Map.Entry`.
final class EntryObject {
  let name: ArraySlice<UInt8>
  let value: Value

  init(_ name: ArraySlice<UInt8>, _ value: Value) {
    self.name = name
    self.value = value
  }
}

/// A block that renders anew wherever its name stands.
final class DefinedBlock {
  let block: Block
  /// The parameters of the macro in which it was defined.
  let frame: Frame?

  init(_ block: Block, frame: Frame?) {
    self.block = block
    self.frame = frame
  }
}

/// The parameters of a macro that is being called.
final class Frame {
  var values: [Value]

  init(_ values: [Value]) { self.values = values }
}

/// `$foreach`: where a loop is.
final class LoopState {
  let count: Int
  let parent: LoopState?
  var index = 0
  /// Left by `$foreach.stop()`.
  var isStopped = false

  init(count: Int, parent: LoopState?) {
    self.count = count
    self.parent = parent
  }
}

extension Value {
  static var empty: Value { .text([]) }

  static func text(_ text: StaticString) -> Value {
    .text(Array(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))[...])
  }

  /// The value itself, or what a template has made of it by writing to it.
  var current: Value { if case .node(let node) = self, let changed = node.changed { changed } else { self } }

  var isNull: Bool { if case .null = self { true } else { false } }

  var isNumber: Bool {
    switch self {
    case .integer, .double, .number: true
    default: false
    }
  }

  /// Whether this holds other values that could in turn hold it.
  var isContainer: Bool {
    switch self {
    case .list, .map, .entry, .block, .loop: true
    default: false
    }
  }
}
