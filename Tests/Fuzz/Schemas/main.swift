// Fuzzes schemas: an input is a draft, a schema and values, a line each. Any schema compiles or is refused with a place; any value gets
// an answer, the same one every time, and one that agrees with what is said about it.
import Gateway
import Glibc
import Runtime

@_silgen_name("LLVMFuzzerRunDriver")
func runFuzzer(
  _ count: UnsafeMutablePointer<Int32>, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ body: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

@_cdecl("LLVMFuzzerTestOneInput")
func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let lines = UnsafeBufferPointer(start: bytes, count: count).split(separator: 10, omittingEmptySubsequences: false)
  guard lines.count >= 3, let draft = lines[0].first, let document = value(lines[1]) else { return 0 }
  var options = SchemaOptions()
  options.draft = SchemaDraft.allCases[Int(draft) % SchemaDraft.allCases.count]
  options.assertsFormats = lines[0].count > 1
  // Small, so that what is expensive is found by meeting a limit and not by the clock.
  options.limits.stepsMax = 20_000
  options.limits.schemasMax = 2000
  var registry = SchemaRegistry()
  registry.add(document, named: "Self")
  check(document, lines.dropFirst(2).prefix(8).compactMap(value), registry, options)
  return 0
}

/// LeakSanitizer does not see references with Swift's own bits in them, such as those in a String, and would report every lazy global.
@_cdecl("__lsan_is_turned_off")
func leakSanitizerIsTurnedOff() -> Int32 { 1 }

func value(_ line: Slice<UnsafeBufferPointer<UInt8>>) -> JSONValue? {
  try? JSONValue.parse(Array(line), limits: JSONLimits(depthMax: 200), surrogates: .replace)
}

func check(_ document: JSONValue, _ values: [JSONValue], _ registry: SchemaRegistry, _ options: SchemaOptions) {
  let schema: CompiledSchema
  do {
    schema = try CompiledSchema(document, registry: registry, options: options)
  } catch {
    require(!error.reason.isEmpty && (error.pointer.isEmpty || error.pointer.hasPrefix("/")), "\(error)")
    return
  }
  for value in values {
    let isValid = schema.isValid(value)
    require(schema.isValid(value) == isValid, "a second check gives something else")
    let failures = schema.failures(of: value)
    require((failures == nil) == isValid, "\(isValid) beside \(failures?.text ?? "no failure")")
    guard let failures else { continue }
    require(!failures.messages.isEmpty && failures.messages.count <= options.limits.messagesMax + 1, "\(failures.messages.count) messages")
    require(failures.messages.allSatisfy { $0.utf8.count <= options.limits.messageBytesMax }, "a message outgrows its limit")
    require(schema.failures(of: value) == failures, "a second report gives something else")
  }
}

/// Ends the run when a property does not hold; libFuzzer keeps the input.
func require(_ holds: Bool, _ what: @autoclosure () -> String) {
  if !holds { fatalError(what()) }
}

var count = CommandLine.argc
var arguments = CommandLine.unsafeArgv
exit(runFuzzer(&count, &arguments, testOneInput))
