// What one node found when it checked an endpoint. What many of them mean together is VerdictBoard's; the checks are the proxy's.
import Runtime

/// An upstream endpoint, by a `StableHash` of its pool and address.
public struct EndpointID: Hashable, Comparable, Sendable {
  public let value: UInt64

  public init(_ value: UInt64) { self.value = value }

  public static func < (left: EndpointID, right: EndpointID) -> Bool { left.value < right.value }
}

/// A checker's last word on an endpoint.
public struct Verdict: Hashable, FactItem {
  public var endpoint: EndpointID
  public var checker: MemberID
  /// Of the checker's process.
  public var generation: UInt64
  /// When it was last said: said again from time to time while it holds, so that a checker that no longer checks is noticed.
  public var stamp: HybridStamp
  /// Since when it holds, milliseconds since 1970 by the checker's time. For operators.
  public var since: UInt64
  public var isHealthy: Bool

  public init(endpoint: EndpointID, checker: MemberID, generation: UInt64, stamp: HybridStamp, since: UInt64, isHealthy: Bool) {
    self.endpoint = endpoint
    self.checker = checker
    self.generation = generation
    self.stamp = stamp
    self.since = since
    self.isHealthy = isHealthy
  }

  /// Whether it holds against another of that checker on that endpoint. The last two decide nothing unless one stamp was given twice.
  func overrides(_ other: Verdict) -> Bool { order > other.order }

  private var order: (UInt64, HybridStamp, UInt64, UInt8) { (generation, stamp, since, isHealthy ? 0 : 1) }

  /// Of what it says, not of when it was said again.
  var digest: UInt64 {
    var hash = StableHash.avalanche(endpoint.value &+ StableHash.avalanche(checker.value))
    for word in [generation, since &* 2 &+ (isHealthy ? 1 : 0)] { hash = StableHash.avalanche(hash &+ word) }
    return hash
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(endpoint.value)
    writer.write(checker)
    writer.writeVarint(generation)
    writer.write(stamp)
    writer.writeVarint(since)
    writer.write(UInt8(isHealthy ? 1 : 0))
  }

  public init(from reader: inout ByteReader) throws(ByteReadError) {
    endpoint = EndpointID(try reader.readUInt64())
    checker = try reader.readMember()
    generation = try reader.readVarint()
    stamp = try reader.readStamp()
    since = try reader.readVarint()
    isHealthy = try reader.readUInt8() & 1 != 0
  }
}
