import Foundation
import Gossip
import Runtime
import Testing

@testable import Node
@testable import Proxy

@Suite("The cluster on the admin listener")
struct ClusterViewsTests {
  @Test func membersAreListedWithThisNodeFirst() throws {
    let page = try AdminFixture().get("/members").json()
    #expect(page["cluster"] == "shop")
    let members = page["members"]?.arrayValue ?? []
    #expect(members.compactMap { $0["name"]?.stringValue } == ["edge-1", "edge-2", "edge-3"])
    #expect(members.compactMap { $0["state"]?.stringValue } == ["alive", "alive", "dead"])
    #expect(members[0]["self"] == true && members[1]["draining"] == true)
    #expect(members[1]["peer"] == "127.0.0.1:7002" && members[1]["rtt_ms"] == 0.25)
  }

  @Test func membersAreATableInText() {
    let lines = AdminFixture().get("/members?format=text").text.split(separator: "\n")
    #expect(lines.count == 4 && lines[0].hasPrefix("NAME    STATE"))
    #expect(lines[2].hasPrefix("edge-2  alive, draining  127.0.0.1:7002  a"))
  }

  @Test func aNodeThatStandsAloneListsItself() throws {
    let fixture = AdminFixture()
    fixture.source.view = nil
    let page = try fixture.get("/members").json()
    #expect(page["members"]?.arrayValue?.count == 1)
    #expect(page["members"]?.arrayValue?.first?["state"] == "alive")
    #expect(fixture.get("/members?format=text").text.contains("edge-1"))
    #expect(fixture.response(.change("/leave")).status == 409)
  }

  @Test func theRingNamesThoseThatArePresentInRankOrder() throws {
    let fixture = AdminFixture()
    var firsts: [String] = []
    for key in 0..<200 {
      let nodes = try fixture.get("/ring?key=k%20\(key)").json()["nodes"]?.arrayValue?.compactMap(\.stringValue) ?? []
      #expect(nodes.sorted() == ["edge-1", "edge-2"])
      firsts.append(nodes[0])
    }
    #expect(firsts.count { $0 == "edge-1" } > 60 && firsts.count { $0 == "edge-2" } > 60)
    #expect(try fixture.get("/ring?key=k%20%2f").json()["key"] == "k /")
    #expect(fixture.get("/ring").status == 400 && fixture.get("/ring?key=").status == 400)
  }

  @Test func keysAreShownByTheirIdsOnly() throws {
    let keys = try AdminFixture().get("/keys").json()["keys"]?.arrayValue ?? []
    #expect(keys.compactMap { $0["id"]?.stringValue } == ["0a0b0c0d", "01020304"])
    #expect(keys.compactMap { $0["seals"]?.boolValue } == [true, false])
  }

  @Test func metricsNameEveryReasonToDropAPacket() {
    let text = AdminFixture().get("/metrics").text
    for reason in PacketRefusal.Reason.allCases {
      #expect(text.contains("tidegate_gossip_packets_dropped_total{reason=\"\(reason.label)\"} 0"))
    }
    #expect(text.contains("tidegate_cluster_members{state=\"dead\"} 1"))
    #expect(text.contains("tidegate_gossip_round_trip_microseconds{member=\"edge-2\"} 250"))
  }
}

/// A folder that goes with the value.
private final class TemporaryFolder {
  let path: String

  init() {
    var template = Array("/tmp/tidegate-identity-XXXXXX".utf8CString)
    path = mkdtemp(&template).map { String(cString: $0) } ?? ""
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func write(_ name: String, _ text: String) { _ = FileManager.default.createFile(atPath: path + "/" + name, contents: Data(text.utf8)) }
}

@Suite("A node's identity")
struct NodeIdentityTests {
  @Test func itLastsAndItsGenerationGrows() throws {
    let folder = TemporaryFolder()
    var last: UInt64 = 0
    for start in 1...3 {
      let identity = try NodeIdentity(folder: folder.path + "/data", fresh: UInt64(start), wall: WallTime(secondsSinceEpoch: 1_000))
      #expect(identity.id == MemberID(1) && identity.generation > last)
      last = identity.generation
    }
    let later = try NodeIdentity(folder: folder.path + "/data", fresh: 9, wall: WallTime(secondsSinceEpoch: 2_000_000))
    #expect(later.generation == 2_000_000_000, "a clock that is ahead of the count leads")
  }

  @Test func twoNodesCannotShareIt() throws {
    let folder = TemporaryFolder()
    let first = try NodeIdentity(folder: folder.path, fresh: 1, wall: .zero)
    #expect(throws: NodeIdentity.Fault.self) { _ = try NodeIdentity(folder: folder.path, fresh: 2, wall: .zero) }
    withExtendedLifetime(first) {}
  }

  @Test func aDamagedFileIsSaidAndNotReplaced() throws {
    let folder = TemporaryFolder()
    folder.write("identity", "nonsense")
    #expect(throws: NodeIdentity.Fault.self) { _ = try NodeIdentity(folder: folder.path, fresh: 2, wall: .zero) }
  }
}
