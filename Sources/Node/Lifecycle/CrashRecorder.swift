// Owns: what the serving process does when it dies by a fault: signal, address, backtrace and the request lines in flight go into the
// CrashRegion, then the signal takes its default course. The master writes the report. Everything below `handler` runs inside a
// signal handler: memory only, no allocation, no lock of ours.
import CEpoll
import Glibc
import Synchronization

/// Records the last words of the serving process.
public enum CrashRecorder {
  /// Writes the request lines in flight by calling `appendRequestLine` once a line. It runs inside a signal handler, on whichever
  /// thread crashed, while other threads go on: it may read flat memory that stays mapped, and nothing else.
  public typealias InFlightHook = @convention(c) () -> Void

  /// Frames of the backtrace.
  static let framesMax = 64
  /// Request lines in one report.
  static let requestLinesMax = 256
  static let alternateStackBytes = 64 << 10
  /// Seconds after which a handler that hangs (the dynamic linker's lock may be held) is ended by SIGALRM.
  static let handlerSecondsMax: UInt32 = 5
  static let signals = [SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGABRT]

  // SAFETY: these are written once by `install`, before the handlers that read them exist, and the hook by one aligned store.
  private nonisolated(unsafe) static var region: UnsafeMutableRawPointer?
  private nonisolated(unsafe) static var descriptor: Int32 = -1
  private nonisolated(unsafe) static var frames: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
  private nonisolated(unsafe) static var hook: InFlightHook?
  private nonisolated(unsafe) static var requestLines = 0
  /// Thread that is writing, 0 for none: a second thread that crashes waits for the end, a second fault of the first one gives up.
  private static let writer = Atomic<Int32>(0)

  /// Sets the handlers up for the whole process, and an alternate stack for the calling thread. Call once, early.
  /// - Parameter descriptor: a CrashRegion; stays open for the life of the process.
  /// - Returns: false when the descriptor is no region; nothing is installed then.
  static func install(descriptor: Int32) -> Bool {
    guard region == nil, let memory = CrashRegion.map(descriptor) else { return false }
    self.descriptor = descriptor
    region = memory
    frames = .allocate(capacity: framesMax)
    frames?.initialize(repeating: nil, count: framesMax)
    rehearse()
    _ = setAlternateStack(makeStack())  // this thread's, as long as the process lives
    for signal in signals {
      var action = sigaction()
      action.__sigaction_handler.sa_sigaction = { signal, info, _ in CrashRecorder.handler(signal, info) }
      action.sa_flags = SA_SIGINFO | SA_ONSTACK
      sigfillset(&action.sa_mask)
      sigaction(signal, &action, nil)
    }
    return true
  }

  /// Runs `body` with a stack of its own for the handler, so that an overflow of the calling thread's leaves a report too. What was set
  /// before, such as a sanitizer's, is set again afterwards.
  public static func withAlternateStack(_ body: () -> Void) {
    let memory = makeStack()
    defer { memory.deallocate() }
    var before = setAlternateStack(memory)
    body()
    sigaltstack(&before, nil)
  }

  private static func makeStack() -> UnsafeMutableRawPointer { .allocate(byteCount: alternateStackBytes, alignment: 16) }

  private static func setAlternateStack(_ memory: UnsafeMutableRawPointer) -> stack_t {
    var stack = stack_t()
    var before = stack_t()
    stack.ss_sp = memory
    stack.ss_size = alternateStackBytes
    sigaltstack(&stack, &before)
    return before
  }

  /// - Parameter hook: see `InFlightHook`; nil takes it away.
  public static func setInFlightHook(_ hook: InFlightHook?) {
    self.hook = hook
  }

  /// For the hook alone: adds one request line, without its query and its credentials.
  /// - Parameters:
  ///   - line: the head of a request as it came in; only its first line is taken.
  ///   - count: bytes at `line`.
  public static func appendRequestLine(_ line: UnsafePointer<UInt8>, _ count: Int) {
    guard let region, requestLines < requestLinesMax else { return }
    requestLines &+= 1
    let length = self.length(region)
    let room = CrashRegion.textBytesMax &- length
    guard room > 0, count > 0 else { return }
    let output = (region + CrashRegion.headerBytes + length).assumingMemoryBound(to: UInt8.self)
    setLength(region, length &+ RequestLineRedaction.write(line, count: count, to: output, capacity: room))
  }

  /// First use of metadata, of the unwinder and of the symbol look-up may allocate: do it once where that is allowed.
  private static func rehearse() {
    record(signal: 0, code: 0, address: 0)
    let line: StaticString = "GET / HTTP/1.1"
    appendRequestLine(line.utf8Start, line.utf8CodeUnitCount)
    _ = writer.load(ordering: .relaxed)
    requestLines = 0
    if let region {
      memset(region, 0, CrashRegion.bytes)
    }
  }

