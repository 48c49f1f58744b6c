// What the disk tier gave for a key, in a form that all who wait for it can share. Reading it, and judging it, is DiskCache's.
import Cache
import Runtime

/// The outcome of a lookup on disk.
enum DiskFound: Sendable {
  case nothing
  case index(VariantIndex)
  case response(DiskResponse)
  /// A part of a response (206), which has the place of the whole while that is not known.
  case part(DiskResponse)
}

/// A response on disk, immutable.
final class DiskResponse: Sendable {
  let key: [UInt8]
  /// Which storing it is.
  let number: UInt64
  let terms: CacheTerms
  let status: Int
  let text: [UInt8]
  /// The whole body, or its first chunk.
  let first: [UInt8]
  let bodyCount: Int
  /// The way to the rest; each reader takes one of its own.
  let rest: DiskCursor?

  init(_ key: [UInt8], _ entry: DiskEntry, _ terms: CacheTerms, status: Int) {
    self.key = key
    number = entry.number
    self.terms = terms
    self.status = status
    text = entry.head
    first = entry.first
    bodyCount = Int(clamping: entry.bodyBytes)
    rest = entry.rest
  }
}
