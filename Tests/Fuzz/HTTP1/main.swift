// Fuzzes what reads an HTTP/1 peer's bytes. The first byte of an input says which parser gets the rest:
// `Q` request head, `S` response head, `T` trailer section, `C` chunked body, `P` PROXY header; `q`, `s`, `t` the same heads under
// narrow limits. Any other first byte is taken modulo their number.
import Glibc

@_silgen_name("LLVMFuzzerRunDriver")
func runFuzzer(
  _ count: UnsafeMutablePointer<Int32>, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ body: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

@_cdecl("LLVMFuzzerTestOneInput")
func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let input = UnsafeBufferPointer(start: bytes, count: count)
  guard let first = input.first else { return 0 }
  let kinds: StaticString = "QSTCPqst"
  let kind = kinds.withUTF8Buffer { $0.contains(first) ? first : $0[Int(first) % $0.count] }
  let rest = UnsafeBufferPointer(rebasing: input.dropFirst())
  switch kind {
  case UInt8(ascii: "Q"): HeadProperties(.request, rest).check()
  case UInt8(ascii: "S"): HeadProperties(.response, rest).check()
  case UInt8(ascii: "T"): HeadProperties(.trailers, rest).check()
  case UInt8(ascii: "q"): HeadProperties(.request, rest, limits: HeadProperties.narrow).check()
  case UInt8(ascii: "s"): HeadProperties(.response, rest, limits: HeadProperties.narrow).check()
  case UInt8(ascii: "t"): HeadProperties(.trailers, rest, limits: HeadProperties.narrow).check()
  case UInt8(ascii: "C"): ChunkedProperties(rest).check()
  default: ProxyHeaderProperties(rest).check()
  }
  return 0
}

var count = CommandLine.argc
var arguments = CommandLine.unsafeArgv
exit(runFuzzer(&count, &arguments, testOneInput))
