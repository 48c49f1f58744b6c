// Another node is gone that need not have broken its connections: one that is frozen, or cut off, keeps them open for as long as nobody
// looks. Who is believed to live is said from outside.
import Runtime

extension Worker {
  /// Fails the exchanges that are for one endpoint alone and wait for it.
  /// - Parameter begun: also those whose response has begun, which their clients then see break off.
  public func lose(endpoint id: UInt64, begun: Bool) {
    var lost: [(ExchangeRef, UInt64)] = []
    exchanges.forEach { x in
      guard x.pointee.pinned == id, x.pointee.upstream != nil || x.pointee.isWaiting else { return }
      if begun || !x.pointee.responseHeadSent { lost.append((x, x.pointee.serial)) }
    }
    // Each may answer others, and so end some of them.
    for (x, serial) in lost where x.pointee.serial == serial { fail(x, .upstreamReset) }
  }
}
