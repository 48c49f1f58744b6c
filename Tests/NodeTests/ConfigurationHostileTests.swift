import Testing

@testable import Node

/// SplitMix64: mutations are the same in every run.
private struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}

@Suite struct ConfigurationHostileTests {
  private func load(_ bytes: [UInt8]) -> ConfigurationResult {
    Configuration.load(bytes: bytes, file: "hostile.yaml", environment: [:], checkFiles: false)
  }

  @Test(arguments: ["every-key", "contract"], 0..<8)
  func noMutationOfAGoodDocumentTraps(_ name: String, _ seed: UInt64) {
    let good = Array(ConfigurationVectors.good(name).utf8)
    let tokens = [
      "[", "]", "{", "}", ": ", ", ", "- ", "&a ", "*a", "\"", "'", "|\n", "\n", "\t", "$", "${", "}", "#", "0", "-1", "\u{0}",
      "é", "!!x ",
    ]
    var generator = SeededGenerator(state: seed)
    var refused = 0
    for _ in 0..<150 {
      var bytes = good
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let start = Int.random(in: 0..<bytes.count, using: &generator)
        let end = min(bytes.count, start + Int.random(in: 0...12, using: &generator))
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: bytes.removeSubrange(start..<end)
        case 1: bytes.insert(contentsOf: tokens.randomElement(using: &generator)!.utf8, at: start)
        case 2: bytes[start] = UInt8.random(in: 0...255, using: &generator)
        default: bytes.insert(contentsOf: Array(bytes[start..<end]), at: Int.random(in: 0..<bytes.count, using: &generator))
        }
      }
      let result = load(bytes)
      #expect((result.configuration == nil) == !result.faults.isEmpty)
      #expect(result.faults.count <= ConfigurationResult.faultsMax + 1)
      if result.configuration == nil { refused += 1 }
    }
    #expect(refused > 0)
  }

  @Test func everyPrefixOfAGoodDocumentIsAnswered() {
    let good = Array(ConfigurationVectors.good("contract").utf8)
    for end in good.indices {
      let result = load(Array(good[..<end]))
      #expect((result.configuration == nil) == !result.faults.isEmpty)
    }
  }

  @Test func anAliasBombIsRefusedByItsExpandedSize() {
    var document = "a: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in 1...30 { document += "b\(level): &a\(level) [\((0..<10).map { _ in "*a\(level - 1)" }.joined(separator: ", "))]\n" }
    let faults = load(Array(document.utf8)).faults
    #expect(faults.count == 1)
    #expect(faults.first?.reason.contains("more than 200000 values once its aliases are expanded") == true)
  }

  @Test func anAliasBombInsideAKeyIsRefusedToo() {
    var document = "a: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in 1...30 { document += "? &a\(level) [\((0..<10).map { _ in "*a\(level - 1)" }.joined(separator: ", "))]\n: 1\n" }
    #expect(load(Array(document.utf8)).faults.first?.reason.contains("aliases are expanded") == true)
  }

  @Test(arguments: ["[", "{ a: ", "- ", "? "])
  func deepNestingIsRefusedWhereItGoesTooDeep(_ opening: String) {
    for depth in [100, 5000] {
      let faults = load(Array(String(repeating: opening, count: depth).utf8)).faults
      #expect(faults.count == 1)
      #expect(faults.first?.reason == "is nested deeper than 64 levels")
      #expect(faults.first?.line == 1)
    }
  }

  @Test func nestingWithinTheBoundIsOnlyJudgedByItsKeys() {
    let document = "listeners: [{ address: 127.0.0.1:80 }]\nnode: " + String(repeating: "[", count: 60) + String(repeating: "]", count: 60)
    #expect(load(Array(document.utf8)).faults.map(\.path) == ["node"])
  }

  @Test(arguments: [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xE2, 0x82], [0x61, 0x3A, 0x20, 0x00]] as [[UInt8]])
  func bytesThatAreNoTextAreRefusedAtTheirPlace(_ bytes: [UInt8]) {
    let faults = load(Array("# one\n# two ".utf8) + bytes).faults
    #expect(faults.count == 1)
    #expect(faults.first?.line == 2)
    #expect(faults.first?.reason.hasPrefix("is not YAML: ") == true)
  }

  @Test func aByteOrderMarkIsNoContent() {
    #expect(load([0xEF, 0xBB, 0xBF] + Array(ConfigurationVectors.good("minimal").utf8)).configuration != nil)
  }
}
