// What a scrape finds: families of series with their summed values. Made by MetricRegistry, written out by PrometheusWriter and
// whoever else exports.

/// The labels of a series, ordered by name.
public struct MetricLabels: Hashable, Sendable, ExpressibleByDictionaryLiteral {
  public struct Label: Hashable, Sendable {
    public let name: String
    public let value: String
  }

  public let labels: [Label]

  public init(_ pairs: [(name: String, value: String)]) {
    labels = pairs.map { Label(name: $0.name, value: $0.value) }.sorted { $0.name < $1.name }
  }

  public init(dictionaryLiteral elements: (String, String)...) { self.init(elements.map { (name: $0.0, value: $0.1) }) }

  public static var none: MetricLabels { MetricLabels([]) }
}

/// How the workers' shares of a gauge become one value.
public enum GaugeMerge: Hashable, Sendable {
  case sum
  case max
}

/// The cumulative buckets in which a histogram is shown to Prometheus, and its unit there.
public struct HistogramLadder: Hashable, Sendable {
  /// Upper bounds in the unit of recorded values, ascending.
  public let bounds: [UInt64]
  /// Recorded units per exported unit: 1,000,000 where microseconds are recorded and seconds are shown.
  public let unitsPerExported: UInt64

  /// - Precondition: `bounds` ascends strictly, `unitsPerExported` is not 0.
  public init(bounds: [UInt64], unitsPerExported: UInt64 = 1) {
    precondition(zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 }, "histogram bounds must ascend: \(bounds)")
    precondition(unitsPerExported > 0, "a histogram's exported unit must have a size")
    self.bounds = bounds
    self.unitsPerExported = unitsPerExported
  }

  /// Microseconds shown as seconds, 100 µs to 60 s.
  public static let latency = HistogramLadder(
    bounds: [
      100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000,
      30_000_000, 60_000_000,
    ],
    unitsPerExported: 1_000_000)

  /// Bytes, 256 B to 1 GiB.
  public static let bytes = HistogramLadder(bounds: (4...15).map { 1 << UInt64($0 * 2) })
}

/// What kind of value a family's series have.
public enum MetricKind: Hashable, Sendable {
  case counter
  case gauge(GaugeMerge)
  case histogram(HistogramLayout, HistogramLadder)
}

/// A summed value.
public enum MetricValue: Hashable, Sendable {
  case counter(UInt64)
  case gauge(Int64)
  case histogram(HistogramSnapshot)
}

/// One series of a family.
public struct MetricSeries: Hashable, Sendable {
  public let labels: MetricLabels
  public let value: MetricValue

  public init(labels: MetricLabels, value: MetricValue) {
    self.labels = labels
    self.value = value
  }
}

/// All series of one name.
public struct MetricFamily: Hashable, Sendable {
  public let name: String
  public let help: String
  public let kind: MetricKind
  /// In order of registration.
  public let series: [MetricSeries]

  public init(name: String, help: String, kind: MetricKind, series: [MetricSeries]) {
    self.name = name
    self.help = help
    self.kind = kind
    self.series = series
  }
}
