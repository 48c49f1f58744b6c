// Owns: proof that every rule can fail: small bad samples with the lines it must find, and good ones beside them.
import Testing

/// A file made up for one rule.
struct TidySample: Sendable, CustomTestStringConvertible {
  let rule: String
  let path: String
  let text: String
  /// The lines that must be found; none for a good sample.
  let lines: [Int]

  var testDescription: String { "\(rule): \(path): \(text.prefix(40).split(separator: "\n").joined(separator: " / "))" }

  init(_ rule: String, _ path: String, _ text: String, finds lines: [Int] = []) {
    (self.rule, self.path, self.text, self.lines) = (rule, path, text, lines)
  }
}

@Suite struct TidyRuleTests {
  private static let heart = "Sources/Proxy/Core/Sample.swift"
  private static let driver = "Sources/Proxy/Sample.swift"
  private static let test = "Tests/ProxyTests/SampleTests.swift"

  static let rooms: [TidySample] = [
    TidySample("room", "Sources/Attic/Sample.swift", "// x", finds: [0]),
    TidySample("room", "Sources/CEpoll/Sample.swift", "// x", finds: [0]),
    TidySample("room", "Tests/AtticTests/Sample.swift", "// x", finds: [0]),
    TidySample("room", driver, "// x"),
    TidySample("arrow", "Sources/Runtime/Sample.swift", "import Glibc\nimport Proxy", finds: [2]),
    TidySample("arrow", "Sources/Gateway/Sample.swift", "import Gossip", finds: [1]),
    TidySample("arrow", "Sources/Proxy/Sample.swift", "import Cache\nimport Runtime\nimport COpenSSL", finds: [1]),
    TidySample("arrow", "Sources/Proxy/Sample.swift", "import Foundation", finds: [1]),
    TidySample("arrow", "Sources/Gateway/Sample.swift", "public import struct Foundation.Data", finds: [1]),
    TidySample("arrow", test, "@testable import Gateway", finds: [1]),
    TidySample("arrow", "Sources/tidegate/Sample.swift", "import Proxy", finds: [1]),
    TidySample("arrow", test, "import Testing\n@testable import Proxy\nimport Runtime"),
    TidySample("arrow", driver, "// import Gateway\nlet a = \"import Gateway\""),
    TidySample("heart-import", heart, "import Runtime\nimport CEpoll", finds: [2]),
    TidySample("heart-import", driver, "import CEpoll"),
    TidySample("module-name", driver, "// x\npublic struct Proxy {}", finds: [2]),
    TidySample("module-name", driver, "struct ProxyPool {}\nextension Proxy.Pool {}"),
  ]

  static let hearts: [TidySample] = [
    TidySample("heart-clock", heart, "clock_gettime(CLOCK_MONOTONIC, &t)\nlet d = Date()", finds: [1, 2]),
    TidySample("heart-clock", heart, "let s = \"at \\(Date())\"", finds: [1]),
    TidySample("heart-clock", heart, "// Date() is what we do without\nlet d = record.time(0)\nlet e: Date = given"),
    TidySample("heart-clock", driver, "let d = Date()"),
    TidySample("heart-clock", "Sources/VTL/Sample.swift", "let d = Date()", finds: [1]),
    TidySample("heart-randomness", heart, "let a = Int.random(in: 0..<9)\nvar g = SystemRandomNumberGenerator()", finds: [1, 2]),
    TidySample("heart-randomness", heart, "let a = list.randomElement()\nlist.shuffle()", finds: [1, 2]),
    TidySample("heart-randomness", heart, "let a = Int.random(in: 0..<9, using: &generator)\nlet random = 1"),
    TidySample("heart-waiting", heart, "let a = await b()\nTask { }\nlet m = Mutex(0)\npthread_create(a)", finds: [1, 2, 3, 4]),
    TidySample("heart-waiting", heart, "let awaited = 1\nlet text = \"Task\""),
    TidySample("heart-world", heart, "print(a)\nlet f = getenv(\"A\")\nepoll_wait(a, b, c, d)", finds: [1, 2, 3]),
    TidySample("heart-world", heart, "writer.print(a)\nfunc print(_ a: Int) {}"),
  ]

