// The door through which responses are stored: what a purge has overtaken on its way does not pass. A store and the purges' ledger exclude
// one another, so that a sweep that begins after a purge was noted finds whatever was stored without knowing of it.
import Cache
import Runtime
import Synchronization

/// The purges that a store has to know of.
final class PurgeGate: Sendable {
  /// One part of the keys: stores of the others do not wait for one another.
  private final class Stripe: Sendable {
    let ledger = Locked(PurgeLedger())
  }

  private static let stripeCount = 8

  private let stripes = (0..<stripeCount).map { _ in Stripe() }
  private let refused = Atomic<UInt64>(0)

  /// Responses that were not stored because a purge had overtaken them.
  var refusals: UInt64 { refused.load(ordering: .relaxed) }

  /// To be taken before a fetch begins: a purge beyond it overtakes what the fetch brings.
  // The last stripe hears of a purge last, so that no stripe is ever behind a position.
  var position: UInt64 { stripes[PurgeGate.stripeCount - 1].ledger.withLock { $0.position } }

  /// Notes purges; from its return on nothing passes that they overtake. On one thread at a time.
  func note(_ purges: [Purge]) {
    for stripe in stripes { stripe.ledger.withLock { ledger in for purge in purges { ledger.append(purge) } } }
  }

  /// Stores a response unless a purge since the beginning of its fetch means it.
  /// - Parameters:
  ///   - position: as it was when the fetch began.
  ///   - store: puts it where look-ups find it, before it returns; calls nothing that comes back here.
  func pass(_ key: [UInt8], _ tags: [UInt64], since position: UInt64, _ store: () -> Void) {
    pass(key, { $0.isOvertaken(key, tags, since: position) }, store)
  }

  /// Stores what another node fetched, unless a purge that was made since, by the clocks of those nodes, means it.
  /// - Parameter fetched: milliseconds since the epoch.
  func pass(_ key: [UInt8], _ tags: [UInt64], fetchedAt fetched: Int64, _ store: () -> Void) {
    pass(key, { $0.isOvertaken(key, tags, fetchedAt: fetched) }, store)
  }

  private func pass(_ key: [UInt8], _ isOvertaken: (PurgeLedger) -> Bool, _ store: () -> Void) {
    let stripe = stripes[Int(truncatingIfNeeded: key.withUnsafeBytes { StableHash.hash($0) } % UInt64(PurgeGate.stripeCount))]
    let isPassed = stripe.ledger.withLock { ledger in
      if isOvertaken(ledger) { return false }
      store()
      return true
    }
    if !isPassed { refused.wrappingAdd(1, ordering: .relaxed) }
  }
}
