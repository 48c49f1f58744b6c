// Requests that find a fill whose response has begun to come. Who waited for it before may have it, whatever it says; who comes now takes
// what is there already, as from the store, and only on the terms on which it would have it from there (RFC 9111 §4).
import Cache

extension CacheRequest {
  func followInTime(_ fill: Fill) {
    guard let head = fill.head, case .validate(let why) = Reuse.judge(head.terms, directives, now: now) else {
      return follow(fill, isLeader: false)
    }
    // It would do for others.
    if why.forward == .request { return pass(.request) }
    service.fills.withdraw(fill)
    tryAgain()
  }
}
