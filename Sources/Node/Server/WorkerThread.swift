// Owns one thread per worker: starting it, running work on it and waiting for the result, joining it.
import CEpoll
import Dispatch
import Glibc
import Proxy

/// A worker and the thread that runs it.
///
/// SAFETY: (@unchecked Sendable) the worker is handed to its thread at `start`; afterwards everyone else only posts to it.
final class WorkerThread: @unchecked Sendable {
  let worker: Worker
  private let name: String
  private var thread = pthread_t()
  private var isStarted = false

  init(_ worker: Worker, name: String) {
    self.worker = worker
    self.name = name
  }

  func start() {
    let box = Unmanaged.passRetained(self)
    let result = pthread_create(
      &thread, nil,
      { argument in
        let me = Unmanaged<WorkerThread>.fromOpaque(argument!).takeRetainedValue()
        tg_name_thread(me.name)
        CrashRecorder.withAlternateStack { me.worker.run() }
        return nil
      }, box.toOpaque())
    precondition(result == 0, "no thread for \(name): \(String(cString: strerror(result)))")
    isStarted = true
  }

  /// Runs `work` on the worker's thread and waits for what it returns.
  func sync<Value: Sendable>(_ work: @escaping @Sendable (Worker) -> Value) -> Value {
    let done = DispatchSemaphore(value: 0)
    let box = ResultBox<Value>()
    worker.post {
      box.value = work($0)
      done.signal()
    }
    done.wait()
    return box.value!
  }

  /// Ends the worker's loop and waits for its thread.
  func stop() {
    guard isStarted else { return }
    isStarted = false
    worker.post { $0.stop() }
    pthread_join(thread, nil)
  }
}

/// SAFETY: (@unchecked Sendable) written before the semaphore is signalled, read after it was waited for.
private final class ResultBox<Value>: @unchecked Sendable {
  var value: Value?
}
