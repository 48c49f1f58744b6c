// One name of the register and what was last written to it: which of two writes holds, and which of them knew the other. Keeping many is
// Register's.
import Runtime

/// Bounds of a register; equal on all nodes of a cluster.
public struct RegisterLimits: Sendable, Equatable {
  /// Names that may be written, tombstones included. Merging accepts a quarter more, so that writes made at once on both sides of a bound
  /// do not keep nodes apart.
  public var entriesMax = 8_192
  /// Bytes of names, values and ancestors together, with the same quarter.
  public var bytesMax = 8 << 20
  /// Milliseconds for which a delete is remembered. Who was away for longer takes the register of another as it is (`Register.adopt`).
  public var tombstoneAge: UInt64 = 7 * 24 * 3_600_000
  /// News that wait to be told.
  public var newsMax = 4_096

  public init() {}
}

/// A name, its value and the version of the write.
public struct RegisterEntry: Hashable, FactItem {
  /// Together with the longest value and all ancestors they fit a datagram.
  public static let nameBytesMax = 255
  /// A longer value is stored elsewhere and named by its digest.
  public static let valueBytesMax = 800
  /// Other writers whose latest write this one is known to have seen.
  public static let ancestorsMax = 8

  public var name: [UInt8]
  /// Empty in a tombstone.
  public var value: [UInt8]
  public var isDeleted: Bool
  public var version: WriteVersion
  /// The latest write of each other writer that was seen when this was written, newest first: a version vector of one name (D. S. Parker
  /// et al., "Detection of Mutual Inconsistency in Distributed Systems", 1983), cut off after `ancestorsMax`.
  public var ancestors: [WriteVersion]

  /// - Parameter previous: what the write replaces.
  public init(name: [UInt8], value: [UInt8]?, version: WriteVersion, over previous: RegisterEntry? = nil) {
    self.name = name
    self.value = value ?? []
    isDeleted = value == nil
    self.version = version
    guard let previous else {
      ancestors = []
      return
    }
    var seen = (previous.ancestors + [previous.version]).filter { $0.writer != version.writer }.sorted(by: >)
    if seen.count > RegisterEntry.ancestorsMax { seen.removeLast(seen.count - RegisterEntry.ancestorsMax) }
    ancestors = seen
  }

  /// Whether this holds against another entry of that name: the later write; the rest makes the order total should two writes ever bear
  /// one version, so that all nodes still end with the same.
  public func overrides(_ other: RegisterEntry) -> Bool {
    if version != other.version { return version > other.version }
    if isDeleted != other.isDeleted { return isDeleted }
    if value != other.value { return other.value.lexicographicallyPrecedes(value) }
    return RegisterEntry.isOrdered(other.ancestors, ancestors)
  }

  private static func isOrdered(_ left: [WriteVersion], _ right: [WriteVersion]) -> Bool {
    left.lexicographicallyPrecedes(right)
  }

  /// Whether this was written by somebody who had seen that version or what replaced it. Where more than `ancestorsMax` others have
  /// written, it may say no of a write long seen; it never says yes of one that was not.
  public func descends(from other: WriteVersion) -> Bool {
    if version.writer == other.writer { return version.stamp >= other.stamp }
    return ancestors.contains { $0.writer == other.writer && $0.stamp >= other.stamp }
  }

  /// What it counts for against `RegisterLimits.bytesMax`.
  var bytes: Int { 64 + name.count + value.count + 16 * ancestors.count }

  /// A hash that two entries share only if they are equal.
  var digest: UInt64 {
    var writer = ByteWriter()
    encode(into: &writer)
    // SAFETY: the array outlives the call, which reads within its bounds.
    return writer.bytes.withUnsafeBytes { StableHash.hash($0, seed: 0x72_6567) }
  }

  public func encode(into writer: inout ByteWriter) {
    writer.writeLengthPrefixed(name)
    writer.write(version)
    writer.write(UInt8(isDeleted ? 1 : 0))
    writer.writeLengthPrefixed(value)
    writer.writeVarint(UInt64(ancestors.count))
    for ancestor in ancestors { writer.write(ancestor) }
  }

  public init(from reader: inout ByteReader) throws(ByteReadError) {
    name = Array(try reader.readLengthPrefixed(limit: RegisterEntry.nameBytesMax))
    version = try reader.readVersion()
    let flags = try reader.readUInt8()
    // Other flags are a later version's.
    isDeleted = flags & 1 != 0
    let content = Array(try reader.readLengthPrefixed(limit: RegisterEntry.valueBytesMax))
    value = isDeleted ? [] : content
    let count = try reader.readCount(limit: RegisterEntry.ancestorsMax, bytes: 16)
    ancestors = []
    for _ in 0..<count { ancestors.append(try reader.readVersion()) }
  }
}
