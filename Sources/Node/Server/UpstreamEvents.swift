// Owns how changes of an upstream's health and names are logged.
import Proxy
import Runtime

enum UpstreamEvents {
  /// One line a change of state.
  static func write(_ event: UpstreamEvent, of upstream: String, to log: NodeLog) {
    switch event {
    case .verdict(let report):
      if report.isHealthy {
        log.info(
          "endpoint is healthy",
          ["upstream": .string(upstream), "endpoint": .string("\(report.address)"), "reason": .string(report.lastReason)])
      } else {
        log.warning(
          "endpoint is unhealthy",
          ["upstream": .string(upstream), "endpoint": .string("\(report.address)"), "reason": .string(report.lastReason)])
      }
    case .unresolved(let failure):
      log.warning("name not resolved", ["upstream": .string(upstream), "reason": .string("\(failure)")])
    case .resolvedAgain(let name):
      log.info("name resolved again", ["upstream": .string(upstream), "name": .string(name)])
    }
  }
}
