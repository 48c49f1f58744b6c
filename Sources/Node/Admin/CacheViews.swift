// Owns: how the admin listener shows the response cache and what became of a purge, and the metrics made from the cache's figures when
// somebody asks. Pure: values in, response out.
import Cache
import Gateway
import Proxy
import Runtime

enum CacheViews {
  /// - Parameter hot: URIs that are asked for most.
  static func cache(_ view: CacheView, hot: [String] = []) -> JSONValue {
    let (report, memory) = (view.report, view.report.memory)
    let total = view.results.reduce(0) { $0 + $1.count }
    let hits = view.results.first { $0.name == "hit" }?.count ?? 0
    let evictions = [
      JSONMember("on_trial", JSONValue(memory.evictions.evictedSmall)), JSONMember("proved", JSONValue(memory.evictions.evictedMain)),
    ]
    let ram = [
      JSONMember("bytes", JSONValue(memory.bytes)), JSONMember("bytes_max", JSONValue(report.memoryBytesMax)),
      JSONMember("entries", JSONValue(memory.entries)), JSONMember("entry_bytes", JSONValue(memory.entryBytes)),
      JSONMember("retired_bytes", JSONValue(memory.retiredBytes)), JSONMember("evictions", .object(evictions)),
      JSONMember("refused_too_large", JSONValue(memory.refusedTooLarge)), JSONMember("refused_no_room", JSONValue(memory.refusedNoRoom)),
    ]
    let purges = [
      JSONMember("applied", JSONValue(report.purges.purges)), JSONMember("waiting", JSONValue(report.purges.waiting)),
      JSONMember("entries_removed", JSONValue(report.purges.removed)), JSONMember("entries_marked", JSONValue(report.purges.marked)),
      JSONMember("stores_overtaken", JSONValue(report.purges.overtaken)),
    ]
    return .object([
      JSONMember("ram", .object(ram)), JSONMember("disk", disk(report.disk)),
      JSONMember(
        "requests",
        .object([
          JSONMember("total", JSONValue(total)), JSONMember("hit_ratio", ratio(hits, of: total)),
          JSONMember("hit_ratio_memory", ratio(hits - min(hits, view.diskHits), of: total)),
          JSONMember("hit_ratio_disk", ratio(view.diskHits, of: total)),
          JSONMember("by_result", .object(view.results.map { JSONMember($0.name, JSONValue($0.count)) })),
        ])),
      JSONMember("fills_under_way", JSONValue(report.fills)), JSONMember("purges", .object(purges)),
      JSONMember("copies_waiting", JSONValue(report.copiesWaiting)),
      JSONMember("settled", .bool(report.isSettled)), JSONMember("hot_keys", .array(hot.map { .string($0) })),
    ])
  }

  private static func ratio(_ count: UInt64, of total: UInt64) -> JSONValue {
    total == 0 ? .null : JSONValue(Double(count) / Double(total))
  }

  private static func disk(_ standing: DiskStanding?) -> JSONValue {
    guard let standing else { return .null }
    let figures = standing.figures
    let looked = figures.hits + figures.misses
    return .object([
      JSONMember("on", .bool(standing.isOn)), JSONMember("reason", standing.reason.map { .string($0) } ?? .null),
      JSONMember("set_aside", standing.setAside.map { .string($0) } ?? .null),
      JSONMember("bytes", JSONValue(figures.bytes)), JSONMember("bytes_max", JSONValue(figures.bytesMax)),
      JSONMember("records_estimate", JSONValue(figures.recordsEstimate)), JSONMember("generations", JSONValue(figures.generations)),
      JSONMember("pending_bytes", JSONValue(figures.pendingBytes)), JSONMember("hits", JSONValue(figures.hits)),
      JSONMember("misses", JSONValue(figures.misses)),
      JSONMember("hit_ratio", looked == 0 ? .null : JSONValue(Double(figures.hits) / Double(looked))),
      JSONMember("late", JSONValue(figures.late)), JSONMember("damaged", JSONValue(figures.damaged)),
      JSONMember("stores", JSONValue(figures.stores)), JSONMember("stores_shed", JSONValue(figures.shed)),
      JSONMember("rescues", JSONValue(figures.rescues)), JSONMember("generations_dropped", JSONValue(figures.dropped)),
      JSONMember("broken_off", JSONValue(figures.broken)), JSONMember("faults", JSONValue(figures.faults)),
    ])
  }

  /// - Parameter report: nil where nothing was done, because too many purges wait.
  static func purged(_ purge: Purge, _ report: PurgeReport?) -> LocalResponse {
    guard let report else { return .message(503, "Too many purges wait already; try again.") }
    let (kind, text) = purge.description
    let what = JSONValue.object([JSONMember(kind, text.map { .string($0) } ?? .bool(true)), JSONMember("soft", .bool(purge.isSoft))])
    return AdminViews.response(
      .object([
        JSONMember("purged", what), JSONMember("id", .string(report.id)),
        JSONMember("applied", .array(report.applied.map { .string($0) })),
        JSONMember("awaited", .array(report.awaited.map { .string($0) })),
      ]))
  }

  static func families(_ view: CacheView) -> [MetricFamily] {
    let (report, memory) = (view.report, view.report.memory)
    func gauge(_ name: String, _ help: String, _ value: Int) -> MetricFamily {
      MetricFamily(name: name, help: help, kind: .gauge(.sum), series: [MetricSeries(labels: .none, value: .gauge(Int64(value)))])
    }
    func counter(_ name: String, _ help: String, _ value: UInt64) -> MetricFamily {
      MetricFamily(name: name, help: help, kind: .counter, series: [MetricSeries(labels: .none, value: .counter(value))])
    }
    let evictions = [("trial", memory.evictions.evictedSmall), ("proved", memory.evictions.evictedMain)].map {
      MetricSeries(labels: ["from": $0.0], value: .counter($0.1))
    }
    let purged = [("removed", report.purges.removed), ("marked", report.purges.marked)].map {
      MetricSeries(labels: ["effect": $0.0], value: .counter($0.1))
    }
    return DiskViews.families(report.disk) + [
      gauge("tidegate_cache_memory_bytes", "Memory of the cache's RAM tier.", memory.bytes),
      gauge("tidegate_cache_memory_entries", "Entries in the RAM tier.", memory.entries),
      MetricFamily(
        name: "tidegate_cache_evictions_total", help: "Entries that had to go for others, on trial or proved.", kind: .counter,
        series: evictions),
      MetricFamily(
        name: "tidegate_cache_memory_refused_total", help: "Responses that the RAM tier did not take, by why.", kind: .counter,
        series: [("too_large", memory.refusedTooLarge), ("no_room", memory.refusedNoRoom)].map {
          MetricSeries(labels: ["reason": $0.0], value: .counter($0.1))
        }),
      gauge("tidegate_cache_fills", "Fetches under way that other requests may follow.", report.fills),
      gauge("tidegate_cache_copies_waiting", "Offers of copies to other nodes that wait or are under way.", report.copiesWaiting),
      counter("tidegate_cache_purges_total", "Purges that were applied to this node.", report.purges.purges),
      gauge("tidegate_cache_purges_waiting", "Purges that wait for their sweep.", report.purges.waiting),
      MetricFamily(
        name: "tidegate_cache_purged_entries_total", help: "Entries that purges removed or marked stale.", kind: .counter, series: purged),
      counter(
        "tidegate_cache_stores_overtaken_total", "Responses that were not stored because a purge had overtaken them.",
        report.purges.overtaken),
    ]
  }
}
