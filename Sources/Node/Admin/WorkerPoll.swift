// Owns: asking all workers for their reports and waiting for the answers, without a thread that blocks: each worker answers through its
// mailbox, the last one or the deadline ends it.
import Proxy
import Runtime

public enum WorkerPoll {
  /// Nanoseconds after which a worker that has not answered is left out: it hangs, or the node is far too busy.
  public static let patience: UInt64 = 1_000_000_000

  /// Asks `workers` for their reports. Call on the thread of `asker`, which may be one of them.
  /// - Parameter completion: called once, on the thread of `asker`, with the reports that came, in the order of `workers`.
  public static func reports(
    of workers: [Worker], on asker: Worker, within nanoseconds: UInt64 = patience,
    _ completion: @escaping @Sendable ([WorkerReport]) -> Void
  ) {
    let answers = Answers(count: workers.count)
    let finish: @Sendable () -> Void = {
      if let reports = answers.take() { completion(reports) }
    }
    if workers.isEmpty { return finish() }
    let alarm = asker.after(nanoseconds, finish)
    for (i, worker) in workers.enumerated() {
      worker.post { [unowned asker] worker in
        guard answers.put(worker.report(), at: i) else { return }
        asker.post { asker in
          asker.cancel(alarm: alarm)
          finish()
        }
      }
    }
  }

  /// The answers so far; whoever takes them first ends the poll.
  private final class Answers: Sendable {
    private struct State {
      var reports: [WorkerReport?]
      var missing: Int
      var isTaken = false
    }

    private let state: Locked<State>

    init(count: Int) { state = Locked(State(reports: Array(repeating: nil, count: count), missing: count)) }

    /// - Returns: true with the last one.
    func put(_ report: WorkerReport, at place: Int) -> Bool {
      state.withLock { state in
        state.reports[place] = report
        state.missing -= 1
        return state.missing == 0
      }
    }

    func take() -> [WorkerReport]? {
      state.withLock { state in
        if state.isTaken { return nil }
        state.isTaken = true
        return state.reports.compactMap { $0 }
      }
    }
  }
}
