// Messages from any thread to one loop: a queue under a lock and an eventfd that wakes the loop. Used for what is rare
// (publishing a snapshot, draining, a resolver's answer), never on a request's path.
import CEpoll
import Glibc

/// A queue that any thread posts to and one loop empties.
public final class Mailbox<Message: Sendable>: Sendable {
  /// Readable when messages wait; the owner's loop watches it level-triggered.
  public let descriptor: Int32
  private let queue = Locked<[Message]>([])

  public init() throws {
    descriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
    guard descriptor >= 0 else { throw SystemFault(call: "eventfd") }
  }

  deinit { close(descriptor) }

  /// Hands `message` to the owner and wakes its loop.
  public func post(_ message: Message) {
    queue.withLock { $0.append(message) }
    var one: UInt64 = 1
    _ = write(descriptor, &one, 8)
  }

  /// Everything posted since the last call, oldest first.
  public func take() -> [Message] {
    var count: UInt64 = 0
    _ = read(descriptor, &count, 8)
    return queue.withLock { waiting in
      defer { waiting.removeAll() }
      return waiting
    }
  }
}