  static let shape: [TidySample] = [
    TidySample("file-length", driver, String(repeating: "\n", count: 401), finds: [0]),
    TidySample("file-length", driver, String(repeating: "\n", count: 400)),
    TidySample("line-length", test, "// x\n// " + String(repeating: "x", count: 138), finds: [2]),
    TidySample("line-length", test, "// " + String(repeating: "x", count: 137)),
    TidySample("opening-comment", driver, "import Glibc\n// late", finds: [0]),
    TidySample("opening-comment", driver, "", finds: [0]),
    TidySample("opening-comment", driver, "// Owns: x.\nimport Glibc"),
    TidySample("file-name", "Sources/Proxy/StringUtils.swift", "// x", finds: [0]),
    TidySample("file-name", "Sources/Proxy/Common+Bytes.swift", "// x", finds: [0]),
    TidySample("file-name", "Sources/Proxy/CommonName.swift", "// x"),
    TidySample("marker", driver, "let a = 1 // TODO: more\n/* FIXME */", finds: [1, 2]),
    TidySample("marker", test, "let a = \"TODO\"\nlet TODO = 1\n// TODOS are others"),
    TidySample("bare-sleep", test, "usleep(100)\ntry await Task.sleep(for: .seconds(1))", finds: [1, 2]),
    TidySample("bare-sleep", driver, "usleep(100)"),
    TidySample("tidy-comment", driver, "// tidy: allow line-length\n// tidy: allow nonsense: for a good reason", finds: [1, 2]),
    TidySample("tidy-comment", driver, "// tidy: allow tidy-comment: because we like it so", finds: [1]),
    TidySample("tidy-comment", driver, "// tidy: permit line-length: a table is read by its rows", finds: [1]),
    TidySample("tidy-comment", driver, "// tidy: allow line-length: a table is read by its rows"),
  ]

  static let safety: [TidySample] = [
    TidySample("unchecked-safety", driver, "final class A: @unchecked Sendable {}", finds: [1]),
    TidySample("unchecked-safety", driver, "// SAFETY: far\n\n\n\n\nnonisolated(unsafe) var a = 1", finds: [6]),
    TidySample("unchecked-safety", driver, "// SAFETY: one writer.\nnonisolated(unsafe) var a = 1\nnonisolated(unsafe) var b = 1"),
    TidySample("unchecked-safety", driver, "// SAFETY: written in init only.\n///\n///\n///\nclass A: @unchecked Sendable {}"),
    TidySample("unchecked-safety", driver, "let a = \"@unchecked Sendable\" // nonisolated(unsafe)"),
    TidySample("memory-safety", driver, "// x\ndefer { bytes.deallocate() }", finds: [2]),
    TidySample("memory-safety", driver, "// SAFETY: freed in deinit.\ndefer { bytes.deallocate() }"),
  ]

  static let samples = rooms + hearts + shape + safety

  @Test(arguments: samples) func theRuleFindsWhatItShould(_ sample: TidySample) throws {
    let rule = try #require(TidyRule.all.first { $0.name == sample.rule })
    let found = rule.faults(in: TidyFile(path: sample.path, text: sample.text)).map(\.line)
    #expect(found == sample.lines)
  }

  @Test(arguments: TidyRule.all) func everyRuleHasABadSampleAndAGoodOne(_ rule: TidyRule) {
    let own = TidyRuleTests.samples.filter { $0.rule == rule.name }
    let good = own.filter(\.lines.isEmpty)
    #expect(own.count > good.count, "\(rule.name) has no bad sample")
    #expect(!good.isEmpty, "\(rule.name) has no good sample")
    let namesakes = TidyRule.all.filter { $0.name == rule.name }
    #expect(namesakes.count == 1)
    #expect(rule.instead.hasSuffix(".") && rule.instead.first?.isUppercase == true, "\(rule.name) does not say what to do instead")
  }

  @Test(arguments: samples.filter { !$0.lines.isEmpty && $0.rule != "tidy-comment" })
  func aCommentLiftsTheRuleAndNoOther(_ sample: TidySample) throws {
    let rule = try #require(TidyRule.all.first { $0.name == sample.rule })
    let other = try #require(TidyRule.all.first { $0.name != sample.rule })
    let lines = sample.text.split(separator: "\n", omittingEmptySubsequences: false)
    let allowing = { (name: String) in
      let text = lines.map { "\($0) // tidy: allow \(name): the sample needs it so" }.joined(separator: "\n")
      return rule.faults(in: TidyFile(path: sample.path, text: text)).count
    }
    #expect(allowing(rule.name) == 0)
    #expect(allowing(other.name) > 0)
  }

  @Test func aCommentLiftsTheLineBelowItOnly() throws {
    let rule = try #require(TidyRule.all.first { $0.name == "heart-world" })
    let text = "// tidy: allow heart-world: a panic is printed\nprint(a)\nprint(b)"
    #expect(rule.faults(in: TidyFile(path: TidyRuleTests.heart, text: text)).map(\.line) == [3])
  }
}
