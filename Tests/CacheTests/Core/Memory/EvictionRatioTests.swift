import Testing

@testable import Cache

/// What the hit ratio of S3-FIFO is beside a plain LRU of the same bytes. In release builds each run has 1,000,000 requests and is printed.
@Suite struct EvictionRatioTests {
  struct Row: Sendable, CustomStringConvertible {
    let name: String
    let exponent: Double
    let hasScan: Bool
    /// Part of all objects' bytes that fits, in per mille.
    let fits: Int
    /// Hits per 1,000 requests that the queues have more than LRU, at the least; short runs begin cold and lead by less than long ones.
    let lead: Int

    var description: String { "\(name), \(fits) per mille fit" }
  }

  static let rows: [Row] = [
    Row(name: "Zipf 0.8", exponent: 0.8, hasScan: false, fits: 10, lead: 50),
    Row(name: "Zipf 0.8", exponent: 0.8, hasScan: false, fits: 100, lead: 10),
    Row(name: "Zipf 1.0", exponent: 1.0, hasScan: false, fits: 10, lead: 50),
    Row(name: "Zipf 1.0", exponent: 1.0, hasScan: false, fits: 100, lead: 10),
    Row(name: "Zipf 1.0 and a scan", exponent: 1.0, hasScan: true, fits: 10, lead: 50),
    Row(name: "Zipf 1.0 and a scan", exponent: 1.0, hasScan: true, fits: 100, lead: 10),
  ]

  @Test("a proved object outlives what is asked for once", arguments: rows)
  func ratio(row: Row) {
    #if DEBUG
      let requests = 150_000
    #else
      let requests = 1_000_000
    #endif
    let keys = EvictionWorkload(exponent: row.exponent, hasScan: row.hasScan, requests: requests).keys(seed: 4)
    let bytesMax = EvictionWorkload.allBytes / 1000 * row.fits
    let queues = perMille(hitsByQueues(keys, bytesMax: bytesMax), of: requests)
    let recency = perMille(hitsByRecency(keys, bytesMax: bytesMax), of: requests)
    #if !DEBUG
      print("| \(row) | \(queues) | \(recency) |")
    #endif
    #expect(queues >= recency + row.lead)
  }
}
