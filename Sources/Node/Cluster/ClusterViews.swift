// Owns: how the admin listener shows the cluster. Pure: values in, response out.
import Gossip
import Proxy
import Runtime

enum ClusterViews {
  // MARK: members

  static func members(_ identity: AdminIdentity, _ view: ClusterView?, _ format: AdminFormat) -> LocalResponse {
    let members = sorted(view)
    switch format {
    case .json:
      guard let view else { return AdminViews.response(.object([JSONMember("members", .array([alone(identity)]))])) }
      return AdminViews.response(
        .object([JSONMember("cluster", .string(view.name)), JSONMember("members", .array(members.map(member)))]))
    case .text:
      let rows =
        view == nil
        ? [[identity.name, "alive", "-", "-", "-", identity.version, "self"]]
        : members.map { row($0, own: members.first { $0.isSelf }?.record.revision) }
      return LocalResponse(text: table([["NAME", "STATE", "PEER", "ZONE", "RTT", "BUILD", ""]] + rows))
    }
  }

  /// This node first, the others by name.
  private static func sorted(_ view: ClusterView?) -> [MemberStatus] {
    (view?.status.members ?? []).sorted {
      $0.isSelf != $1.isSelf ? $0.isSelf : ($0.record.name, $0.id) < ($1.record.name, $1.id)
    }
  }

  private static func alone(_ identity: AdminIdentity) -> JSONValue {
    .object([
      JSONMember("name", .string(identity.name)), JSONMember("state", "alive"), JSONMember("self", true),
      JSONMember("build", .string(identity.version)),
    ])
  }

  private static func member(_ member: MemberStatus) -> JSONValue {
    func text(_ address: SocketAddress?) -> JSONValue { address.map { .string($0.description) } ?? .null }
    return .object([
      JSONMember("name", .string(member.record.name)), JSONMember("state", .string(member.state.word)),
      JSONMember("self", .bool(member.isSelf)), JSONMember("id", .string(member.id.description)),
      JSONMember("peer", text(member.record.peer)), JSONMember("client", text(member.record.client)),
      JSONMember("admin", text(member.record.admin)), JSONMember("zone", .string(member.record.zone)),
      JSONMember("weight", JSONValue(Double(member.record.weightPercent) / 100)), JSONMember("build", .string(member.record.build)),
      JSONMember("draining", .bool(member.record.isDraining)),
      JSONMember("definitions", .string(ClusterViews.hexadecimal(member.record.revision))),
      JSONMember("generation", JSONValue(member.version.generation)),
      JSONMember("incarnation", JSONValue(Int(member.version.incarnation))),
      JSONMember("state_seconds", member.stateAge.map { JSONValue(Double($0 / 1_000_000) / 1_000) } ?? .null),
      JSONMember("rtt_ms", member.roundTrip.map { JSONValue(Double($0 / 1_000) / 1_000) } ?? .null),
    ])
  }

  private static func hexadecimal(_ number: UInt64) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// - Parameter own: what this node serves; whoever serves something else is marked.
  private static func row(_ member: MemberStatus, own: UInt64?) -> [String] {
    let isOther = member.state == .alive && own != nil && member.record.revision != own
    let trip = member.roundTrip.map { "\(Double($0 / 1_000) / 1_000) ms" } ?? "-"
    return [
      member.record.name, member.state.word + (member.record.isDraining ? ", draining" : "") + (isOther ? ", other definitions" : ""),
      member.record.peer.description,
      member.record.zone.isEmpty ? "-" : member.record.zone, trip, member.record.build, member.isSelf ? "self" : "",
    ]
  }

  /// Columns as wide as their widest cell.
  private static func table(_ rows: [[String]]) -> String {
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      var line = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined(separator: "  ")
      while line.last == " " { line.removeLast() }
      return line + "\n"
    }.joined()
  }

  // MARK: ring

  /// The members that take new work, in the rank order of a key by weighted rendezvous hashing.
  static func owners(of key: String, among members: [MemberStatus]) -> [MemberStatus] {
    let hash = StableHash.hash(key)
    let ranked = members.filter { $0.state == .alive || $0.state == .suspect }.map {
      (member: $0, score: rendezvousScore(key: hash, node: $0.id.value, weight: Double(max($0.record.weightPercent, 1)) / 100))
    }
    return ranked.sorted { ($0.score, $1.member.id) > ($1.score, $0.member.id) }.map(\.member)
  }

  static func ring(key: String, _ identity: AdminIdentity, _ view: ClusterView?, _ format: AdminFormat) -> LocalResponse {
    let names = view.map { owners(of: key, among: $0.status.members).map(\.record.name) } ?? [identity.name]
    switch format {
    case .json:
      return AdminViews.response(
        .object([JSONMember("key", .string(key)), JSONMember("nodes", .array(names.map { .string($0) }))]))
    case .text: return LocalResponse(text: names.map { $0 + "\n" }.joined())
    }
  }

  // MARK: keys

  static func keys(_ view: ClusterView?, _ format: AdminFormat) -> LocalResponse {
    let keys = view?.keys ?? []
    let list = keys.enumerated().map { i, id in JSONValue.object([JSONMember("id", .string(id)), JSONMember("seals", .bool(i == 0))]) }
    switch format {
    case .json: return AdminViews.response(.object([JSONMember("keys", .array(list))]))
    case .text: return LocalResponse(text: keys.enumerated().map { i, id in id + (i == 0 ? " seals\n" : "\n") }.joined())
    }
  }
}

extension MemberState {
  /// As operators read it.
  var word: String {
    switch self {
    case .alive: "alive"
    case .suspect: "suspect"
    case .dead: "dead"
    case .left: "left"
    }
  }
}
