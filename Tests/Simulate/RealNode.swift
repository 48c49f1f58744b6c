// One node of a real cluster as a process: a gossip loop, words from the parent on standard input, news for it on standard output. It
// decides nothing; RealCluster does.
import ArgumentParser
import CEpoll
import Glibc
import Gossip
import Runtime

/// What nodes tell their parent, a line each; lines that are not so are a fault.
enum RealNews {
  /// Where the node can be reached.
  case bound(SocketAddress)
  /// The first attempts to join have ended.
  case joined(Bool)
  /// A change of the node's view at a monotonic time.
  case view(at: UInt64, member: MemberID, generation: UInt64, change: MemberChange.Kind, isPresent: Bool)
  /// The load has ended.
  case done

  var line: String {
    switch self {
    case .bound(let address): "bound \(address)\n"
    case .joined(let isJoined): "joined \(isJoined)\n"
    case .view(let at, let member, let generation, let change, let isPresent):
      "view \(at) \(member.value) \(generation) \(change.rawValue) \(isPresent)\n"
    case .done: "done\n"
    }
  }

  init?(line: Substring) {
    let words = line.split(separator: " ")
    switch words.first {
    case "bound" where words.count == 2:
      guard let address = SocketAddress(String(words[1])) else { return nil }
      self = .bound(address)
    case "joined" where words.count == 2: self = .joined(words[1] == "true")
    case "view" where words.count == 6:
      let numbers = words[1...4].compactMap { UInt64($0) }
      guard numbers.count == 4, let change = UInt8(exactly: numbers[3]).flatMap(MemberChange.Kind.init(rawValue:)) else { return nil }
      self = .view(at: numbers[0], member: MemberID(numbers[1]), generation: numbers[2], change: change, isPresent: words[5] == "true")
    case "done" where words.count == 1: self = .done
    case _: return nil
    }
  }

  /// Writes the line at once and whole: it is shorter than what a pipe takes in one piece (POSIX, PIPE_BUF).
  func tell() {
    let bytes = Array(line.utf8)
    _ = write(STDOUT_FILENO, bytes, bytes.count)
  }
}

struct RealNode: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "real-node", abstract: "One node of `simulate real`, which starts it.", shouldDisplay: false)
  @Option var number: UInt64
  @Option var generation: UInt64
  @Option var bind: String
  @Option var seed: UInt64

  /// Identities are random to look at and the same in every run.
  static func member(_ number: UInt64) -> MemberID { MemberID(StableHash.avalanche(number &+ 1)) }

  func run() throws {
    tg_die_with_parent(SIGKILL)
    let log = try AdmissionLog(inherited: AdmissionLog.descriptorOfChild)
    guard let bind = SocketAddress(bind), let key = readLine(), let secret = try? ClusterKey(text: key) else {
      throw RealFault("neither an address nor a key: only `simulate real` starts this")
    }
    let loop = try GossipLoop(
      GossipOptions(
        me: RealNode.member(number), generation: generation, record: MemberRecord(name: "real-\(number)", peer: bind), bind: bind,
        cluster: "real", keys: KeyRing(secret), seed: seed))
    loop.onChange = { change, member in
      RealNews.view(
        at: tg_now(CLOCK_MONOTONIC), member: change.member, generation: member?.version.generation ?? 0, change: change.kind,
        isPresent: member?.state == .alive
      ).tell()
    }
    loop.onJoin = { RealNews.joined($0 == .joined).tell() }
    RealNode.onThread { loop.run() }
    RealNews.bound(loop.address).tell()
    listen(loop, log)
    // Not by the way of exit handlers: the other threads run on until the process is gone.
    _exit(0)
  }

  /// Does what the parent says until it closes its end.
  private func listen(_ loop: GossipLoop, _ log: AdmissionLog) {
    var load: RealLoad?
    while let line = readLine() {
      let words = line.split(separator: " ")
      switch words.first {
      case "seek":
        let seeds = words.dropFirst().compactMap { SocketAddress(String($0)) }
        loop.post { $0.seek(seeds) }
      case "load":
        guard let plan = RealLoadPlan(words: words.dropFirst()) else { return }
        let begun = RealLoad(loop, log, plan, me: Int(number))
        load = begun
        RealNode.onThread {
          begun.run()
          RealNews.done.tell()
        }
      case "down" where words.count == 2: load?.setDown(Int(words[1]) ?? -1)
      case _: return
      }
    }
  }

  private final class Work: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  private static func onThread(_ body: @escaping @Sendable () -> Void) {
    var thread = pthread_t()
    // SAFETY: the box is retained here and released by the thread, once each.
    let box = Unmanaged.passRetained(Work(body))
    let result = pthread_create(
      &thread, nil,
      {
        Unmanaged<Work>.fromOpaque($0!).takeRetainedValue().body()
        return nil
      }, box.toOpaque())
    precondition(result == 0, "no thread: \(String(cString: strerror(result)))")
    pthread_detach(thread)
  }
}
