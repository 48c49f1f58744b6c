// Owns: the access log as the node holds it: the lanes of the workers, the thread that empties them, and the calls to it. Workers hand
// lines over through their lane and never wait.
import CEpoll
import Glibc
import Runtime
import Synchronization

/// One JSON line a request, in a file. Lines of one worker keep their order; those of different workers may change places within the
/// writer's interval. A process that is killed loses what it logged in its last 200 ms.
public final class AccessLog: Sendable {
  let core: Core
  private let thread: Locked<pthread_t?>

  /// Where the writer counts; to be collected beside the workers' cells. They outlive the log.
  public var cells: MetricCells { core.cells }

  /// Opens the file and starts the writer.
  /// - Parameters:
  ///   - workers: how many will log; their `index` is below.
  ///   - logsQueries: also write the query of each target. Off by default: queries carry what must not be kept, such as tokens.
  ///   - log: hears when the file cannot be written.
  ///   - cells: where the writer, and nobody else, counts.
  /// - Throws: why the file cannot be opened.
  public init(
    path: String, workers: Int, registry: MetricRegistry, log: NodeLog, logsQueries: Bool = false, cells: MetricCells = MetricCells(),
    time: any TimeSource = SystemTime()
  ) throws(AccessLogFault) {
    core = try Core(
      path: path, workers: workers, metrics: AccessLogMetrics(registry), cells: cells, log: log, logsQueries: logsQueries, time: time)
    thread = Locked(AccessLog.start(core))
  }

  /// Without a `close` the writer finishes by itself and nobody waits for it.
  deinit {
    thread.withLock { thread in
      guard let running = thread else { return }
      core.tell(Core.end)
      pthread_detach(running)
    }
  }

  /// Opens the file anew, after somebody moved it away; returns at once. What was logged before goes to the old file.
  public func reopen() { core.tell(Core.reopen) }

  /// Writes what still waits and ends the writer; waits for it. What is logged afterwards is dropped.
  public func close() {
    thread.withLock { thread in
      guard let running = thread else { return }
      core.tell(Core.end)
      pthread_join(running, nil)
      thread = nil
    }
  }

  private static func start(_ core: Core) -> pthread_t {
    var all = sigset_t()
    var before = sigset_t()
    sigfillset(&all)
    // The thread inherits the mask: signals are for the threads that expect them.
    pthread_sigmask(SIG_SETMASK, &all, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    var thread = pthread_t()
    let context = Unmanaged.passRetained(core)
    let answer = pthread_create(
      &thread, nil,
      { context in
        // SAFETY: the creator passed a retained Core.
        Unmanaged<Core>.fromOpaque(context!).takeRetainedValue().run()
        return nil
      }, context.toOpaque())
    precondition(answer == 0, "no thread for the access log: \(String(cString: strerror(answer)))")
    return thread
  }

  // SAFETY: (@unchecked Sendable) a lane's worker side is touched by that worker alone, its other side and the writer by the thread
  // that runs `run`; the rest is atomic or never changes.
  final class Core: @unchecked Sendable {
    static let reopen: UInt8 = 1
    static let end: UInt8 = 2

    let lanes: UnsafeMutablePointer<AccessLogLane>
    let laneCount: Int
    let metrics: AccessLogMetrics
    let cells: MetricCells
    private let writer: AccessLogWriter
    private let wishes = Atomic<UInt8>(0)
    private let bell: Int32

    init(
      path: String, workers: Int, metrics: AccessLogMetrics, cells: MetricCells, log: NodeLog, logsQueries: Bool, time: any TimeSource
    ) throws(AccessLogFault) {
      self.metrics = metrics
      self.cells = cells
      bell = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
      guard bell >= 0 else { throw AccessLogFault(path: path, errno: errno) }
      laneCount = workers
      lanes = .allocate(capacity: max(workers, 1))
      for i in 0..<workers {
        (lanes + i).initialize(
          to: AccessLogLane(capacity: AccessLogLimits.ringBytes, bell: bell, logsQueries: logsQueries, time: time))
      }
      do throws(AccessLogFault) {
        writer = try AccessLogWriter(path: path, lanes: lanes, count: workers, metrics: metrics, cells: cells, log: log)
      } catch {
        lanes.deinitialize(count: workers)
        lanes.deallocate()
        Glibc.close(bell)
        throw error
      }
    }

    deinit {
      lanes.deinitialize(count: laneCount)
      lanes.deallocate()
      Glibc.close(bell)
    }

    func tell(_ wish: UInt8) {
      wishes.bitwiseOr(wish, ordering: .releasing)
      eventfd_write(bell, 1)
    }

    /// The writer's life.
    func run() {
      tg_name_thread("access-log")
      while true {
        var watched = pollfd(fd: bell, events: Int16(POLLIN), revents: 0)
        if poll(&watched, 1, AccessLogLimits.intervalMilliseconds) > 0 {
          var count: UInt64 = 0
          eventfd_read(bell, &count)
        }
        let wished = wishes.exchange(0, ordering: .acquiring)
        if wished & Core.reopen != 0 { writer.reopen() }
        if wished & Core.end != 0 { return writer.finish() }
        writer.drain()
      }
    }
  }
}
