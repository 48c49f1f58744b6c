// Scenarios whose figures bench-gossip shows: deaths that are found, deaths that are none, parts that heal, bytes.
import Gossip
import Runtime

private let second: UInt64 = 1_000_000_000

/// Figures of one scenario; times in nanoseconds.
public struct ScenarioFigures: Sendable {
  /// How long each death, or each convergence, took; sorted.
  public var times: [UInt64] = []
  /// Members that ran and were declared dead, by anybody, counted once per death and member.
  public var falseDeaths = 0
  /// The longest time for which such a member was missing from a view.
  public var longestMissing: UInt64 = 0
  /// Deaths of members that were frozen at the time or had just been.
  public var deathsOfFrozen = 0
  public var bytesPerNodeSecond = 0.0
  public var datagramsPerNodeSecond = 0.0

  public init() {}

  /// The value below which a share of the times lies.
  public func quantile(_ share: Double) -> UInt64 {
    times.isEmpty ? .max : times[min(Int((Double(times.count) * share).rounded(.up)) - 1, times.count - 1)]
  }
}

extension Simulation {
  /// A cluster that has come together and has had time to learn its distances.
  public static func settled(
    seed: UInt64, nodes: Int, options: MembershipOptions = .init(), links: LinkOptions = .init(), prepare: (Simulation) -> Void = { _ in }
  ) -> Simulation {
    let s = Simulation(seed: seed, nodes: nodes, options: options)
    s.network.links = links
    s.network.links.lossPerMille = 0
    prepare(s)
    s.startAll()
    precondition(s.run(atMost: 120 * second, every: 100_000_000) { $0.agrees } != nil, "seed \(seed): \(nodes) nodes never came together")
    s.network.links = links
    s.run(10 * second)
    return s
  }

  /// kill -9 of one member after the other, or of several at once: how long until they are dead in every view.
  public static func kills(seed: UInt64, nodes: Int, count: Int, atOnce: Int = 1, links: LinkOptions) -> ScenarioFigures {
    var figures = ScenarioFigures()
    let s = settled(seed: seed, nodes: nodes, links: links)
    for _ in 0..<count {
      let first = Int(s.draw(UInt64(nodes)))
      let victims = (0..<atOnce).map { (first + $0) % nodes }
      for victim in victims { s.kill(victim) }
      figures.times.append(s.run(atMost: 60 * second, every: 1_000_000) { s in victims.allSatisfy { s.isGone($0) } } ?? .max)
      s.run(s.draw(second))
      for victim in victims { s.start(victim) }
      precondition(s.run(atMost: 60 * second) { $0.agrees } != nil, "seed \(seed): nodes \(victims) did not come back")
      s.run(2 * second)
    }
    figures.times.sort()
    return figures
  }

  /// One node is cut off from all others: how long until it sees nobody and nobody sees it.
  public static func isolations(seed: UInt64, nodes: Int, count: Int, links: LinkOptions) -> ScenarioFigures {
    var figures = ScenarioFigures()
    let s = settled(seed: seed, nodes: nodes, links: links)
    for _ in 0..<count {
      let alone = Int(s.draw(UInt64(nodes)))
      s.network.part { $0 == alone ? 0 : 1 }
      let others = s.nodes.indices.filter { $0 != alone }
      figures.times.append(s.run(atMost: 60 * second) { $0.agree([alone]) && $0.agree(others) } ?? .max)
      s.network.heal()
      precondition(s.run(atMost: 60 * second) { $0.agrees } != nil, "seed \(seed): node \(alone) did not come back")
      s.run(3 * second)
    }
    figures.times.sort()
    return figures
  }

  /// `duration` with loss on every link, some nodes frozen now and then for 0.3 to 2 s; nobody dies.
  public static func unrest(seed: UInt64, nodes: Int, frozen: Int, duration: UInt64, links: LinkOptions) -> ScenarioFigures {
    var figures = ScenarioFigures()
    let s = settled(seed: seed, nodes: nodes, links: links)
    var frozenUntil = Array(repeating: UInt64(0), count: nodes)
    func freeze(_ i: Int, _ s: Simulation) {
      s.after(second + s.draw(4 * second)) { s in
        let pause = 300_000_000 + s.draw(1_700_000_000)
        s.pause(i)
        frozenUntil[i] = .max
        s.after(pause) { s in
          s.resume(i)
          frozenUntil[i] = s.now
          freeze(i, s)
        }
      }
    }
    for i in 0..<frozen { freeze(i * nodes / max(frozen, 1), s) }
    let end = s.now + duration
    var missingSince: [UInt64?] = Array(repeating: nil, count: nodes)
    while s.now < end {
      s.run(100_000_000)
      for i in s.nodes.indices {
        // A death that was found while its member did not run is none of a healthy member; what it takes to come back is not either.
        let isMissing = s.upIndices.contains { $0 != i && s.nodes[$0].membership?[s.nodes[i].id]?.state == .dead }
        let wasFrozen = frozenUntil[i] == .max || frozenUntil[i] + 5 * second > s.now && frozenUntil[i] != 0
        if isMissing {
          if missingSince[i] == nil {
            missingSince[i] = s.now
            if wasFrozen { figures.deathsOfFrozen += 1 } else { figures.falseDeaths += 1 }
          }
          if !wasFrozen { figures.longestMissing = max(figures.longestMissing, s.now - missingSince[i]!) }
        } else {
          missingSince[i] = nil
        }
      }
    }
    for i in s.nodes.indices { s.resume(i) }
    s.network.links.lossPerMille = 0
    figures.times = [s.run(atMost: 60 * second) { $0.agrees } ?? .max]
    return figures
  }

  /// Packets from one side do not reach the other for a while, or none do in either direction: how long until all are of one mind again.
  public static func partition(seed: UInt64, nodes: Int, oneWay: Bool, lasting: UInt64, links: LinkOptions) -> ScenarioFigures {
    var figures = ScenarioFigures()
    let s = settled(seed: seed, nodes: nodes, links: links)
    let small = Set((0..<nodes).filter { _ in s.draw(3) == 0 })
    for a in 0..<nodes {
      for b in 0..<nodes where small.contains(a) != small.contains(b) && (!oneWay || small.contains(a)) { s.network.block(from: a, to: b) }
    }
    s.run(lasting)
    s.network.heal()
    figures.times = [s.run(atMost: 120 * second) { $0.agrees } ?? .max]
    return figures
  }

  /// What a cluster in which nothing happens sends.
  public static func idle(seed: UInt64, nodes: Int, duration: UInt64) -> ScenarioFigures {
    let s = settled(seed: seed, nodes: nodes)
    s.run(20 * second)
    let before = s.nodes.reduce((0, 0)) { ($0.0 + $1.bytesSent, $0.1 + $1.datagramsSent) }
    s.run(duration)
    let after = s.nodes.reduce((0, 0)) { ($0.0 + $1.bytesSent, $0.1 + $1.datagramsSent) }
    var figures = ScenarioFigures()
    let nodeSeconds = Double(nodes) * Double(duration) / 1e9
    figures.bytesPerNodeSecond = Double(after.0 - before.0) / nodeSeconds
    figures.datagramsPerNodeSecond = Double(after.1 - before.1) / nodeSeconds
    return figures
  }
}
