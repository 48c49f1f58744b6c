import Runtime
import Testing

@testable import Gossip

@Suite struct FactsSequenceSetTests {
  @Test func itHoldsWhatAPlainSetHolds() throws {
    var random = SeededRandom(seed: 4)
    for _ in 0..<300 {
      var set = SequenceSet()
      var plain: Set<UInt64> = []
      for _ in 0..<60 {
        let number = random.below(50)
        if random.below(12) == 0 {
          set.raise(through: number / 3)
          plain.formUnion((0...number / 3).dropFirst())
        } else {
          let isNew = set.insert(number)
          #expect(isNew == (number > 0 && plain.insert(number).inserted))
          if number == 0 { continue }
        }
        #expect((0...51).allSatisfy { set.contains($0) == plain.contains($0) })
        #expect(set.last == plain.max() ?? 0)
      }
      var writer = ByteWriter()
      set.encode(into: &writer)
      let copy = try writer.bytes.withUnsafeBytes { bytes in
        var reader = ByteReader(bytes)
        return try SequenceSet(from: &reader)
      }
      #expect(copy == set && copy.digest == set.digest)
    }
  }

  @Test func oneHoldsAnotherAsPlainSetsDo() {
    var random = SeededRandom(seed: 5)
    func draw() -> (SequenceSet, Set<UInt64>) {
      var (set, plain) = (SequenceSet(), Set<UInt64>())
      for _ in 0..<12 {
        let number = 1 + random.below(10)
        if set.insert(number) { plain.insert(number) }
      }
      return (set, plain)
    }
    for _ in 0..<2_000 {
      let ((left, plainLeft), (right, plainRight)) = (draw(), draw())
      #expect(left.holds(right) == plainLeft.isSuperset(of: plainRight))
      for bound in UInt64(0)...11 {
        #expect(left.holds(right, upTo: bound) == plainLeft.isSuperset(of: plainRight.filter { $0 <= bound }))
      }
    }
  }

  @Test func gapsAreBoundedAndTheGreatestNumberIsANumber() {
    var set = SequenceSet()
    let taken = (1...100).map { set.insert(UInt64($0) * 2) }
    #expect(taken.filter { $0 }.count == SequenceSet.runsMax && set.runs.count == SequenceSet.runsMax)
    let isFirst = set.insert(1)
    #expect(isFirst && set.through == 2, "what fills a gap is always taken in")
    var far = SequenceSet()
    let isFar = far.insert(.max)
    let isRaised = far.insert(.max - 1)
    far.raise(through: .max)
    let again = far.insert(.max)
    #expect(isFar && isRaised && !again && far.through == .max && far.runs.isEmpty)
  }
}
