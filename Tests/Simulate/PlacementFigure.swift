// The figure of placement: how evenly keys lie on nodes, and which of them move when a node joins or dies. Keys, nodes and score are
// those of the cache; every thousandth key is asked of its own placement besides.
import ArgumentParser
import Cache
import Gateway
import Runtime

struct Placement: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Places keys on 3 to 50 nodes: peak/average, and keys moved beyond a dead node's.")
  @Option(help: "How many keys.") var keys = 4_000_000
  @Option(help: "Draws the nodes.") var seed: UInt64 = 9_111
  @Option(help: "The largest cluster.") var nodes = 50

  private static let peakMax = 1.03
  private static let nodesMin = 3

  func run() throws {
    guard nodes >= Placement.nodesMin, keys >= 1_000 else { throw ValidationError("at least three nodes and a thousand keys") }
    var random = SeededRandom(seed: seed)
    let members = (0..<nodes).map { i in
      CacheMember(name: "n\(i)", node: StableHash.avalanche(random.next()), weight: 1, endpoint: UInt64(i + 1))
    }
    let hashes = (0..<keys).map { i in Array(Placement.uri(i).utf8).withUnsafeBytes { CacheKeyHash($0).high } }
    var best = [Double](repeating: -1, count: keys)
    var owner = [UInt8](repeating: 0, count: keys)
    var worst = (peak: 0.0, nodes: 0)
    var moved = 0
    var disagreements = 0
    for n in 1...nodes {
      // One more node: it takes what it scores highest for.
      for k in 0..<keys {
        let score = rendezvousScore(key: hashes[k], node: members[n - 1].node, weight: 1)
        if score > best[k] { (best[k], owner[k]) = (score, UInt8(n - 1)) }
      }
      if n < Placement.nodesMin { continue }
      let peak = Placement.peak(owner, of: n)
      if peak > worst.peak { worst = (peak, n) }
      disagreements += disagreement(owner, Array(members[..<n]))
      moved += movedBeyond(Int(random.next() % UInt64(n)), owner, hashes, Array(members[..<n]))
    }
    say("placement: \(keys) keys, 3 to \(nodes) nodes, seed \(seed)")
    judge("peak/average \(Placement.rounded(worst.peak)) (\(worst.nodes) nodes)", "<= 1.03", worst.peak <= Placement.peakMax)
    judge("keys moved beyond the dead node's: \(moved)", "0", moved == 0)
    judge("keys that the cache places elsewhere: \(disagreements)", "0", disagreements == 0)
    if worst.peak > Placement.peakMax || moved + disagreements > 0 { throw ExitCode(1) }
  }

  private func judge(_ text: String, _ bar: String, _ holds: Bool) { say("\(text); \(bar): \(holds ? "holds" : "MISSED")") }

  private static func uri(_ i: Int) -> String { "https://shop.example/products/\(i)" }
  private static func rounded(_ value: Double) -> Double { (value * 10_000).rounded() / 10_000 }

  private static func peak(_ owner: [UInt8], of nodes: Int) -> Double {
    var owned = [Int](repeating: 0, count: nodes)
    for node in owner { owned[Int(node)] += 1 }
    return Double(owned.max()!) * Double(nodes) / Double(owner.count)
  }

  /// Keys that change their owner though another node died.
  private func movedBeyond(_ dead: Int, _ owner: [UInt8], _ hashes: [UInt64], _ members: [CacheMember]) -> Int {
    var moved = 0
    for k in 0..<keys {
      var (best, now) = (-1.0, 0)
      for i in members.indices where i != dead {
        let score = rendezvousScore(key: hashes[k], node: members[i].node, weight: 1)
        if score > best { (best, now) = (score, i) }
      }
      if Int(owner[k]) != dead && now != Int(owner[k]) { moved += 1 }
    }
    return moved
  }

  private func disagreement(_ owner: [UInt8], _ members: [CacheMember]) -> Int {
    let placement = CachePlacement(members, me: 0)
    return stride(from: 0, to: keys, by: 1_000).count { k in
      placement.rank(Array(Placement.uri(k).utf8), count: 1)[0].name != "n\(owner[k])"
    }
  }
}
