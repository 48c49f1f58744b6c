import Glibc
import Runtime
import Synchronization
import Testing

@Suite("Metric registry and cells")
struct MetricTests {
  @Test("counters, gauges and histograms are summed over workers")
  func sums() throws {
    let registry = MetricRegistry()
    let requests = try registry.counter("requests_total", help: "Requests.", labels: ["route": "a"])
    let open = try registry.gauge("connections", help: "Open connections.")
    let revision = try registry.gauge("revision", help: "Newest revision in force.", merge: .max)
    let latency = try registry.histogram("latency_seconds", help: "Latency.")
    let workers = [MetricCells(), MetricCells(), MetricCells()]
    defer { for cells in workers { cells.deallocate() } }
    workers[0].add(requests)
    workers[1].add(requests, 41)
    workers[0].add(open, 5)
    workers[1].add(open, -2)
    workers[1].set(revision, 9)
    workers[0].set(revision, 4)
    workers[0].record(latency, 1500)
    workers[2].record(latency, 99)
    let families = registry.collect(workers)
    #expect(families.map(\.name) == ["requests_total", "connections", "revision", "latency_seconds"])
    #expect(families.map(\.series[0].value).prefix(3) == [.counter(42), .gauge(3), .gauge(9)])
    var expected = HistogramSnapshot()
    expected.record(1500)
    expected.record(99)
    #expect(families[3].series[0].value == .histogram(expected))
    #expect(registry.snapshot(latency, workers) == expected && registry.total(requests, workers) == 42)
  }

  @Test("the same series is registered once, another kind, help or layout under its name is a conflict")
  func identity() throws {
    let registry = MetricRegistry()
    let first = try registry.counter("a_total", help: "A.", labels: ["x": "1", "y": "2"])
    #expect(try registry.counter("a_total", help: "A.", labels: ["y": "2", "x": "1"]) == first)
    #expect(try registry.counter("a_total", help: "A.", labels: ["x": "1", "y": "3"]) != first)
    let histogram = try registry.histogram("h", help: "H.")
    #expect(try registry.histogram("h", help: "H.") == histogram)
    #expect(throws: MetricError.conflict(name: "a_total")) { try registry.gauge("a_total", help: "A.") }
    #expect(throws: MetricError.conflict(name: "a_total")) { try registry.counter("a_total", help: "B.") }
    #expect(throws: MetricError.conflict(name: "h")) {
      try registry.histogram("h", help: "H.", layout: HistogramLayout(significantDigits: 1))
    }
    #expect(registry.collect([]).map(\.series.count) == [2, 1])
  }

  @Test("names and labels are those of Prometheus")
  func names() {
    let registry = MetricRegistry(limits: MetricLimits(labelsMax: 2, labelValueBytesMax: 3))
    for name in ["", "1a", "a-b", "a b", "é"] {
      #expect(throws: MetricError.invalidName(name)) { try registry.counter(name, help: "") }
    }
    for label in ["", "1a", "a:b", "__a", "a.b"] {
      #expect(throws: MetricError.invalidLabelName(label)) { try registry.counter("a", help: "", labels: [label: "x"]) }
    }
    #expect(throws: MetricError.invalidLabelName("le")) { try registry.histogram("a", help: "", labels: ["le": "x"]) }
    #expect(throws: MetricError.duplicateLabelName("b")) { try registry.counter("a", help: "", labels: ["b": "x", "b": "y"]) }
    #expect(throws: MetricError.tooManyLabels(name: "a")) { try registry.counter("a", help: "", labels: ["b": "", "c": "", "d": ""]) }
    #expect(throws: MetricError.labelValueTooLong(name: "a", label: "b")) { try registry.counter("a", help: "", labels: ["b": "1234"]) }
    #expect(registry.collect([]).isEmpty)
  }

  @Test("a full registry says so, and discarding handles count into nothing that is reported")
  func full() throws {
    let registry = MetricRegistry(limits: MetricLimits(cellsMax: 65_536, seriesMax: 12))
    let cells = MetricCells()
    defer { cells.deallocate() }
    var taken = 0
    while (try? registry.histogram("h", help: "H.", labels: ["n": "\(taken)"])) != nil { taken += 1 }
    #expect(taken == 32_768 / 3329)
    #expect(throws: MetricError.full(name: "h")) { try registry.histogram("h", help: "H.", labels: ["n": "more"]) }
    while (try? registry.counter("c", help: "C.", labels: ["n": "\(taken)"])) != nil { taken += 1 }
    #expect(taken == 12)
    cells.add(CounterHandle.discard, 7)
    cells.add(GaugeHandle.discard, 7)
    for value in [UInt64(0), 31, 32, .max] { cells.record(.discard, value) }
    for family in registry.collect([cells]) {
      for series in family.series {
        switch series.value {
        case .counter(let value): #expect(value == 0)
        case .gauge(let value): #expect(value == 0)
        case .histogram(let snapshot): #expect(snapshot.total == 0)
        }
      }
    }
  }

  @Test("series registered while workers run count at once, over many blocks, and no two share a cell")
  func growth() throws {
    let registry = MetricRegistry()
    let cells = MetricCells()
    defer { cells.deallocate() }
    var counters: [CounterHandle] = []
    var histograms: [HistogramHandle] = []
    for round in 0..<UInt64(4) {
      for index in 0..<15_000 { counters.append(try registry.counter("c_total", help: "C.", labels: ["n": "\(round)-\(index)"])) }
      for index in 0..<15 { histograms.append(try registry.histogram("h", help: "H.", labels: ["n": "\(round)-\(index)"])) }
      for (index, handle) in counters.enumerated() { cells.add(handle, UInt64(index)) }
      for (index, handle) in histograms.enumerated() { cells.record(handle, UInt64(index) * 1000 + round) }
    }
    for (index, handle) in counters.enumerated() { #expect(cells.value(handle) == UInt64(index) * UInt64(4 - index / 15_000)) }
    for (index, handle) in histograms.enumerated() {
      let rounds = UInt64(index / 15)..<4
      #expect(registry.snapshot(handle, [cells]).sum == rounds.reduce(0) { $0 + UInt64(index) * 1000 + $1 })
      #expect(registry.snapshot(handle, [cells]).total == UInt64(rounds.count))
    }
  }

  /// What a writing thread needs.
  private final class Writing: Sendable {
    let cells = MetricCells()
    let counters: [CounterHandle]
    let histogram: HistogramHandle
    let isDone = Atomic(false)

    init(_ counters: [CounterHandle], _ histogram: HistogramHandle) {
      self.counters = counters
      self.histogram = histogram
    }

    deinit { cells.deallocate() }

    func run() {
      for turn in 0..<UInt64(200_000) {
        cells.add(counters[Int(turn % UInt64(counters.count))])
        cells.record(histogram, turn % 1000)
      }
      isDone.store(true, ordering: .releasing)
    }
  }

  @Test("a reader beside a writing thread sees counts that only grow, and in the end all of them")
  func concurrentReading() throws {
    let registry = MetricRegistry()
    let counters = try (0..<40_000).map { try registry.counter("c_total", help: "C.", labels: ["n": "\($0)"]) }
    let writing = Writing(counters, try registry.histogram("h", help: "H."))
    var thread = pthread_t()
    let argument = Unmanaged.passRetained(writing)
    let created = pthread_create(
      &thread, nil,
      { argument in
        Unmanaged<Writing>.fromOpaque(argument!).takeRetainedValue().run()
        return nil
      }, argument.toOpaque())
    #expect(created == 0)
    var last: UInt64 = 0
    while !writing.isDone.load(ordering: .acquiring) {
      let now = registry.total(counters[0], [writing.cells])
      let recorded = registry.snapshot(writing.histogram, [writing.cells]).total
      #expect(now >= last && now <= 5 && recorded <= 200_000)
      last = now
    }
    pthread_join(thread, nil)
    #expect(counters.allSatisfy { writing.cells.value($0) == 5 })
    let snapshot = registry.snapshot(writing.histogram, [writing.cells])
    #expect(snapshot.total == 200_000 && snapshot.sum == 200 * 499_500)
  }
}

