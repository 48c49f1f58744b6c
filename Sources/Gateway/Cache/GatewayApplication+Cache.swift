// The cache's step of a request: a plain hit is answered at once, from memory and without allocating; everything else is held.
import Cache
import Glibc
import Proxy
import Runtime

extension GatewayApplication {
  @inline(__always)
  func decide(
    _ request: RequestView, _ plan: CachePlan, _ forward: UnsafePointer<ForwardPlan>, _ question: PeerQuestion?
  ) -> Step {
    let service = cache!
    let method = request.knownMethod
    guard method == .get || method == .head, request.isPlain, !request.namesFields else {
      return question == nil ? passUncached(request, service, forward) : .fault(.misdirected)
    }
    let part = service.part(of: request.worker)
    write(request, plan, question, to: part)
    if plan.isPlain && !request.hasCachingFields, let answer = part.hit(service, request.worker) { return .stored(answer) }
    let reply = request.hold()
    CacheRequest(service, plan, forward, reply, key: part.key, isHead: method == .head, question: question).begin()
    return .held
  }

  private func write(_ request: RequestView, _ plan: CachePlan, _ question: PeerQuestion?, to part: CacheWorker) {
    let fields = plan.caching.key.headers.isEmpty ? nil : HeadFields(head: request.wholeHead)
    CacheKey.write(
      into: &part.key, scheme: question?.isSecure ?? request.isSecure ? .https : .http, authority: request.authority.bytes,
      path: request.path.bytes,
      query: request.query.bytes, method: .get, request: fields, rules: plan.caching.key,
      listenerPort: question?.listenerPort ?? request.listenerPort)
  }

  /// Methods that nothing is stored for: their responses may make something stale (RFC 9111 §4.4).
  @inline(never)
  private func passUncached(_ request: RequestView, _ service: CacheService, _ forward: UnsafePointer<ForwardPlan>) -> Step {
    let isMethod = request.knownMethod != .get && request.knownMethod != .head
    let line = CacheStatusLine(.fwd(isMethod ? .method : .bypass))
    service.note(line, request.worker)
    CacheRequest.lines(line).withUnsafeBytes { request.add($0) }
    if isMethod { request.watchResponse() }
    return .forward(forward)
  }
}

/// SAFETY: `lines` has room for what is written: a Cache-Status of at most `CacheStatusLine.bytesMax` bytes, an age of 20 digits, 30 more.
extension CacheWorker {
  /// Answers with what memory has under the key just written, where a glance at it is enough.
  @inline(__always)
  func hit(_ service: CacheService, _ worker: Worker) -> StoredAnswer? {
    guard let entry = key.withUnsafeBytes({ reader.find(service.hash($0), $0) }) else { return nil }
    let packed = entry.terms
    let now = service.now
    if packed.freshUntil <= now || entry.isMarkedStale || !isAllowed(now) { return nil }
    let terms = CacheTerms(packed)
    let line = CacheStatusLine(.hit, ttl: terms.remaining(now), detail: "memory")
    var n = CacheWorker.put("Cache-Status: ", lines, 0)
    n += line.write(to: lines + n)
    n = CacheWorker.put("\r\nAge: ", lines, n)
    n = CacheWorker.put(UInt64(max(0, terms.age(now))), lines, n)
    n = CacheWorker.put("\r\n", lines, n)
    service.note(line, worker)
    let (head, body) = (entry.head, entry.body)
    let start = head.baseAddress!.assumingMemoryBound(to: UInt8.self)
    return StoredAnswer(
      status: Int(entry.flags & 0xffff), head: start, headCount: head.count, added: lines, addedCount: n,
      body: body.baseAddress?.assumingMemoryBound(to: UInt8.self) ?? start, bodyCount: body.count)
  }

  private static func put(_ text: StaticString, _ out: UnsafeMutablePointer<UInt8>, _ at: Int) -> Int {
    memcpy(out + at, text.utf8Start, text.utf8CodeUnitCount)
    return at + text.utf8CodeUnitCount
  }

  private static func put(_ value: UInt64, _ out: UnsafeMutablePointer<UInt8>, _ at: Int) -> Int {
    var (digits, rest) = (1, value)
    while rest >= 10 {
      rest /= 10
      digits += 1
    }
    rest = value
    for k in stride(from: digits - 1, through: 0, by: -1) {
      out[at + k] = UInt8(0x30 + rest % 10)
      rest /= 10
    }
    return at + digits
  }
}

extension ByteView {
  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }
}
