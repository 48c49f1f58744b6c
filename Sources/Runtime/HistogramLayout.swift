// Which cell of a flat array counts which values: HdrHistogram's log-linear layout as pure functions. Where the cells live is the
// caller's: MetricCells has atomic ones per worker, HistogramSnapshot plain ones for sums and percentiles.

/// The layout of a log-linear histogram of whole numbers (G. Tene's HdrHistogram, lowest discernible value 1).
///
/// A value is counted in a cell with others that differ from it by no more than `relativeError`: the range doubles from bucket to
/// bucket, and each doubling is cut into `2^halfMagnitude` cells of equal width, where 2^halfMagnitude >= 10^significantDigits.
/// Values below 2^(halfMagnitude + 1) have cells of their own and are exact. For up to one hour in microseconds:
///
/// | significant digits | cells a doubling | relative error | cells |
/// |---|---|---|---|
/// | 1 | 16 | 6.25 % | 464 |
/// | 2 (the default) | 128 | 0.79 % | 3,328 |
/// | 3 | 1,024 | 0.098 % | 23,552 |
public struct HistogramLayout: Hashable, Sendable {
  /// The greatest value told apart; greater ones are counted with it.
  public let highest: UInt64
  /// Cells in the array.
  public let cellCount: Int32
  /// The base-2 logarithm of the cells per doubling.
  public let halfMagnitude: UInt8
  /// 1 to 5.
  public let significantDigits: UInt8

  /// - Parameters:
  ///   - highest: the greatest value to tell apart, 2 to 2^62.
  ///   - significantDigits: 1 to 5; decimal digits by which values are told apart.
  /// - Precondition: both lie in their ranges. Sizes that come from outside go through `init(checking:significantDigits:)`.
  public init(highest: UInt64 = 3_600_000_000, significantDigits: Int = 2) {
    guard let layout = HistogramLayout(checking: highest, significantDigits: significantDigits) else {
      preconditionFailure("no histogram layout for values up to \(highest) with \(significantDigits) significant digits")
    }
    self = layout
  }

  /// As `init(highest:significantDigits:)`, nil where that would trap.
  public init?(checking highest: UInt64, significantDigits: Int) {
    guard (2...(1 << 62)).contains(highest), (1...5).contains(significantDigits) else { return nil }
    var exactBelow: UInt64 = 2
    for _ in 0..<significantDigits { exactBelow *= 10 }
    let magnitude = 64 - (exactBelow - 1).leadingZeroBitCount
    var buckets: Int32 = 1
    while (UInt64(1) << magnitude) << UInt64(buckets - 1) <= highest { buckets += 1 }
    self.highest = highest
    self.significantDigits = UInt8(significantDigits)
    halfMagnitude = UInt8(magnitude - 1)
    cellCount = (buckets + 1) << Int32(magnitude - 1)
  }

  /// Two values in one cell differ by less than this share of the smaller one.
  public var relativeError: Double { 1 / Double(1 << Int(halfMagnitude)) }

  /// The cell of a value, 0 to `cellCount` - 1.
  @inlinable @inline(__always)
  public func index(of value: UInt64) -> Int {
    let half = UInt64(halfMagnitude)
    let clamped = value < highest ? value : highest
    let exactMask = (2 &<< half) &- 1
    let bucket = 63 &- half &- UInt64(truncatingIfNeeded: (clamped | exactMask).leadingZeroBitCount)
    // Bucket 0 has twice the cells, at 0..<2^(half+1); each later one uses only the upper half of its own, hence the offset.
    return Int(truncatingIfNeeded: (bucket &<< half) &+ (clamped &>> bucket))
  }

  /// The smallest value of a cell.
  /// - Parameter index: 0 to `cellCount` - 1.
  public func lowest(at index: Int) -> UInt64 {
    let bucket = bucket(of: index)
    return (UInt64(index) - bucket << UInt64(halfMagnitude)) << bucket
  }

  /// The greatest value of a cell.
  /// - Parameter index: 0 to `cellCount` - 1.
  public func highest(at index: Int) -> UInt64 { lowest(at: index) + (1 << bucket(of: index)) - 1 }

  /// The smallest value that is counted together with `value`.
  public func lowestEquivalent(_ value: UInt64) -> UInt64 { lowest(at: index(of: value)) }

  /// The greatest value that is counted together with `value` (values above `highest` aside).
  public func highestEquivalent(_ value: UInt64) -> UInt64 { highest(at: index(of: value)) }

  private func bucket(of index: Int) -> UInt64 {
    precondition(index >= 0 && index < Int(cellCount), "cell \(index) of a histogram of \(cellCount) cells")
    return UInt64(max(0, index >> Int(halfMagnitude) - 1))
  }
}
