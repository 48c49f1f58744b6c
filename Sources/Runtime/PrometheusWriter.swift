// Metric families to the text that Prometheus scrapes (exposition format 0.0.4). Serving it is the admin listener's.

/// Appends families to bytes that are kept from one scrape to the next.
public struct PrometheusWriter: Sendable {
  /// The media type of what is written.
  public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  public private(set) var bytes: [UInt8] = []

  public init() {}

  /// Empties the writer and keeps its memory.
  public mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

  public mutating func write(_ families: [MetricFamily]) {
    for family in families { write(family) }
  }

  public mutating func write(_ family: MetricFamily) {
    put("# HELP ")
    put(family.name)
    put(" ")
    putEscaped(family.help, quotes: false)
    put("\n# TYPE ")
    put(family.name)
    put(" ")
    put(typeName(family.kind))
    put("\n")
    for series in family.series {
      switch series.value {
      case .counter(let value): putSample(family.name, "", series.labels, nil, String(value))
      case .gauge(let value): putSample(family.name, "", series.labels, nil, String(value))
      case .histogram(let snapshot): putHistogram(family, series.labels, snapshot)
      }
    }
  }

  private func typeName(_ kind: MetricKind) -> String {
    switch kind {
    case .counter: "counter"
    case .gauge: "gauge"
    case .histogram: "histogram"
    }
  }

  /// A value within a cell of the layout that reaches beyond a bound is counted above that bound: buckets never claim a request to
  /// have been faster than it was, and are off by no more than the layout's relative error.
  private mutating func putHistogram(_ family: MetricFamily, _ labels: MetricLabels, _ snapshot: HistogramSnapshot) {
    guard case .histogram(_, let ladder) = family.kind else { return }
    var cumulative: UInt64 = 0
    var cell = 0
    for bound in ladder.bounds {
      while cell < snapshot.counts.count && snapshot.layout.highest(at: cell) <= bound {
        cumulative &+= snapshot.counts[cell]
        cell += 1
      }
      putSample(family.name, "_bucket", labels, scaled(bound, ladder), String(cumulative))
    }
    let total = String(snapshot.total)
    putSample(family.name, "_bucket", labels, "+Inf", total)
    putSample(family.name, "_sum", labels, nil, scaled(snapshot.sum, ladder))
    putSample(family.name, "_count", labels, nil, total)
  }

  private func scaled(_ value: UInt64, _ ladder: HistogramLadder) -> String {
    let (quotient, remainder) = value.quotientAndRemainder(dividingBy: ladder.unitsPerExported)
    return remainder == 0 ? String(quotient) : (Double(value) / Double(ladder.unitsPerExported)).description
  }

  private mutating func putSample(_ name: String, _ suffix: String, _ labels: MetricLabels, _ bound: String?, _ value: String) {
    put(name)
    put(suffix)
    if bound != nil || !labels.labels.isEmpty {
      var separator = "{"
      for label in labels.labels {
        put(separator)
        put(label.name)
        put("=\"")
        putEscaped(label.value, quotes: true)
        put("\"")
        separator = ","
      }
      if let bound {
        put(separator)
        put("le=\"")
        put(bound)
        put("\"")
      }
      put("}")
    }
    put(" ")
    put(value)
    put("\n")
  }

  private mutating func put(_ text: String) { bytes.append(contentsOf: text.utf8) }

  /// Help texts escape backslash and line feed, label values the quote too.
  private mutating func putEscaped(_ text: String, quotes: Bool) {
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\\"): put("\\\\")
      case UInt8(ascii: "\n"): put("\\n")
      case UInt8(ascii: "\"") where quotes: put("\\\"")
      default: bytes.append(byte)
      }
    }
  }
}
