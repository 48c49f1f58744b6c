// Owns: the metrics of the cache's disk tier. Pure: values in, families out.
import Cache
import Gateway
import Runtime

enum DiskViews {
  /// None where nothing is kept on disk.
  static func families(_ standing: DiskStanding?) -> [MetricFamily] {
    guard let standing else { return [] }
    let figures = standing.figures
    func gauge(_ name: String, _ help: String, _ value: Int) -> MetricFamily {
      MetricFamily(name: name, help: help, kind: .gauge(.sum), series: [MetricSeries(labels: .none, value: .gauge(Int64(value)))])
    }
    func counter(_ name: String, _ help: String, _ value: UInt64) -> MetricFamily {
      MetricFamily(name: name, help: help, kind: .counter, series: [MetricSeries(labels: .none, value: .counter(value))])
    }
    let lookups = [("hit", figures.hits), ("miss", figures.misses)].map {
      MetricSeries(labels: ["result": $0.0], value: .counter($0.1))
    }
    return [
      gauge("tidegate_cache_disk_on", "Whether the cache's disk tier serves: 1 or 0.", standing.isOn ? 1 : 0),
      gauge("tidegate_cache_disk_bytes", "Files of the cache's disk tier, as last measured.", Int(clamping: figures.bytes)),
      gauge(
        "tidegate_cache_disk_entries", "Records in the disk tier, as its database estimates them.", Int(clamping: figures.recordsEstimate)),
      gauge("tidegate_cache_disk_pending_bytes", "Bytes that wait to be written to the disk tier.", figures.pendingBytes),
      MetricFamily(
        name: "tidegate_cache_disk_lookups_total", help: "Lookups in the disk tier, by their result.", kind: .counter, series: lookups),
      counter("tidegate_cache_disk_late_total", "Lookups that missed since the disk was too slow.", figures.late),
      counter("tidegate_cache_disk_stores_total", "Responses written to the disk tier.", figures.stores),
      counter("tidegate_cache_disk_shed_total", "Responses not written to the disk tier since too much waited.", figures.shed),
      counter("tidegate_cache_disk_evictions_total", "Generations of the disk tier that were dropped for room.", figures.dropped),
      counter("tidegate_cache_disk_damaged_total", "Records of the disk tier that did not hold what they say.", figures.damaged),
      counter("tidegate_cache_disk_faults_total", "Times that the disk tier was turned off by a fault.", figures.faults),
    ]
  }
}
