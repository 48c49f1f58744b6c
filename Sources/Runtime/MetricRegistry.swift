// Which metrics there are and where their cells lie. Handles are taken before the requests come: at start, and for new series when a
// configuration is compiled. Nothing here is on the path of a request.

/// Bounds on what a registry takes; series come from configurations, which may be generated.
public struct MetricLimits: Equatable, Sendable {
  /// Cells in all, per worker; at most `MetricCells.cellsMax`.
  public var cellsMax: Int
  /// Series in all.
  public var seriesMax: Int
  public var labelsMax: Int
  public var labelValueBytesMax: Int

  public init(
    cellsMax: Int = MetricCells.cellsMax, seriesMax: Int = 100_000, labelsMax: Int = 16, labelValueBytesMax: Int = 1024
  ) {
    self.cellsMax = cellsMax
    self.seriesMax = seriesMax
    self.labelsMax = labelsMax
    self.labelValueBytesMax = labelValueBytesMax
  }
}

/// Why a metric was not registered.
public enum MetricError: Error, Equatable, Sendable {
  case invalidName(String)
  case invalidLabelName(String)
  case duplicateLabelName(String)
  case tooManyLabels(name: String)
  case labelValueTooLong(name: String, label: String)
  /// The name is registered with another kind, help, histogram layout or ladder.
  case conflict(name: String)
  /// `MetricLimits.seriesMax` or `cellsMax` is reached. The handle type's `discard` keeps the code that counts working.
  case full(name: String)
}

/// The table of metrics. Any thread may register and collect; a lock keeps both apart.
public final class MetricRegistry: Sendable {
  private let limits: MetricLimits
  private let table: Locked<Table>

  public init(limits: MetricLimits = MetricLimits()) {
    self.limits = limits
    table = Locked(Table(limits: limits))
  }

  /// The counter of that name and labels, made if it is new. Names end in `_total` by Prometheus's custom.
  public func counter(_ name: String, help: String, labels: MetricLabels = .none) throws(MetricError) -> CounterHandle {
    CounterHandle(cell: try register(name, help, .counter, labels))
  }

  /// The gauge of that name and labels, made if it is new.
  public func gauge(
    _ name: String, help: String, labels: MetricLabels = .none, merge: GaugeMerge = .sum
  ) throws(MetricError) -> GaugeHandle {
    GaugeHandle(cell: try register(name, help, .gauge(merge), labels))
  }

  /// The histogram of that name and labels, made if it is new.
  /// - Parameters:
  ///   - layout: the cells that values are counted in.
  ///   - ladder: how Prometheus sees them.
  public func histogram(
    _ name: String, help: String, labels: MetricLabels = .none, layout: HistogramLayout = HistogramLayout(),
    ladder: HistogramLadder = .latency
  ) throws(MetricError) -> HistogramHandle {
    HistogramHandle(cell: try register(name, help, .histogram(layout, ladder), labels), layout: layout)
  }

  /// Every family's series summed over the workers, in order of registration. Takes time in proportion to cells times workers: not
  /// for a thread that serves requests.
  public func collect(_ workers: [MetricCells]) -> [MetricFamily] {
    let families = table.withLock { $0.families }
    return families.map { family in
      MetricFamily(
        name: family.name, help: family.help, kind: family.kind,
        series: family.series.map { series in
          MetricSeries(labels: series.labels, value: MetricRegistry.value(family.kind, series.cell, workers))
        })
    }
  }

  /// One histogram summed over the workers.
  public func snapshot(_ handle: HistogramHandle, _ workers: [MetricCells]) -> HistogramSnapshot {
    var snapshot = HistogramSnapshot(layout: handle.layout)
    for cells in workers { cells.merge(handle, into: &snapshot) }
    return snapshot
  }

  /// One counter summed over the workers.
  public func total(_ handle: CounterHandle, _ workers: [MetricCells]) -> UInt64 {
    workers.reduce(0) { $0 &+ $1.value(handle) }
  }

  private static func value(_ kind: MetricKind, _ cell: Int32, _ workers: [MetricCells]) -> MetricValue {
    switch kind {
    case .counter:
      return .counter(workers.reduce(0) { $0 &+ $1.value(CounterHandle(cell: cell)) })
    case .gauge(.sum):
      return .gauge(workers.reduce(0) { $0 &+ $1.value(GaugeHandle(cell: cell)) })
    case .gauge(.max):
      return .gauge(workers.map { $0.value(GaugeHandle(cell: cell)) }.max() ?? 0)
    case .histogram(let layout, _):
      var snapshot = HistogramSnapshot(layout: layout)
      for cells in workers { cells.merge(HistogramHandle(cell: cell, layout: layout), into: &snapshot) }
      return .histogram(snapshot)
    }
  }

