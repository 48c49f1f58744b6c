// Input as a parser must take it: in memory of exactly its length, so that AddressSanitizer sees every byte read or written beyond.
import Glibc
import Runtime

/// Lends `body` a copy of the bytes that ends where its allocation ends.
func withExactCopy<R>(_ bytes: Slice<UnsafeBufferPointer<UInt8>>, _ body: (Bytes, Int) -> R) -> R {
  let count = bytes.count
  let copy = Bytes.allocate(capacity: count)
  defer { copy.deallocate() }
  if let base = bytes.base.baseAddress, count > 0 { memcpy(copy, base + bytes.startIndex, count) }
  return body(copy, count)
}

/// The lengths of the prefixes worth looking at: all of a short input, some six hundred of a long one, always the last.
func prefixLengths(of count: Int) -> some Sequence<Int> {
  stride(from: count, through: 0, by: -max(1, count / 600)).reversed()
}

/// Ends the run when a property does not hold; libFuzzer keeps the input.
func require(_ holds: Bool, _ what: @autoclosure () -> String) {
  if !holds { fatalError(what()) }
}
