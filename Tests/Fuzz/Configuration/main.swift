// Fuzzes the loading of a configuration file: any bytes give a configuration or faults, the same ones every time, at places that exist.
import Glibc
import Node
import Runtime

@_silgen_name("LLVMFuzzerRunDriver")
func runFuzzer(
  _ count: UnsafeMutablePointer<Int32>, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ body: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

@_cdecl("LLVMFuzzerTestOneInput")
func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let input = Array(UnsafeBufferPointer(start: bytes, count: count))
  let result = load(input)
  require((result.configuration == nil) == !result.faults.isEmpty, "\(result.faults.count) faults beside the configuration")
  checkFaults(result.faults, input)
  checkFaults(result.warnings, input)
  require(load(input) == result, "a second load gives something else")
  if let configuration = result.configuration { check(configuration) }
  return 0
}

/// LeakSanitizer does not see references with Swift's own bits in them, such as those in a String, and would report every lazy global.
@_cdecl("__lsan_is_turned_off")
func leakSanitizerIsTurnedOff() -> Int32 { 1 }

/// The environment of Tests/Vectors/config.
func load(_ bytes: [UInt8]) -> ConfigurationResult {
  let environment = ["PORT": "9001", "EMPTY": "", "SECRET": "hunter2"]
  return Configuration.load(bytes: bytes, file: "tidegate.yaml", environment: environment, checkFiles: false)
}

/// Each names a reason and a place inside the document, in order; CR and LF both end lines (YAML 1.2 §5.4).
func checkFaults(_ faults: [ConfigurationFault], _ input: [UInt8]) {
  require(faults.count <= ConfigurationResult.faultsMax + 1, "\(faults.count) faults")
  let lines = 2 + input.reduce(0) { $0 + ($1 == 10 || $1 == 13 || $1 >= 0x80 ? 1 : 0) }
  var last = 0
  for fault in faults {
    require(!fault.reason.isEmpty && fault.file == "tidegate.yaml", "\(fault)")
    require((fault.line == 0) == (fault.column == 0) && fault.line <= lines && fault.column <= input.count + 1, "\(fault)")
    let place = fault.line == 0 ? Int.max : fault.line
    require(place >= last, "\(fault) comes after line \(last)")
    last = place
  }
}

/// What the rooms that read the configuration rely on.
func check(_ configuration: Configuration) {
  require(!configuration.listeners.isEmpty && configuration.node.workers >= 1, "a node that serves nobody")
  let json = Array(configuration.redactedJSON().utf8)
  require((try? JSONValue.parse(json)) != nil, "the effective configuration is no JSON")
  let names = configuration.upstreams.map(\.name)
  require(Set(names).count == names.count, "an upstream comes twice")
}

/// Ends the run when a property does not hold; libFuzzer keeps the input.
func require(_ holds: Bool, _ what: @autoclosure () -> String) {
  if !holds { fatalError(what()) }
}

var count = CommandLine.argc
var arguments = CommandLine.unsafeArgv
exit(runFuzzer(&count, &arguments, testOneInput))
