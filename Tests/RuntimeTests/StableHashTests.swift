import Runtime
import Testing

@Suite("Stable hash")
struct StableHashTests {
  @Test("XXH64 agrees with the reference implementation")
  func vectors() throws {
    let document = try JSONValue.parse(vectorFile("hash/xxh64.json"))
    let texts = try #require(document["texts"]?.arrayValue)
    for row in texts {
      let text = try #require(row["text"]?.stringValue)
      let hash = StableHash.hash(text, seed: try hexadecimal(row["seed"]))
      #expect(hash == (try hexadecimal(row["hash"])), "\(row.text())")
    }
    var input: [UInt8] = []
    var generator: UInt64 = 2_654_435_761
    for _ in 0..<2367 {
      input.append(UInt8(generator >> 56))
      generator &*= 11_400_714_785_074_694_797
    }
    let sanity = try #require(document["sanity"]?.arrayValue)
    #expect(texts.count >= 16 && sanity.count >= 90)
    for row in sanity {
      let length = Int(try #require(row["length"]?.intValue))
      let hash = input.withUnsafeBytes { bytes in
        try? StableHash.hash(UnsafeRawBufferPointer(rebasing: bytes[..<length]), seed: hexadecimal(row["seed"]))
      }
      #expect(hash == (try hexadecimal(row["hash"])), "\(row.text())")
    }
  }

  @Test("the hash does not depend on where the bytes lie")
  func alignment() {
    let input = (0..<200).map { UInt8($0) }
    let memory = UnsafeMutableRawPointer.allocate(byteCount: 256, alignment: 64)
    defer { memory.deallocate() }
    let expected = input.withUnsafeBytes { StableHash.hash($0, seed: 9) }
    for offset in 0..<16 {
      memory.advanced(by: offset).copyMemory(from: input, byteCount: 200)
      #expect(StableHash.hash(memory + offset, count: 200, seed: 9) == expected)
    }
    #expect(StableHash.hash(UnsafeRawBufferPointer(start: nil, count: 0), seed: 9) == StableHash.hash("", seed: 9))
  }

  private func hexadecimal(_ value: JSONValue?) throws -> UInt64 {
    let digits = try #require(value?.stringValue)
    return try #require(UInt64(digits, radix: 16))
  }
}

@Suite("Weighted rendezvous")
struct RendezvousTests {
  private func owner(of key: UInt64, among nodes: [(node: UInt64, weight: Double)]) -> Int {
    var best = 0
    for index in nodes.indices.dropFirst()
    where rendezvousScore(key: key, node: nodes[index].node, weight: nodes[index].weight)
      > rendezvousScore(key: key, node: nodes[best].node, weight: nodes[best].weight)
    {
      best = index
    }
    return best
  }

  private func nodes(_ weights: [Double]) -> [(node: UInt64, weight: Double)] {
    weights.enumerated().map { (node: StableHash.hash("node-\($0.offset)"), weight: $0.element) }
  }

  @Test(
    "nodes own keys in proportion to their weights",
    arguments: [[1, 1, 1], [1, 2, 3, 4], [0.5, 0.5, 9], [100, 200], [Double](repeating: 1, count: 20)])
  func proportion(weights: [Double]) {
    let members = nodes(weights)
    let keys = 60_000
    var counts = [Int](repeating: 0, count: weights.count)
    for key in 0..<UInt64(keys) { counts[owner(of: StableHash.avalanche(key), among: members)] += 1 }
    let sum = weights.reduce(0, +)
    for (count, weight) in zip(counts, weights) {
      let expected = Double(keys) * weight / sum
      #expect(abs(Double(count) - expected) < 6 * expected.squareRoot(), "\(counts) for \(weights)")
    }
  }

  @Test("a node that leaves moves its own keys and no others, to all the rest")
  func removal() {
    let before = nodes([1, 1, 2, 1, 3])
    var after = before
    after.remove(at: 2)
    var heirs = [Int](repeating: 0, count: 4)
    for key in 0..<UInt64(20_000) {
      let hash = StableHash.avalanche(key)
      let old = owner(of: hash, among: before)
      let new = owner(of: hash, among: after)
      if old == 2 { heirs[new] += 1 } else { #expect(new == (old > 2 ? old - 1 : old)) }
    }
    #expect(heirs.allSatisfy { $0 > 400 })
  }

  @Test("more weight takes keys to the heavier node and moves nothing between others")
  func reweighting() {
    let before = nodes([1, 1, 1])
    let after = nodes([1, 1.5, 1])
    for key in 0..<UInt64(20_000) {
      let hash = StableHash.avalanche(key)
      let new = owner(of: hash, among: after)
      #expect(new == 1 || new == owner(of: hash, among: before))
    }
  }

  @Test("scores are finite and positive, and a node without weight comes last", arguments: [0, -1, .nan, -.infinity] as [Double])
  func weightless(weight: Double) {
    for key in [UInt64.min, 1, .max, 0x8000_0000_0000_0000] {
      #expect(rendezvousScore(key: key, node: 0, weight: weight) == 0)
      let score = rendezvousScore(key: key, node: .max, weight: .leastNormalMagnitude)
      #expect(score > 0 && score.isFinite)
    }
  }
}
