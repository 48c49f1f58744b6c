// Looks at what was handed in after one and the same delay: a timer for all of it instead of one for each.
import Proxy

/// Confined to its worker's thread.
final class WorkerDelay<Element> {
  private var line: DelayLine<Element>
  private var isArmed = false
  private let look: (Element, Worker) -> Void

  /// - Parameters:
  ///   - delay: nanoseconds.
  ///   - look: called for each element when its time has come.
  init(_ delay: UInt64, _ look: @escaping (Element, Worker) -> Void) {
    line = DelayLine(delay: delay)
    self.look = look
  }

  func add(_ element: Element, _ worker: Worker) {
    line.append(element, now: worker.now)
    if !isArmed { arm(worker) }
  }

  private func arm(_ worker: Worker) {
    guard let due = line.due else {
      isArmed = false
      return
    }
    isArmed = true
    worker.after(due > worker.now ? due &- worker.now : 1) { [self] in
      while let element = line.pop(now: worker.now) { look(element, worker) }
      arm(worker)
    }
  }
}

/// A question to another node that may go unanswered.
protocol PeerAwaited: AnyObject {
  /// The node has been silent for as long as an answer from memory may take, or has answered.
  func patienceEnds()
}
