// Which numbers of a stream a node has: all up to one, and a few runs beyond the gaps. What the numbers stand for is ReplayableLog's.
import Runtime

/// A set of numbers from 1 on, nearly always without gaps.
public struct SequenceSet: Hashable, Sendable {
  /// Runs beyond the first gap. What would make one more is not taken in: it comes again once the gap is filled.
  public static let runsMax = 32

  /// All numbers up to and including this one are in the set; 0 is none.
  public private(set) var through: UInt64
  /// Runs beyond `through + 1`, ascending, none touching the next.
  public private(set) var runs: [ClosedRange<UInt64>] = []

  public init(through: UInt64 = 0) { self.through = through }

  public func contains(_ number: UInt64) -> Bool { number > 0 && (number <= through || runs.contains { $0.contains(number) }) }

  /// The greatest number.
  public var last: UInt64 { runs.last?.upperBound ?? through }

  /// - Returns: whether it was new and could be taken in.
  public mutating func insert(_ number: UInt64) -> Bool {
    if number == 0 || contains(number) { return false }
    let at = runs.firstIndex { $0.lowerBound > number } ?? runs.count
    let touchesBefore = at > 0 && runs[at - 1].upperBound == number - 1
    // A run that begins after `number` keeps it below the greatest number there is.
    let touchesAfter = at < runs.count && runs[at].lowerBound == number + 1
    switch (touchesBefore, touchesAfter) {
    case (true, true):
      runs[at - 1] = runs[at - 1].lowerBound...runs[at].upperBound
      runs.remove(at: at)
    case (true, false): runs[at - 1] = runs[at - 1].lowerBound...number
    case (false, true): runs[at] = number...runs[at].upperBound
    case (false, false):
      if number != through + 1 && runs.count >= SequenceSet.runsMax { return false }
      runs.insert(number...number, at: at)
    }
    absorb()
    return true
  }

  /// Takes in all numbers up to one.
  public mutating func raise(through number: UInt64) {
    through = max(through, number)
    absorb()
  }

  private mutating func absorb() {
    while let first = runs.first, first.lowerBound <= through || first.lowerBound - 1 == through {
      through = max(through, first.upperBound)
      runs.removeFirst()
    }
  }

  /// Whether all numbers of another set up to `bound` are in this one.
  public func holds(_ other: SequenceSet, upTo bound: UInt64 = .max) -> Bool {
    if other.through > 0 && !covers(1...min(other.through, max(bound, 1))) && bound > 0 { return false }
    return other.runs.allSatisfy { $0.lowerBound > bound || covers($0.lowerBound...min($0.upperBound, bound)) }
  }

  private func covers(_ run: ClosedRange<UInt64>) -> Bool {
    if run.upperBound <= through { return true }
    let rest = max(run.lowerBound, through + 1)...run.upperBound
    return runs.contains { $0.contains(rest.lowerBound) && $0.contains(rest.upperBound) }
  }

  func encode(into writer: inout ByteWriter) {
    writer.writeVarint(through)
    writer.writeVarint(UInt64(runs.count))
    var before = through
    for run in runs {
      writer.writeVarint(run.lowerBound - before)
      writer.writeVarint(run.upperBound - run.lowerBound)
      before = run.upperBound
    }
  }

  init(from reader: inout ByteReader) throws(ByteReadError) {
    through = try reader.readVarint()
    let count = try reader.readCount(limit: SequenceSet.runsMax, bytes: 2)
    var before = through
    for _ in 0..<count {
      let at = reader.position
      let (lower, overflow) = before.addingReportingOverflow(try reader.readVarint())
      let (upper, overflowAgain) = lower.addingReportingOverflow(try reader.readVarint())
      guard !overflow, !overflowAgain, lower > before, lower - before > 1 else { throw .overLimit(at: at) }
      runs.append(lower...upper)
      before = upper
    }
  }

  var digest: UInt64 {
    runs.reduce(StableHash.avalanche(through &+ 1)) { StableHash.avalanche(StableHash.avalanche($0 &+ $1.lowerBound) &+ $1.upperBound) }
  }
}
