// Seeded workloads, and two caches to run them through: the eviction queues and a plain LRU of the same bytes.
import Glibc
import Runtime

@testable import Cache

/// Requests for `objects` keys with popularity by rank (Zipf), of sizes from 0.5 to 32 KiB, drawn evenly on a logarithmic scale.
struct EvictionWorkload {
  static let objects = 100_000

  let exponent: Double
  /// Whether every second request of the middle fifth asks for a key that nobody asks for again.
  let hasScan: Bool
  let requests: Int

  func keys(seed: UInt64) -> [UInt64] {
    var random = SeededRandom(seed: seed)
    var cumulative: [Double] = []
    cumulative.reserveCapacity(Self.objects)
    var sum = 0.0
    for rank in 1...Self.objects {
      sum += pow(Double(rank), -exponent)
      cumulative.append(sum)
    }
    return (0..<requests).map { at in
      if hasScan && at * 5 / requests == 2 && at & 1 == 0 { return UInt64(Self.objects + at) }
      let wanted = random.unitInterval() * sum
      var (low, high) = (0, Self.objects - 1)
      while low < high {
        let middle = (low + high) / 2
        if cumulative[middle] < wanted { low = middle + 1 } else { high = middle }
      }
      return UInt64(low)
    }
  }

  static func bytes(of key: UInt64) -> Int {
    var random = SplitMix64(seed: key)
    let unit = Double(random.next() >> 11) * 0x1p-53
    return Int(512 * pow(64, unit))
  }

  /// Bytes of all keys that are asked for by popularity.
  static let allBytes = (0..<UInt64(objects)).reduce(0) { $0 + bytes(of: $1) }
}

/// Hits of 1,000 requests.
func perMille(_ hits: Int, of requests: Int) -> Int { hits * 1000 / max(1, requests) }

/// The hits of a cache that evicts by the queues.
func hitsByQueues(_ keys: [UInt64], bytesMax: Int) -> Int {
  var queues = EvictionQueues<QueuedObject>(bytesMax: bytesMax, ghostCells: bytesMax / 2048)
  var stored: [UInt64: QueuedObject] = [:]
  var hits = 0
  for key in keys {
    if let object = stored[key] {
      object.hit()
      hits += 1
      continue
    }
    let object = QueuedObject(key, bytes: EvictionWorkload.bytes(of: key))
    stored[key] = object
    queues.insert(object)
    while let victim = queues.evictIfFull() { stored[victim.key] = nil }
  }
  return hits
}

/// The hits of a cache that evicts what was used least recently.
func hitsByRecency(_ keys: [UInt64], bytesMax: Int) -> Int {
  var queue = EvictionQueue<QueuedObject>(place: .main)
  var stored: [UInt64: QueuedObject] = [:]
  var hits = 0
  for key in keys {
    if let object = stored[key] {
      queue.remove(object)
      queue.append(object)
      hits += 1
      continue
    }
    let object = QueuedObject(key, bytes: EvictionWorkload.bytes(of: key))
    stored[key] = object
    queue.append(object)
    while queue.bytes > bytesMax, let victim = queue.oldest {
      queue.remove(victim)
      stored[victim.key] = nil
    }
  }
  return hits
}
