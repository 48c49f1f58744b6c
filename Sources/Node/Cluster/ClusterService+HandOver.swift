// Owns: giving away what this node's cache has, before it leaves. What goes to whom is Gateway's.
import Dispatch
import Gateway

extension ClusterService {
  /// Nanoseconds that it takes at the most, whatever the drain may take.
  private static let handOverMax: UInt64 = 2_000_000_000

  /// Tells all that this node wants no new work. Then what the cache has goes to the nodes that own it from now on; requests are served
  /// meanwhile.
  func announceDrain(givingAway cache: CacheService, within nanoseconds: UInt64) {
    announceDrain()
    let most = min(nanoseconds, ClusterService.handOverMax)
    let done = DispatchSemaphore(value: 0)
    cache.handOver(within: most) { done.signal() }
    // The workers end it by themselves; this is for one that does not come to it.
    _ = done.wait(timeout: .now() + .nanoseconds(Int(most)) + .milliseconds(500))
  }
}
