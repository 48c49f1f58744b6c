import Glibc
import Runtime
import Testing

@Suite("Mailbox")
struct MailboxTests {
  /// Waits until the mailbox's descriptor is readable; false when a generous deadline passes.
  private func rings(_ descriptor: Int32, milliseconds: Int32 = 20_000) -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, milliseconds) == 1
  }

  @Test("what was posted is taken once, oldest first, and the bell falls silent")
  func order() throws {
    let mailbox = try Mailbox<Int>()
    #expect(!rings(mailbox.descriptor, milliseconds: 0))
    #expect(mailbox.take().isEmpty)
    for message in 0..<5 { mailbox.post(message) }
    #expect(rings(mailbox.descriptor, milliseconds: 0))
    #expect(mailbox.take() == [0, 1, 2, 3, 4])
    #expect(!rings(mailbox.descriptor, milliseconds: 0))
    #expect(mailbox.take().isEmpty)
  }

  @Test("messages keep what they refer to alive until they are taken, and no longer")
  func references() throws {
    final class Letter: Sendable {}
    let mailbox = try Mailbox<Letter>()
    weak var seen: Letter?
    do {
      let letter = Letter()
      seen = letter
      mailbox.post(letter)
    }
    #expect(seen != nil)
    #expect(mailbox.take().count == 1)
    #expect(seen == nil)
  }

  @Test("from many threads nothing is lost, nothing comes twice, and each sender's order stays")
  func threads() throws {
    let senders = 4
    let each = 5000
    let mailbox = try Mailbox<(sender: Int, number: Int)>()
    let threads = (0..<senders).map { sender in
      PostingThread { for number in 0..<each { mailbox.post((sender, number)) } }
    }
    var next = [Int](repeating: 0, count: senders)
    var taken = 0
    while taken < senders * each {
      guard rings(mailbox.descriptor) else {
        Issue.record("the bell is silent after \(taken) messages")
        break
      }
      for message in mailbox.take() {
        #expect(message.number == next[message.sender])
        next[message.sender] += 1
        taken += 1
      }
    }
    for thread in threads { thread.join() }
    #expect(next.allSatisfy { $0 == each } && mailbox.take().isEmpty)
  }

  @Test("an event loop wakes for a message from another thread")
  func wakes() throws {
    let loop = try EventLoop()
    defer { loop.close() }
    let mailbox = try Mailbox<String>()
    loop.add(mailbox.descriptor, events: EventLoop.readable, token: 42)
    let thread = PostingThread { mailbox.post("wake up") }
    #expect(loop.wait(milliseconds: 20_000) == 1)
    #expect(loop.event(0).token == 42 && loop.event(0).ready == EventLoop.readable)
    #expect(mailbox.take() == ["wake up"])
    thread.join()
    #expect(loop.wait(milliseconds: 0) == 0)
  }
}

/// A thread that runs one closure; somebody joins it.
private final class PostingThread {
  private final class Work: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  private var thread = pthread_t()

  init(_ run: @escaping @Sendable () -> Void) {
    let result = pthread_create(
      &thread, nil,
      { argument in
        // SAFETY: the reference that `passRetained` below counted.
        Unmanaged<Work>.fromOpaque(argument!).takeRetainedValue().run()
        return nil
      }, Unmanaged.passRetained(Work(run)).toOpaque())
    precondition(result == 0, "pthread_create: \(result)")
  }

  func join() { pthread_join(thread, nil) }
}
