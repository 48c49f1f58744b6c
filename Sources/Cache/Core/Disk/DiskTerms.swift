// What a response's record on disk says besides key, head and body: its terms, what kind of record it is, and which purges it knows of.
import Runtime

/// The terms of a record on disk.
public struct DiskTerms: Sendable, Equatable {
  private static let version: UInt8 = 1
  /// Below `DiskLimits.termsBytes`.
  static let encodedBytes = 1 + 4 + 8 + 8 + CacheTerms.encodedBytes

  /// A status, or whatever the caller marks its own records with.
  public var flags: UInt32
  /// Which history its position is one of.
  public var history: UInt64
  /// Purges beyond it may mean the record; those before do not.
  public var position: UInt64
  public var terms: CacheTerms

  public init(flags: UInt32, history: UInt64, position: UInt64, terms: CacheTerms) {
    self.flags = flags
    self.history = history
    self.position = position
    self.terms = terms
  }

  public var encoded: [UInt8] {
    var writer = ByteWriter(reserving: DiskTerms.encodedBytes)
    writer.write(DiskTerms.version)
    writer.write(flags)
    writer.write(history)
    writer.write(position)
    terms.encode(into: &writer)
    return writer.bytes
  }

  /// nil for bytes of another version, or damaged ones.
  public init?(decoding bytes: [UInt8]) {
    // SAFETY: the array outlives the call; what is read is copied out of it.
    let read = bytes.withUnsafeBytes { bytes -> DiskTerms? in
      var reader = ByteReader(bytes)
      guard (try? reader.readUInt8()) == DiskTerms.version, let flags = try? reader.readUInt32(), let history = try? reader.readUInt64(),
        let position = try? reader.readUInt64(), let terms = CacheTerms(decoding: &reader), (try? reader.expectEnd()) != nil
      else { return nil }
      return DiskTerms(flags: flags, history: history, position: position, terms: terms)
    }
    guard let read else { return nil }
    self = read
  }
}
