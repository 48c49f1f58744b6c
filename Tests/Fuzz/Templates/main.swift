// Fuzzes templates: any text compiled, and what compiles rendered with a fixed scope, under tight limits and both dialects. Whatever comes,
// a rendering ends, within its bounds, and gives the same twice.
import Glibc

@testable import VTL

@_silgen_name("LLVMFuzzerRunDriver")
func runFuzzer(
  _ count: UnsafeMutablePointer<Int32>, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ body: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

/// LeakSanitizer does not see references with Swift's own bits in them, such as those in a String, and would report every lazy global.
@_cdecl("__lsan_is_turned_off")
func leakSanitizerIsTurnedOff() -> Int32 { 1 }

/// Ends the run when a property does not hold; libFuzzer keeps the input.
func require(_ holds: Bool, _ what: @autoclosure () -> String) {
  if !holds { fatalError(what()) }
}

struct FixedScope: TemplateScope {
  var body: ArraySlice<UInt8>

  func parameter(_ name: ArraySlice<UInt8>, in group: ParameterGroup) -> ArraySlice<UInt8>? { name.count < 4 ? name : nil }

  func parameterNames(in group: ParameterGroup) -> [ArraySlice<UInt8>] { [[0x61], [0x62]] }

  func context(_ key: ContextKey) -> ContextValue {
    switch key {
    case .authorizer: .members([(name: "claims", value: .members([(name: "sub", value: .text("s"))])), (name: "n", value: .integer(3))])
    case .requestTimeEpoch: .integer(1_700_000_000_000)
    case .isCanaryRequest: .bool(true)
    case .connectionId, .messageId: .absent
    default: .text("v")
    }
  }

  func stageVariable(_ name: ArraySlice<UInt8>) -> ArraySlice<UInt8>? { name.count < 3 ? name : nil }

  var stageVariableNames: [ArraySlice<UInt8>] { [[0x63]] }
}

let standardBody = Array(
  #"{"a":[1,{"b":"c","d":null},2.5,"ü\n"],"s":"it's \"x\" /","o":{"k":true,"l":[[]]},"n":123456789012345678901}"#.utf8)
let limits = TemplateLimits(
  sourceBytesMax: 8 << 10, roundsMax: 20, stepsMax: 20_000, outputBytesMax: 1 << 16,
  json: JSONDocumentLimits(bytesMax: 1 << 14, depthMax: 32, nodesMax: 1 << 12), regexStepsMax: 1000)

@_cdecl("LLVMFuzzerTestOneInput")
func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let input = Array(UnsafeBufferPointer(start: bytes, count: count))
  // A template, and behind a zero byte the body it is given.
  let parts = input.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
  let scope = FixedScope(body: parts.count > 1 ? parts[1] : standardBody[...])
  for dialect in [TemplateDialect.apiGateway, .velocity] {
    guard let template = try? Template(Array(parts[0]), limits: limits, dialect: dialect) else { continue }
    let first = try? template.render(with: scope)
    let second = try? template.render(with: scope)
    require(first == second, "two renderings differ")
    require((first?.bytes.count ?? 0) <= limits.outputBytesMax + 4096, "\(first?.bytes.count ?? 0) bytes")
  }
  return 0
}

var count = CommandLine.argc
var arguments = CommandLine.unsafeArgv
exit(runFuzzer(&count, &arguments, testOneInput))
