// A stored response in the hands of one request: its head and terms, and where its body is. What it may be used for is decided by Reuse.
import Cache
import Proxy
import Runtime

/// A response that a tier gave.
///
/// Confined to one worker's thread; it holds its entry's memory until it goes.
final class CachedResponse {
  let terms: CacheTerms
  let status: Int
  /// Status line and field lines, without framing.
  let text: [UInt8]
  let fields: HeadFields
  /// Where it came from, if that was the disk, and the way to what of its body is not in hand.
  let disk: DiskResponse?
  let rest: DiskCursor?
  private let entry: MemoryEntry?
  private let pieces: [FillPiece]
  private let joined: [UInt8]

  /// From the RAM tier: pinned here, unpinned when this goes.
  init(_ entry: MemoryEntry) {
    entry.pin()
    self.entry = entry
    (disk, rest) = (nil, nil)
    var terms = CacheTerms(entry.terms)
    // Not ahead of the clock, should that have been set back meanwhile: a marked entry is stale whatever the time.
    if let since = entry.staleSince { terms.markStale(min(since, Int64(SystemTime().wall().nanoseconds / 1_000_000))) }
    self.terms = terms
    text = Array(entry.head)
    fields = HeadFields(head: entry.head)
    status = fields.status
    pieces = []
    joined = []
  }

  /// From a fill that is complete.
  init(_ head: Fill.Head, _ pieces: [FillPiece]) {
    entry = nil
    (disk, rest) = (nil, nil)
    terms = head.terms
    text = head.text
    fields = head.text.withUnsafeBytes { HeadFields(head: $0) }
    status = head.status
    self.pieces = pieces
    joined = pieces.count == 1 ? [] : pieces.flatMap(\.bytes)
  }

  /// From the disk tier; nil when too many bodies are being read.
  /// - Parameter renewed: the head and the terms that it has meanwhile.
  init?(_ response: DiskResponse, renewed: (text: [UInt8], terms: CacheTerms)? = nil) {
    rest = response.rest?.another()
    if response.rest != nil && rest == nil { return nil }
    disk = response
    entry = nil
    terms = renewed?.terms ?? response.terms
    text = renewed?.text ?? response.text
    fields = HeadFields(head: text)
    status = response.status
    pieces = []
    joined = response.first
  }

  deinit { entry?.unpin() }

  /// Whether the whole body is in memory: only then may it be looked at.
  var isInHand: Bool { rest == nil }

  /// Calls `work` with the whole body, which is in hand.
  // SAFETY: the pointer is good for the call only; the entry is pinned, the arrays are kept.
  func withBody<Result>(_ work: (UnsafeRawBufferPointer) -> Result) -> Result {
    precondition(isInHand, "a body on disk is looked at")
    if let entry { return work(entry.body) }
    return (pieces.count == 1 ? pieces[0].bytes : joined).withUnsafeBytes(work)
  }

  var bodyCount: Int { disk?.bodyCount ?? withBody { $0.count } }
}

extension CacheTerms {
  /// As the RAM tier keeps them: the first word decides a hit, the others are these terms' own.
  var packed: EntryTerms {
    // As `isFresh` has it: what the response's delay leaves of a second counts too.
    let delay = max(responseTime &- requestTime, 0) % 1000
    let until = responseTime &+ (freshFor &- initialAge) &* 1000 &- delay
    var packed = EntryTerms(freshUntil: mayBeServedBlindly ? until : Int64.min)
    packed.word1 = UInt64(bitPattern: requestTime)
    packed.word2 = UInt64(bitPattern: responseTime)
    packed.word3 = UInt64(bitPattern: initialAge)
    packed.word4 = UInt64(bitPattern: freshFor)
    packed.word5 = UInt64(bitPattern: staleWhileRevalidate)
    packed.word6 = UInt64(bitPattern: staleIfError)
    packed.word7 = UInt64(flags.rawValue)
    return packed
  }

  init(_ packed: EntryTerms) {
    self.init(
      requestTime: Int64(bitPattern: packed.word1), responseTime: Int64(bitPattern: packed.word2),
      initialAge: Int64(bitPattern: packed.word3), freshFor: Int64(bitPattern: packed.word4),
      staleWhileRevalidate: Int64(bitPattern: packed.word5), staleIfError: Int64(bitPattern: packed.word6),
      flags: CacheFlags(rawValue: UInt32(truncatingIfNeeded: packed.word7)))
  }

  /// Whether being fresh is all that a request without directives of its own asks for.
  private var mayBeServedBlindly: Bool { !flags.contains(.alwaysValidate) && !flags.contains(.wasMarkedStale) }
}
