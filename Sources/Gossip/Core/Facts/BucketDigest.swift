// Where two large facts differ, without sending them: a sum for each part. What is summed, and sending the parts that differ, is each
// fact's.
import Runtime

/// One hash for each of the parts into which a fact's items are divided by a hash of their names.
public struct BucketDigest: Equatable, Sendable {
  public static let count = 64

  /// The sum of the hashes of each bucket's items: independent of the order in which they came.
  public let sums: [UInt64]

  /// - Precondition: there are `count` of them.
  init(sums: [UInt64]) {
    precondition(sums.count == BucketDigest.count, "a digest has \(BucketDigest.count) sums, not \(sums.count)")
    self.sums = sums
  }

  /// The bucket of an item, by a hash of its name whose bits are all alike good.
  static func bucket(_ hash: UInt64) -> Int { Int(hash >> 58) }

  /// All in one, for a probe.
  public var hash: UInt64 { sums.reduce(0) { StableHash.avalanche($0 &+ $1 &+ 0x9E37_79B9_7F4A_7C15) } }

  public func differing(from other: BucketDigest) -> [Int] { sums.indices.filter { sums[$0] != other.sums[$0] } }

  public func encode(into writer: inout ByteWriter) {
    writer.write(UInt8(sums.count))
    for sum in sums { writer.write(sum) }
  }

  /// - Throws: also when the count of buckets is not this version's.
  public init(decoding body: UnsafeRawBufferPointer) throws(ByteReadError) {
    var reader = ByteReader(body)
    guard Int(try reader.readUInt8()) == BucketDigest.count else { throw .overLimit(at: 0) }
    var sums: [UInt64] = []
    for _ in 0..<BucketDigest.count { sums.append(try reader.readUInt64()) }
    self.sums = sums
  }
}
