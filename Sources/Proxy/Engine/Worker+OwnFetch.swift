// Requests of the gateway's own that no client stands behind: what a node tells another by itself. They go by the snapshot that is current.
import Glibc
import Runtime

extension Worker {
  /// As `fetch`, on behalf of nobody.
  /// - Parameters:
  ///   - upstream: the upstream's index in the current snapshot, whatever that is by now.
  /// - Returns: nil when the head does not parse, or nothing is served; the sink is then not called.
  @discardableResult
  public func fetchAlone(_ head: [UInt8], by plan: UnsafePointer<ForwardPlan>, pinned: UInt64, _ sink: ResponseSink) -> Fetch? {
    guard let live, Int(plan.pointee.upstream) < live.pointee.poolCount else { return nil }
    var head = head
    return head.withUnsafeMutableBufferPointer { text in
      let p = text.baseAddress!
      let limits = HeadLimits(targetBytesMax: 1 << 20, headBytesMax: 1 << 20, fieldsMax: 256)
      guard request.pointee.parseRequest(p, text.count, limits) == text.count else { return nil }
      let c = connections.take()
      c.pointee.role = .inner
      c.pointee.listener = -1
      c.pointee.isSecure = true
      setPeer(c, SocketAddress(ipv4: 0x7f00_0001, port: 0))
      c.pointee.sink = .passRetained(sink)
      let x = makeExchange(c, p, text.count, isInner: true)
      x.pointee.downstreamID = Worker.innerID
      x.pointee.minor = 1
      x.pointee.requestIsComplete = true
      x.pointee.requestEnded = true
      x.pointee.requestBody.begin(.none, length: 0)
      x.pointee.requestID = (random.next(), random.next())
      x.pointee.trace = x.pointee.requestID
      x.pointee.pinned = pinned
      x.pointee.plan = plan
      x.pointee.snapshot = live
      live.pointee.exchanges &+= 1
      let fetch = Fetch(exchange: x, serial: x.pointee.serial)
      _ = beginForward(x, p, 0)
      return fetch
    }
  }
}