@Suite("Prometheus text")
struct PrometheusWriterTests {
  private func text(_ families: [MetricFamily]) -> String {
    var writer = PrometheusWriter()
    writer.write(families)
    return String(decoding: writer.bytes, as: UTF8.self)
  }

  @Test("families are written with help, type and escaped labels")
  func escaping() {
    let family = MetricFamily(
      name: "a_total", help: "Back\\slash,\nline \"quoted\".", kind: .counter,
      series: [
        MetricSeries(labels: .none, value: .counter(.max)),
        MetricSeries(labels: ["path": "a\\b\"c\nd", "api": "é"], value: .counter(0)),
      ])
    #expect(
      text([family]) == """
        # HELP a_total Back\\\\slash,\\nline "quoted".
        # TYPE a_total counter
        a_total 18446744073709551615
        a_total{api="é",path="a\\\\b\\"c\\nd"} 0

        """)
  }

  @Test("histograms are cumulative buckets in the exported unit, with sum and count")
  func histogram() {
    let layout = HistogramLayout()
    let ladder = HistogramLadder(bounds: [1000, 2500, 1_000_000], unitsPerExported: 1_000_000)
    var snapshot = HistogramSnapshot(layout: layout)
    for value in [UInt64(10), 900, 1800, 5_000_000] { snapshot.record(value) }
    let gauge = MetricFamily(
      name: "g", help: "G.", kind: .gauge(.sum), series: [MetricSeries(labels: ["n": "1"], value: .gauge(-3))])
    let family = MetricFamily(
      name: "h_seconds", help: "H.", kind: .histogram(layout, ladder),
      series: [
        MetricSeries(labels: ["r": "x"], value: .histogram(snapshot)),
        MetricSeries(labels: .none, value: .histogram(HistogramSnapshot())),
      ])
    #expect(
      text([gauge, family]) == """
        # HELP g G.
        # TYPE g gauge
        g{n="1"} -3
        # HELP h_seconds H.
        # TYPE h_seconds histogram
        h_seconds_bucket{r="x",le="0.001"} 2
        h_seconds_bucket{r="x",le="0.0025"} 3
        h_seconds_bucket{r="x",le="1"} 3
        h_seconds_bucket{r="x",le="+Inf"} 4
        h_seconds_sum{r="x"} 5.00271
        h_seconds_count{r="x"} 4
        h_seconds_bucket{le="0.001"} 0
        h_seconds_bucket{le="0.0025"} 0
        h_seconds_bucket{le="1"} 0
        h_seconds_bucket{le="+Inf"} 0
        h_seconds_sum 0
        h_seconds_count 0

        """)
  }

  @Test("the standard ladders ascend and lie within the standard layout", arguments: [HistogramLadder.latency, .bytes])
  func ladders(ladder: HistogramLadder) {
    #expect(zip(ladder.bounds, ladder.bounds.dropFirst()).allSatisfy { $0 < $1 })
    #expect(ladder.bounds.last! <= HistogramLayout().highest)
  }
}
