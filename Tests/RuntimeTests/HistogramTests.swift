import Runtime
import Testing

@Suite("Histogram layout")
struct HistogramLayoutTests {
  static let layouts = [
    HistogramLayout(), HistogramLayout(significantDigits: 1), HistogramLayout(significantDigits: 3),
    HistogramLayout(highest: 2, significantDigits: 1),
    HistogramLayout(highest: 1 << 62, significantDigits: 2), HistogramLayout(highest: 1_000_000, significantDigits: 5),
  ]

  @Test("the documented sizes are those of HdrHistogram", arguments: [(1, 464, 4), (2, 3328, 7), (3, 23_552, 10)])
  func sizes(digits: Int, cells: Int32, halfMagnitude: UInt8) {
    let layout = HistogramLayout(significantDigits: digits)
    #expect(layout.cellCount == cells && layout.halfMagnitude == halfMagnitude)
  }

  @Test("cells follow each other without gap or overlap, and each holds its own bounds", arguments: layouts)
  func cellsTile(layout: HistogramLayout) {
    var next: UInt64 = 0
    for index in 0..<Int(layout.cellCount) {
      let low = layout.lowest(at: index)
      let high = layout.highest(at: index)
      var isSound = low == next && high >= low && Double(high - low) <= Double(low) * layout.relativeError
      if low <= layout.highest { isSound = isSound && layout.index(of: low) == index }
      if high <= layout.highest { isSound = isSound && layout.index(of: high) == index }
      if !isSound { Issue.record("cell \(index) holds \(low)...\(high)") }
      next = high + 1
    }
    #expect(next > layout.highest)
  }

  @Test("every value lies within its cell, and values above the highest are counted with it", arguments: layouts)
  func valueInCell(layout: HistogramLayout) {
    var random = SeededRandom(seed: 6)
    for _ in 0..<2000 {
      let value = random.next() >> random.below(64)
      let clamped = min(value, layout.highest)
      #expect(layout.index(of: value) == layout.index(of: clamped) && layout.index(of: value) < Int(layout.cellCount))
      #expect(layout.lowestEquivalent(value) <= clamped && clamped <= layout.highestEquivalent(value))
    }
  }

  @Test("the stated error is the number of digits promised", arguments: 1...5)
  func error(digits: Int) {
    var bound = 1.0
    for _ in 0..<digits { bound /= 10 }
    #expect(HistogramLayout(significantDigits: digits).relativeError <= bound)
  }

  @Test("impossible layouts are refused", arguments: [(UInt64(1), 2), (0, 2), (.max, 2), (100, 0), (100, 6), (100, -1)])
  func refused(highest: UInt64, digits: Int) {
    #expect(HistogramLayout(checking: highest, significantDigits: digits) == nil)
  }
}

@Suite("Histogram snapshot")
struct HistogramSnapshotTests {
  /// Values of several shapes: even, spread over magnitudes, constant, and with a far tail.
  private func values(_ shape: Int, _ random: inout SeededRandom) -> [UInt64] {
    (0..<5000).map { index in
      switch shape {
      case 0: random.below(1_000_000)
      case 1: random.below(3_600_000_000) >> random.below(32)
      case 2: 777
      default: index % 100 == 0 ? 50_000_000 + random.below(1000) : 200 + random.below(50)
      }
    }
  }

  @Test("each percentile is at least the true one and within the relative error of it", arguments: 0..<4, [1, 2, 3])
  func percentiles(shape: Int, digits: Int) throws {
    var random = SeededRandom(seed: UInt64(shape * 10 + digits))
    let layout = HistogramLayout(significantDigits: digits)
    var snapshot = HistogramSnapshot(layout: layout)
    let recorded = values(shape, &random)
    for value in recorded { snapshot.record(value) }
    let sorted = recorded.sorted()
    let percents = [0.02, 0.1, 1, 5, 25, 50, 75, 90, 95, 99, 99.9, 99.98, 99.99, 100]
    for percent in percents {
      let rank = max(1, Int((percent * Double(sorted.count) / 100 - 1e-6).rounded(.up)))
      let exact = sorted[rank - 1]
      let found = try #require(snapshot.percentile(percent))
      #expect(found >= exact, "p\(percent)")
      #expect(Double(found - exact) <= Double(exact) * layout.relativeError, "p\(percent): \(found) for \(exact)")
    }
    #expect(snapshot.percentiles(percents) == percents.map { snapshot.percentile($0)! })
    #expect(snapshot.percentile(0) == snapshot.min && snapshot.percentile(100) == snapshot.max)
    #expect(snapshot.min! <= sorted[0] && snapshot.max! >= sorted[sorted.count - 1])
    #expect(snapshot.total == 5000 && snapshot.sum == recorded.reduce(0, +))
    #expect(snapshot.mean == Double(snapshot.sum) / 5000)
  }

