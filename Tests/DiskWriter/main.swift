// Writes to a disk tier until it is killed: the other half of the test that kills it. Each line of output is a batch that was written.
import Cache
import Dispatch
import Glibc
import Runtime

let path = CommandLine.arguments[1]
var random = SeededRandom(seed: UInt64(CommandLine.arguments[2]) ?? 0)
let opened = DispatchSemaphore(value: 0)
var options = DiskOptions(path: path, bytesMax: 64 << 20)
options.pendingBytesMax = 8 << 20
let tier = DiskTier(options) { report in
  if case .on = report { opened.signal() }
}
opened.wait()

/// The body of a version of a key: whoever knows both can make it again.
func body(key: UInt64, version: UInt64) -> [UInt8] {
  var random = SeededRandom(seed: key &* 1_000_003 &+ version)
  let words = Int(random.below(36_000))
  return [UInt8](unsafeUninitializedCapacity: words * 8) { buffer, count in
    // SAFETY: every word stored lies within the capacity asked for.
    let bytes = UnsafeMutableRawBufferPointer(buffer)
    for index in 0..<words { bytes.storeBytes(of: random.next(), toByteOffset: index * 8, as: UInt64.self) }
    count = words * 8
  }
}

func word(_ value: UInt64) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }

while true {
  for _ in 0..<20 {
    let number = random.below(100)
    let version = random.next()
    let key = DiskKey(hash: DiskHash(high: number, low: number &* 7), bytes: word(number))
    if random.below(10) == 0 {
      tier.remove(key.hash)
    } else {
      _ = tier.store(key, terms: word(version), head: word(number) + word(version), body: [body(key: number, version: version)])
    }
  }
  // The disk sets the pace: an answered removal of a key of its own says that all before it is written.
  let written = DispatchSemaphore(value: 0)
  tier.remove(DiskHash(high: .max, low: .max)) { written.signal() }
  written.wait()
  _ = write(1, "\n", 1)
}