  private static func handler(_ signal: Int32, _ info: UnsafeMutablePointer<siginfo_t>?) {
    let savedErrno = errno
    let thread = gettid()
    let (first, owner) = writer.compareExchange(expected: 0, desired: thread, ordering: .acquiringAndReleasing)
    if !first && owner != thread {
      // Another thread is writing: the process ends when it is done.
      while true { pause() }
    }
    if first {
      var defaults = sigaction()
      sigaction(SIGALRM, &defaults, nil)
      var alarmed = sigset_t()
      sigemptyset(&alarmed)
      sigaddset(&alarmed, SIGALRM)
      pthread_sigmask(SIG_UNBLOCK, &alarmed, nil)
      alarm(handlerSecondsMax)
      // SAFETY: siginfo_t has si_code at byte 8 and, for faults, si_addr at byte 16 on every 64-bit Linux (sigaction(2)).
      let code = info.map { UnsafeRawPointer($0).load(fromByteOffset: 8, as: Int32.self) } ?? 0
      let address = info.map { UnsafeRawPointer($0).load(fromByteOffset: 16, as: UInt.self) } ?? 0
      record(signal: signal, code: code, address: address)
    }
    var defaults = sigaction()
    sigaction(signal, &defaults, nil)
    // Blocked while we are here, delivered with its default action as soon as we return; a fault would come again by itself, a
    // signal sent by kill or abort would not.
    raise(signal)
    errno = savedErrno
  }

  private static func record(signal: Int32, code: Int32, address: UInt) {
    guard let region, let frames else { return }
    append(region, "signal ")
    append(region, decimal: Int(signal))
    append(region, name(signal))
    append(region, code > 0 ? ", address 0x" : ", sent by kill or abort, detail 0x")
    append(region, hexadecimal: address)
    append(region, ", thread ")
    append(region, decimal: Int(gettid()))
    append(region, "\n\nbacktrace\n")
    let count = backtrace(frames, Int32(framesMax))
    // The region's file and its mapping are the same memory; the seals keep the writing inside.
    let start = off_t(CrashRegion.headerBytes &+ length(region))
    if lseek(descriptor, start, SEEK_SET) == start {
      backtrace_symbols_fd(frames, count, descriptor)
      let end = lseek(descriptor, 0, SEEK_CUR)
      if end >= start { setLength(region, Int(end) &- CrashRegion.headerBytes) }
    }
    append(region, "\nrequests in flight (queries cut)\n")
    if let hook { hook() }
  }

  private static func name(_ signal: Int32) -> StaticString {
    switch signal {
    case SIGSEGV: " SIGSEGV"
    case SIGBUS: " SIGBUS"
    case SIGILL: " SIGILL"
    case SIGTRAP: " SIGTRAP"
    case SIGFPE: " SIGFPE"
    case SIGABRT: " SIGABRT"
    default: ""
    }
  }

  @inline(__always)
  private static func length(_ region: UnsafeMutableRawPointer) -> Int {
    let length = region.load(as: UInt64.self)
    return length > UInt64(CrashRegion.textBytesMax) ? CrashRegion.textBytesMax : Int(truncatingIfNeeded: length)
  }

  @inline(__always)
  private static func setLength(_ region: UnsafeMutableRawPointer, _ length: Int) {
    region.storeBytes(of: UInt64(truncatingIfNeeded: length), as: UInt64.self)
  }

  private static func append(_ region: UnsafeMutableRawPointer, byte: UInt8) {
    let at = length(region)
    guard at < CrashRegion.textBytesMax else { return }
    region.storeBytes(of: byte, toByteOffset: CrashRegion.headerBytes &+ at, as: UInt8.self)
    setLength(region, at &+ 1)
  }

  private static func append(_ region: UnsafeMutableRawPointer, _ text: StaticString) {
    let bytes = text.utf8Start
    var at = 0
    while at < text.utf8CodeUnitCount {
      append(region, byte: bytes[at])
      at &+= 1
    }
  }

  private static func append(_ region: UnsafeMutableRawPointer, decimal value: Int) {
    var power = 1
    while value / power >= 10 { power &*= 10 }
    while power > 0 {
      append(region, byte: 0x30 &+ UInt8(truncatingIfNeeded: value / power % 10))
      power /= 10
    }
  }

  private static func append(_ region: UnsafeMutableRawPointer, hexadecimal value: UInt) {
    var shift: UInt = 60
    while shift > 0 && value >> shift == 0 { shift &-= 4 }
    while true {
      let digit = UInt8(truncatingIfNeeded: value >> shift & 0xf)
      append(region, byte: digit < 10 ? 0x30 &+ digit : 0x57 &+ digit)
      if shift == 0 { return }
      shift &-= 4
    }
  }
}
