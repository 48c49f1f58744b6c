// Owns: where to look for other nodes: the seeds of the configuration, their names asked for again and again while nobody is there.
import Gossip
import Proxy
import Runtime

/// Turns seeds into addresses. Confined to the control worker's thread.
final class ClusterSeeds {
  /// Between two questions while the node is alone, and while it is not; nanoseconds.
  static let restlessInterval: UInt64 = 2_000_000_000
  static let restfulInterval: UInt64 = 30_000_000_000

  private unowned let worker: Worker
  private let resolver: NameResolver
  private let found: ([SocketAddress]) -> Void
  private var seeds: [Seed] = []
  /// The last answer for each seed; a name that cannot be resolved now may keep what it had.
  private var answers: [[SocketAddress]] = []
  private var open = 0
  private var round = 0
  private var alarm: UInt64 = 0

  /// A seed as it is written: `host:port`, `dns:name:port`, or `dns:_service._proto.name` whose records bring the port.
  struct Seed: Equatable {
    var name: String
    var port: UInt16
    var kind: ResolveKind

    init?(_ text: String) {
      let rest = text.hasPrefix("dns:") ? String(text.dropFirst(4)) : text
      guard let place = try? HostPort.parse(rest) else { return nil }
      name = place.host
      port = place.port
      kind = rest.hasPrefix("_") ? .service : .address
    }
  }

  /// - Parameter found: called with all addresses after each round of questions.
  init(worker: Worker, found: @escaping ([SocketAddress]) -> Void) {
    self.worker = worker
    self.found = found
    resolver = NameResolver(worker: worker)
  }

  /// Asks for these seeds now, and again from time to time.
  func seek(_ texts: [String], isAlone: @escaping () -> Bool) {
    seeds = texts.compactMap { Seed($0) }
    answers = seeds.map { _ in [] }
    ask(isAlone)
  }

  func stop() {
    worker.cancel(alarm: alarm)
    resolver.stop()
    seeds = []
  }

  private func ask(_ isAlone: @escaping () -> Bool) {
    worker.cancel(alarm: alarm)
    round += 1
    open = seeds.count
    let current = round
    if seeds.isEmpty { return found([]) }
    for (i, seed) in seeds.enumerated() {
      resolver.resolve(seed.name, port: seed.port, kind: seed.kind) { [weak self] answer in
        guard let self, current == round else { return }
        if case .success(let resolution) = answer { answers[i] = resolution.endpoints.map(\.address) }
        open -= 1
        if open == 0 { found(Array(answers.joined())) }
      }
    }
    let interval = isAlone() ? ClusterSeeds.restlessInterval : ClusterSeeds.restfulInterval
    alarm = worker.after(interval) { [weak self] in self?.ask(isAlone) }
  }
}
