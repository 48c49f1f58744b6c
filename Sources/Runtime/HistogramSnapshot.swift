// A histogram's counts at one moment as a value: merged over workers and nodes, asked for percentiles, sent between nodes.

/// Why two histograms cannot become one, or bytes are none.
public enum HistogramError: Error, Equatable, Sendable {
  /// They count in different cells.
  case layoutMismatch
  case malformed(ByteReadError)
  /// The bytes are readable, but no version, layout or cell that this build accepts.
  case unsupported
}

/// Counts of a `HistogramLayout`, and the sum of all recorded values. Counts and sum saturate instead of trapping, since they may
/// come from another node.
public struct HistogramSnapshot: Hashable, Sendable {
  public let layout: HistogramLayout
  /// How often each cell's values were recorded; `layout.cellCount` elements.
  public private(set) var counts: [UInt64]
  /// The exact sum of the recorded values.
  public private(set) var sum: UInt64

  /// An empty histogram.
  public init(layout: HistogramLayout = HistogramLayout()) {
    self.layout = layout
    counts = [UInt64](repeating: 0, count: Int(layout.cellCount))
    sum = 0
  }

  /// Records a value `count` times.
  public mutating func record(_ value: UInt64, count: UInt64 = 1) {
    add(count: count, at: layout.index(of: value))
    let (product, overflow) = value.multipliedReportingOverflow(by: count)
    add(sum: overflow ? .max : product)
  }

  /// Counts all that `other` counted.
  public mutating func merge(_ other: HistogramSnapshot) throws(HistogramError) {
    guard layout == other.layout else { throw .layoutMismatch }
    for index in counts.indices where other.counts[index] != 0 { add(count: other.counts[index], at: index) }
    add(sum: other.sum)
  }

  mutating func add(count: UInt64, at index: Int) { counts[index] = saturated(counts[index], plus: count) }
  mutating func add(sum more: UInt64) { sum = saturated(sum, plus: more) }

  /// How many values were recorded.
  public var total: UInt64 { counts.reduce(0) { saturated($0, plus: $1) } }

  /// The smallest recorded value, up to the layout's relative error; nil if there is none.
  public var min: UInt64? { counts.firstIndex { $0 != 0 }.map { layout.lowest(at: $0) } }

  /// The greatest recorded value, up to the layout's relative error; nil if there is none.
  public var max: UInt64? { counts.lastIndex { $0 != 0 }.map { layout.highest(at: $0) } }

  /// The exact mean (of what was recorded, values above the layout's highest included); nil if there is none.
  public var mean: Double? {
    let total = total
    return total == 0 ? nil : Double(sum) / Double(total)
  }

  /// The value that `percent` per cent of the recorded values do not exceed: never less than the true one, and greater by no more
  /// than the layout's relative error. 0 gives the minimum, 100 the maximum; nil if nothing was recorded.
  /// - Parameter percent: 0 to 100; others count as the nearer end.
  public func percentile(_ percent: Double) -> UInt64? { percentiles([percent])?[0] }

  /// Several percentiles in one pass, in the order asked for.
  /// - Parameter percents: ascending.
  public func percentiles(_ percents: [Double]) -> [UInt64]? {
    let total = total
    if total == 0 { return nil }
    var values: [UInt64] = []
    var index = -1
    var seen: UInt64 = 0
    for percent in percents {
      let wanted = rank(percent, of: total)
      while seen < wanted && index < counts.count - 1 {
        index += 1
        seen = saturated(seen, plus: counts[index])
      }
      precondition(seen >= wanted && index >= 0, "percentiles are asked for in ascending order")
      values.append(percent <= 0 ? layout.lowest(at: index) : layout.highest(at: index))
    }
    return values
  }

  /// How many recorded values are at most `value`, cells that reach beyond it left out.
  public func count(atMost value: UInt64) -> UInt64 {
    var seen: UInt64 = 0
    for index in counts.indices {
      if layout.highest(at: index) > value { break }
      seen = saturated(seen, plus: counts[index])
    }
    return seen
  }

  /// The rank, from 1, of the value at a percentile.
  private func rank(_ percent: Double, of total: UInt64) -> UInt64 {
    // One step down, so that 99.9 % of 1,000, which binary fractions make 999.0000000000001, does not become the 1000th value.
    let share = Swift.min(Swift.max(percent, 0), 100).nextDown / 100
    let rank = (share * Double(total)).rounded(.up)
    return rank >= Double(total) ? total : Swift.max(1, UInt64(Swift.max(rank, 0)))
  }
}

extension HistogramSnapshot {
  private static let version: UInt64 = 1

  /// Writes a version, the layout, the sum and the cells that are not empty, all as varints; a cell is the gap to the one before
  /// and its count.
  public func encode(to writer: inout ByteWriter) {
    writer.writeVarint(HistogramSnapshot.version)
    writer.writeVarint(UInt64(layout.significantDigits))
    writer.writeVarint(layout.highest)
    writer.writeVarint(sum)
    writer.writeVarint(UInt64(counts.count { $0 != 0 }))
    var next = 0
    for index in counts.indices where counts[index] != 0 {
      writer.writeVarint(UInt64(index - next))
      writer.writeVarint(counts[index])
      next = index + 1
    }
  }

  /// Reads what `encode` wrote.
  /// - Parameter cellsMax: the largest layout accepted, since its memory is taken before the cells are read.
  public init(from reader: inout ByteReader, cellsMax: Int = 32_768) throws(HistogramError) {
    let version = try reader.histogramField()
    let digits = try reader.histogramField()
    let highest = try reader.histogramField()
    guard version == HistogramSnapshot.version,
      let layout = HistogramLayout(checking: highest, significantDigits: Int(clamping: digits)), Int(layout.cellCount) <= cellsMax
    else { throw .unsupported }
    self.init(layout: layout)
    sum = try reader.histogramField()
    var left = try reader.histogramField()
    var next = 0
    while left > 0 {
      let gap = try reader.histogramField()
      guard gap < UInt64(counts.count - next) else { throw .unsupported }
      next += Int(gap)
      counts[next] = try reader.histogramField()
      guard counts[next] > 0 else { throw .unsupported }
      next += 1
      left -= 1
    }
  }
}

extension ByteReader {
  fileprivate mutating func histogramField() throws(HistogramError) -> UInt64 {
    do { return try readVarint() } catch { throw .malformed(error) }
  }
}

@inline(__always)
private func saturated(_ left: UInt64, plus right: UInt64) -> UInt64 {
  let (sum, overflow) = left.addingReportingOverflow(right)
  return overflow ? .max : sum
}
