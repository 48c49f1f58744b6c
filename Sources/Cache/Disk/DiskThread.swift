// Threads of the disk tier: they may block, so that workers need not.
import CEpoll
import Glibc

struct DiskThread: Sendable {
  private let thread: pthread_t

  /// Starts a thread that ends when `body` returns.
  /// - Parameter name: at most 15 bytes.
  init(name: String, _ body: @escaping @Sendable () -> Void) {
    final class Start: Sendable {
      let name: String
      let body: @Sendable () -> Void
      init(_ name: String, _ body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
      }
    }
    var thread = pthread_t()
    // SAFETY: the thread takes over the reference that is passed to it, and releases it.
    let result = pthread_create(
      &thread, nil,
      { context in
        guard let context else { return nil }
        let start = Unmanaged<Start>.fromOpaque(context).takeRetainedValue()
        tg_name_thread(start.name)
        start.body()
        return nil
      }, Unmanaged.passRetained(Start(name, body)).toOpaque())
    precondition(result == 0, "no thread for the disk tier: pthread_create says \(result)")
    self.thread = thread
  }

  /// Waits until it has ended; once, and not from the thread itself.
  func join() { pthread_join(thread, nil) }
}