  @Test("99.9 % of a thousand is the 999th value, whatever binary fractions make of it")
  func exactRanks() {
    var snapshot = HistogramSnapshot(layout: HistogramLayout(highest: 1_000_000, significantDigits: 4))
    for value in 1...UInt64(1000) { snapshot.record(value) }
    for rank in 1...UInt64(1000) { #expect(snapshot.percentile(Double(rank) / 10) == rank) }
  }

  @Test("an empty histogram has no percentiles")
  func empty() {
    let snapshot = HistogramSnapshot()
    #expect(snapshot.percentile(50) == nil && snapshot.mean == nil && snapshot.min == nil && snapshot.max == nil && snapshot.total == 0)
  }

  @Test("merging counts what all counted, in any order; another layout is refused")
  func merging() throws {
    var random = SeededRandom(seed: 7)
    var whole = HistogramSnapshot()
    var parts = [HistogramSnapshot](repeating: HistogramSnapshot(), count: 3)
    for value in values(1, &random) {
      whole.record(value)
      parts[Int(random.below(3))].record(value)
    }
    var forward = HistogramSnapshot()
    for part in parts { try forward.merge(part) }
    var backward = HistogramSnapshot()
    for part in parts.reversed() { try backward.merge(part) }
    #expect(forward == whole && backward == whole)
    #expect(throws: HistogramError.layoutMismatch) { try forward.merge(HistogramSnapshot(layout: HistogramLayout(significantDigits: 1))) }
  }

  @Test("counts saturate")
  func saturation() throws {
    var snapshot = HistogramSnapshot()
    snapshot.record(.max, count: .max)
    snapshot.record(5, count: 10)
    #expect(snapshot.sum == .max && snapshot.total == .max && snapshot.percentile(100)! >= snapshot.layout.highest)
  }

  @Test("the count up to a value leaves out the cell that reaches beyond it")
  func cumulative() {
    var snapshot = HistogramSnapshot()
    for value in [UInt64(1), 255, 5000, 5001, 90_000] { snapshot.record(value) }
    #expect(snapshot.count(atMost: 0) == 0 && snapshot.count(atMost: 1) == 1 && snapshot.count(atMost: 255) == 2)
    #expect(snapshot.count(atMost: 5000) == 2 && snapshot.count(atMost: 5100) == 4 && snapshot.count(atMost: .max) == 5)
  }

  @Test("encoding survives the way, cuts and noise are refused", arguments: 0..<4)
  func coding(shape: Int) throws {
    var random = SeededRandom(seed: 8)
    var snapshot = HistogramSnapshot()
    for value in values(shape, &random) { snapshot.record(value) }
    var writer = ByteWriter()
    snapshot.encode(to: &writer)
    writer.bytes.withUnsafeBytes { bytes in
      var reader = ByteReader(bytes)
      #expect((try? HistogramSnapshot(from: &reader)) == snapshot)
      #expect(reader.isAtEnd)
      for length in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 97)) {
        var cut = ByteReader(UnsafeRawBufferPointer(rebasing: bytes[..<length]))
        #expect(throws: HistogramError.self) { try HistogramSnapshot(from: &cut) }
      }
    }
    for _ in 0..<300 {
      var noisy = writer.bytes
      for _ in 0..<3 { noisy[Int(random.below(UInt64(noisy.count)))] = UInt8(truncatingIfNeeded: random.next()) }
      noisy.withUnsafeBytes { bytes in
        var reader = ByteReader(bytes)
        if let read = try? HistogramSnapshot(from: &reader) { #expect(read.counts.count == Int(read.layout.cellCount)) }
      }
    }
  }

  @Test("a layout that would take much memory is refused before it is taken")
  func memoryBomb() {
    var writer = ByteWriter()
    for field in [1, 5, 1 << 62, 0, 0] as [UInt64] { writer.writeVarint(field) }
    writer.bytes.withUnsafeBytes { bytes in
      var reader = ByteReader(bytes)
      #expect(throws: HistogramError.unsupported) { try HistogramSnapshot(from: &reader) }
    }
  }
}