  private func register(_ name: String, _ help: String, _ kind: MetricKind, _ labels: MetricLabels) throws(MetricError) -> Int32 {
    try check(name, kind, labels)
    let outcome = table.withLock { table in
      Result { () throws(MetricError) in try table.register(name, help, kind, labels) }
    }
    return try outcome.get()
  }

  /// Names as Prometheus's data model has them.
  private func check(_ name: String, _ kind: MetricKind, _ labels: MetricLabels) throws(MetricError) {
    guard isName(name, colonAllowed: true) else { throw .invalidName(name) }
    guard labels.labels.count <= limits.labelsMax else { throw .tooManyLabels(name: name) }
    var previous: String?
    for label in labels.labels {
      guard isName(label.name, colonAllowed: false), !label.name.hasPrefix("__") else { throw .invalidLabelName(label.name) }
      if case .histogram = kind, label.name == "le" { throw .invalidLabelName(label.name) }
      guard label.name != previous else { throw .duplicateLabelName(label.name) }
      guard label.value.utf8.count <= limits.labelValueBytesMax else { throw .labelValueTooLong(name: name, label: label.name) }
      previous = label.name
    }
  }

  private func isName(_ name: String, colonAllowed: Bool) -> Bool {
    guard let first = name.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else { return false }
    return name.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
        UInt8(ascii: "_"):
        true
      case UInt8(ascii: ":"): colonAllowed
      default: false
      }
    }
  }
}

private struct Table: Sendable {
  struct Series: Sendable {
    let labels: MetricLabels
    let cell: Int32
  }

  struct Family: Sendable {
    let name: String
    let help: String
    let kind: MetricKind
    var series: [Series] = []
    var indexes: [MetricLabels: Int] = [:]
  }

  /// A block that is being filled: the next free cell and the end.
  struct Span {
    var next: Int
    var end: Int
  }

  private let limits: MetricLimits
  var families: [Family] = []
  private var indexes: [String: Int] = [:]
  private var seriesCount = 0
  private var blocks = 1
  // Single cells and histograms fill blocks of their own, so that a worker's counters lie close together.
  private var single = Span(next: MetricCells.discardCells, end: MetricCells.blockCells)
  private var wide = Span(next: 0, end: 0)

  init(limits: MetricLimits) { self.limits = limits }

  mutating func register(_ name: String, _ help: String, _ kind: MetricKind, _ labels: MetricLabels) throws(MetricError) -> Int32 {
    let known = indexes[name]
    if let known {
      let family = families[known]
      guard family.kind == kind, family.help == help else { throw .conflict(name: name) }
      if let series = family.indexes[labels] { return family.series[series].cell }
    }
    guard seriesCount < limits.seriesMax, let cell = take(kind) else { throw .full(name: name) }
    let index = known ?? families.count
    if known == nil {
      families.append(Family(name: name, help: help, kind: kind))
      indexes[name] = index
    }
    families[index].indexes[labels] = families[index].series.count
    families[index].series.append(Series(labels: labels, cell: cell))
    seriesCount += 1
    return cell
  }

  private mutating func take(_ kind: MetricKind) -> Int32? {
    switch kind {
    case .counter, .gauge: return take(1, from: \.single)
    case .histogram(let layout, _): return take(1 + Int(layout.cellCount), from: \.wide)
    }
  }

  /// Cells in one block, or nil where there are no more.
  private mutating func take(_ count: Int, from span: WritableKeyPath<Table, Span>) -> Int32? {
    if self[keyPath: span].next + count > self[keyPath: span].end {
      let start = blocks * MetricCells.blockCells
      guard count <= MetricCells.blockCells, start + MetricCells.blockCells <= min(limits.cellsMax, MetricCells.cellsMax) else {
        return nil
      }
      self[keyPath: span] = Span(next: start, end: start + MetricCells.blockCells)
      blocks += 1
    }
    let cell = self[keyPath: span].next
    self[keyPath: span].next += count
    return Int32(cell)
  }
}
