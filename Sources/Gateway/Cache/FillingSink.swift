// A response that goes into a fill: its origin waits for the clients that take it, but not for the slowest of several.
import Cache
import Proxy

/// Takes a response for several clients.
class FillingSink: ResponseSink {
  let fill: Fill
  /// The fetch itself, so that it can go on after waiting.
  var fetch: Fetch?
  var hasEnded = false
  private var isLooking = false
  /// Nanoseconds for which a follower may keep others waiting.
  private static let grace: UInt64 = 100_000_000

  init(_ fill: Fill) {
    self.fill = fill
    super.init()
  }

  override func isBlocked(_ worker: Worker) -> Bool {
    guard let fetch, fill.isCrowded({ worker.post { $0.resume(fetch) } }) else { return false }
    lookForSlow(worker)
    return true
  }

  private func lookForSlow(_ worker: Worker) {
    if isLooking || hasEnded { return }
    isLooking = true
    worker.after(FillingSink.grace) { [self] in
      isLooking = false
      if fill.dismissSlowest() { lookForSlow(worker) }
    }
  }

  /// Ends what nobody takes any more.
  func breakOffUnwatched(_ worker: Worker) {
    guard !fill.isWatched, let fetch else { return }
    fill.breakOff()
    worker.after(1) { worker.cancel(fetch) }
  }
}
