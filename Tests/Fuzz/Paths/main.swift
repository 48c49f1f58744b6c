// Fuzzes JSON bodies and the paths into them: any text read leniently, any path compiled, and every pair that is left read in few steps.
// What is found can be written out as JSON, and that is read as the same again.
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

let standardBody = Array(#"{"store":{"book":[{"a":"x","p":8.95,"i":null},{"a":"y","p":12,"t":["u","v"]}],"b c":{"d":true}},"e":10}"#.utf8)
let limits = JSONDocumentLimits(bytesMax: 1 << 14, depthMax: 32, nodesMax: 1 << 12)

func json(_ value: Value) -> [UInt8] {
  var printer = ValuePrinter(bytesMax: 1 << 22)
  do {
    try printer.appendJSON(value, slashes: false)
  } catch {
    fatalError("\(error) while writing what a path found")
  }
  return printer.output
}

@_cdecl("LLVMFuzzerTestOneInput")
func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let input = Array(UnsafeBufferPointer(start: bytes, count: count))
  // A path, and behind a zero byte the document it is for.
  let parts = input.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
  let body = parts.count > 1 ? Array(parts[1]) : standardBody
  guard let document = try? JSONDocument(lenient: body, limits: limits) else { return 0 }
  let written = json(document.value(at: 0))
  let loose = JSONDocumentLimits(bytesMax: 1 << 22, depthMax: 64, nodesMax: 1 << 16)
  guard let again = try? JSONDocument(lenient: written, limits: loose) else { fatalError("what was written is no JSON") }
  require(json(again.value(at: 0)) == written, "a document changes when it is written and read again")
  guard let path = try? JSONPath(parts[0]) else { return 0 }
  if let selection = try? path.read(document, stepsMax: 5000), let value = selection.value { _ = json(value) }
  return 0
}

var count = CommandLine.argc
var arguments = CommandLine.unsafeArgv
exit(runFuzzer(&count, &arguments, testOneInput))
