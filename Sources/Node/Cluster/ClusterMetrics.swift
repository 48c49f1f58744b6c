// Owns: the metrics of the cluster, made from the gossip loop's counts when somebody asks.
import Gossip
import Runtime

enum ClusterMetrics {
  static func families(_ view: ClusterView?) -> [MetricFamily] {
    guard let status = view?.status else { return [] }
    func counter(_ name: String, _ help: String, _ value: Int) -> MetricFamily {
      MetricFamily(
        name: name, help: help, kind: .counter, series: [MetricSeries(labels: .none, value: .counter(UInt64(clamping: value)))])
    }
    func gauge(_ name: String, _ help: String, _ value: Int) -> MetricFamily {
      MetricFamily(name: name, help: help, kind: .gauge(.sum), series: [MetricSeries(labels: .none, value: .gauge(Int64(value)))])
    }
    let counts = status.counts
    return [
      members(status), roundTrips(status), dropped(status), datagrams(status), bytes(status),
      counter("tidegate_gossip_probes_total", "Members that were pinged to see whether they live.", counts.probes),
      counter("tidegate_gossip_probes_failed_total", "Probes without an answer, directly or through others.", counts.probesFailed),
      counter("tidegate_gossip_probes_indirect_total", "Probes for which others were asked.", counts.probesThroughHelpers),
      counter("tidegate_gossip_suspicions_total", "Suspicions that began.", counts.suspicions),
      counter("tidegate_gossip_deaths_total", "Members that were taken for dead.", counts.deaths),
      counter("tidegate_gossip_refutations_total", "Times this node had to say that it lives.", counts.refutations),
      counter("tidegate_gossip_exchanges_total", "Whole views exchanged.", counts.exchanges),
      counter("tidegate_gossip_wakeups_late_total", "Times this node did not run when it should have.", counts.wakeupsLate),
      counter("tidegate_gossip_streams_failed_total", "Exchanges that did not come to an end.", status.streamsFailed),
      counter("tidegate_gossip_streams_refused_total", "Exchanges that this node refused.", status.streamsRefused),
      counter("tidegate_gossip_fact_exchanges_total", "Times this node asked another for shared facts.", status.facts.counts.exchanges),
      counter(
        "tidegate_gossip_fact_exchanges_failed_total", "Such questions without a whole answer.", status.facts.counts.exchangesFailed),
      counter(
        "tidegate_gossip_writes_lost_total", "Writes of this node overtaken by others that had not seen them.",
        status.facts.counts.writesLost),
      counter("tidegate_gossip_facts_malformed_total", "Shared facts that could not be read.", status.facts.counts.malformed),
      counter("tidegate_gossip_resyncs_total", "Times purges were missed that nobody could tell any more.", status.facts.counts.resyncs),
      counter(
        "tidegate_gossip_stamps_refused_total", "Facts stamped too far ahead of this node's time.",
        Int(clamping: status.facts.stampsRefused)),
      gauge("tidegate_gossip_verdicts", "Verdicts on endpoints that this node knows.", status.facts.verdicts),
      gauge("tidegate_gossip_ticket_keys", "Keys of TLS session tickets that the cluster shares.", status.facts.ticketKeys),
      gauge("tidegate_cluster_definitions_differ", "Live members that serve other definitions than this node.", differing(status)),
      gauge("tidegate_gossip_health_score", "How much this node doubts itself: 0 is well, 8 the most.", status.healthScore),
    ]
  }

  private static func differing(_ status: GossipStatus) -> Int {
    let own = status.members.first { $0.isSelf }?.record.revision
    return status.members.count { $0.state == .alive && $0.record.revision != own }
  }

  private static func members(_ status: GossipStatus) -> MetricFamily {
    let series = MemberState.allCases.map { state in
      MetricSeries(labels: ["state": state.word], value: .gauge(Int64(status.members.count { $0.state == state })))
    }
    return MetricFamily(
      name: "tidegate_cluster_members", help: "Nodes in this node's view, itself included.", kind: .gauge(.sum), series: series)
  }

  private static func roundTrips(_ status: GossipStatus) -> MetricFamily {
    let series = status.members.compactMap { member in
      member.roundTrip.map { MetricSeries(labels: ["member": member.record.name], value: .gauge(Int64($0 / 1_000))) }
    }
    return MetricFamily(
      name: "tidegate_gossip_round_trip_microseconds", help: "Smoothed time of a probe and its answer.", kind: .gauge(.sum), series: series)
  }

  private static func dropped(_ status: GossipStatus) -> MetricFamily {
    let series = PacketRefusal.Reason.allCases.map {
      MetricSeries(labels: ["reason": $0.label], value: .counter(status.refusals[$0]))
    }
    return MetricFamily(
      name: "tidegate_gossip_packets_dropped_total", help: "Datagrams that were not taken, by reason.", kind: .counter, series: series)
  }

  private static func datagrams(_ status: GossipStatus) -> MetricFamily {
    directions("tidegate_gossip_datagrams_total", "Datagrams.", status.datagrams.received, status.datagrams.sent)
  }

  private static func bytes(_ status: GossipStatus) -> MetricFamily {
    directions("tidegate_gossip_bytes_total", "Bytes of datagrams.", status.datagrams.receivedBytes, status.datagrams.sentBytes)
  }

  private static func directions(_ name: String, _ help: String, _ received: UInt64, _ sent: UInt64) -> MetricFamily {
    MetricFamily(
      name: name, help: help, kind: .counter,
      series: [
        MetricSeries(labels: ["direction": "in"], value: .counter(received)),
        MetricSeries(labels: ["direction": "out"], value: .counter(sent)),
      ])
  }
}
