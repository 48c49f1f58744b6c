// Owns what a crash report says of requests: their first lines, copied out of the workers' flat memory by the signal handler.
import Proxy

enum CrashedRequests {
  // SAFETY: written once before the workers start; the handler only reads it, and the workers live as long as the process.
  nonisolated(unsafe) private static var workers: [Unmanaged<Worker>] = []

  /// Names the workers whose requests a crash report lists.
  static func watch(_ all: [Worker]) {
    workers = all.map { Unmanaged.passRetained($0) }
    CrashRecorder.setInFlightHook {
      for worker in CrashedRequests.workers {
        worker._withUnsafeGuaranteedRef { $0.forEachHeadInFlight { CrashRecorder.appendRequestLine($0, $1) } }
      }
    }
  }
}
