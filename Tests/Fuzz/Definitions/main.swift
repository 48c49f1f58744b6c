// Fuzzes the import of definitions: any JSON gives a definition or errors, the same every time; what was imported survives its export.
import Gateway
import Glibc
import Runtime

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

/// The first byte chooses the kind of API and what becomes of the base path; the rest is the document.
@_cdecl("LLVMFuzzerTestOneInput")
func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let input = Array(UnsafeBufferPointer(start: bytes, count: count))
  guard let mode = input.first else { return 0 }
  guard let document = try? DefinitionDocument(file: "api.json", json: Array(input.dropFirst())) else { return 0 }
  var options = DefinitionImportOptions(kind: mode & 1 == 0 ? .rest : .http)
  options.basePath = DefinitionImportOptions.BasePath.allCases[Int(mode >> 1) % 3]
  options.limits.workMax = 100_000
  options.limits.pathsMax = 500
  let result = DefinitionImport(document, options)
  check(result, input)
  let again = DefinitionImport(document, options)
  require(again.definition == result.definition && again.findings == result.findings, "a second import gives something else")
  if let definition = result.definition { check(definition) }
  return 0
}

func check(_ result: DefinitionImport, _ input: [UInt8]) {
  require((result.definition == nil) == !result.errors.isEmpty, "\(result.errors.count) errors beside the definition")
  require(result.findings.count <= 303, "\(result.findings.count) findings")
  let lines = input.reduce(2) { $0 + ($1 == 10 ? 1 : 0) }
  for finding in result.findings {
    require(!finding.message.isEmpty && finding.message.utf8.count < 4096, "\(finding)")
    if let position = finding.position { require(position.line < lines && position.column <= input.count, "\(finding)") }
  }
}

func check(_ definition: APIDefinition) {
  for (index, resource) in definition.resources.enumerated() {
    require((resource.parent == nil) == (index == 0) && (resource.parent ?? -1) < index, "\(resource.path) stands before its parent")
  }
  let exported = definition.exported(DefinitionExportOptions(format: .oas30))
  var options = DefinitionImportOptions(kind: definition.kind)
  let back = DefinitionImport(DefinitionDocument(file: "export.json", root: exported), options)
  require(back.errors.isEmpty, "\(back.errors) of \(exported.text())")
  require(back.definition == definition, "the export \(exported.text()) is another API: \(String(describing: back.definition))")
  options.mode = .merge(into: definition)
  let merged = DefinitionImport(DefinitionDocument(file: "export.json", root: exported), options)
  require(merged.definition == definition, "an API merged into itself is another: \(merged.findings)")
  _ = ControlPlaneView(definition, apiID: "a").models()
  guard definition.kind == .rest else { return }
  let swagger = definition.exported(DefinitionExportOptions(format: .swagger))
  let read = DefinitionImport(DefinitionDocument(file: "export.json", root: swagger), DefinitionImportOptions(kind: .rest))
  require(read.errors.isEmpty, "\(read.errors) of \(swagger.text())")
}

var count = CommandLine.argc
var arguments = CommandLine.unsafeArgv
exit(runFuzzer(&count, &arguments, testOneInput))
