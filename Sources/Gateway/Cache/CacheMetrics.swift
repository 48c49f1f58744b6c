// What the cache counts, each worker in its own cells: what became of requests, by the words of Cache-Status.
import Cache
import Proxy
import Runtime

/// Handles of the cache's metrics.
public struct CacheMetrics: Sendable {
  /// What became of questions to other nodes.
  public enum PeerEvent: Int, CaseIterable, Sendable {
    case peerAnswered, peerFailed
  }

  /// What became of copies that other nodes were told of.
  public enum CopyEvent: Int, CaseIterable, Sendable {
    case taken, refused, shed
  }

  private let peers: [CounterHandle]
  private let copies: [CounterHandle]
  private let questions: [CounterHandle]
  private let hits: CounterHandle
  /// Of the hits, those from disk.
  public let diskHits: CounterHandle
  private let refused: CounterHandle
  /// In the order of `CacheStatusLine.Forward.allCases`.
  private let forwards: [CounterHandle]

  public init(_ registry: MetricRegistry) {
    func counter(_ result: String) -> CounterHandle {
      let name = "tidegate_cache_requests_total"
      let help = "Requests of routes with a cache, by what it did: hit, or why it asked the origin (RFC 9211)."
      do { return try registry.counter(name, help: help, labels: MetricLabels([(name: "result", value: result)])) } catch {
        preconditionFailure("\(name): \(error)")
      }
    }
    peers = ["answered", "failed"].map { result in
      let name = "tidegate_cache_peer_requests_total"
      let help = "Requests handed to the node that owns their key, by whether it answered."
      do { return try registry.counter(name, help: help, labels: MetricLabels([(name: "result", value: result)])) } catch {
        preconditionFailure("\(name): \(error)")
      }
    }
    copies = CopyEvent.allCases.map { event in
      let name = "tidegate_cache_copies_total"
      let help = "What other nodes were told of to keep copies or to drop them, by whether they did; shed: not told, too much waited."
      do { return try registry.counter(name, help: help, labels: MetricLabels([(name: "result", value: "\(event)")])) } catch {
        preconditionFailure("\(name): \(error)")
      }
    }
    questions = ["answered", "refused", "aborted"].map { result in
      let name = "tidegate_cache_peer_questions_total"
      let help = "Questions of other nodes, by what became of them: refused are those that another node has to answer."
      do { return try registry.counter(name, help: help, labels: MetricLabels([(name: "result", value: result)])) } catch {
        preconditionFailure("\(name): \(error)")
      }
    }
    let name = "tidegate_cache_disk_hits_total"
    do { diskHits = try registry.counter(name, help: "Hits that were answered from the disk tier; all others were in RAM.") } catch {
      preconditionFailure("\(name): \(error)")
    }
    hits = counter("hit")
    refused = counter("only-if-cached")
    forwards = CacheStatusLine.Forward.allCases.map { counter("\($0.token)") }
  }

  func note(_ event: CopyEvent, _ worker: Worker) { worker.cells.add(copies[event.rawValue], 1) }
  /// What became of another node's question that has ended here.
  func note(answered exchange: ExchangeRef, _ worker: Worker) {
    let result = !exchange.isComplete ? 2 : Int(exchange.pointee.status) == Fault.misdirected.status.code ? 1 : 0
    worker.cells.add(questions[result], 1)
  }

  func note(_ event: PeerEvent, _ worker: Worker) { worker.cells.add(peers[event.rawValue], 1) }

  /// What became of requests, by the words of the metric.
  public var results: [(name: String, counter: CounterHandle)] {
    let reasons = zip(CacheStatusLine.Forward.allCases, forwards).map { (name: "\($0.token)", counter: $1) }
    return [(name: "hit", counter: hits)] + reasons + [(name: "only-if-cached", counter: refused)]
  }

  func cell(_ outcome: CacheStatusLine.Outcome) -> CounterHandle {
    switch outcome {
    case .hit: hits
    case .none: refused
    case .fwd(let reason): forwards[CacheStatusLine.Forward.allCases.firstIndex(of: reason)!]
    }
  }
}
