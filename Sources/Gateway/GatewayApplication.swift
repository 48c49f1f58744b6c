// The APIs of a node as the engine asks for them: host, then route, then what the route's plan says. Compiled once from definitions,
// read by every worker.
import Cache
import Glibc
import Proxy
import Runtime

/// What becomes of a request on one route. Steps that a route does not have cost nothing.
struct RoutePlan {
  enum Integration: UInt8 {
    case upstream, mock
  }

  var integration: Integration
  var forward: ForwardPlan
  var ready: ReadyResponse
  /// nil: the route has no cache.
  var cache: Unmanaged<CachePlan>?
}

/// Routes requests of HTTP APIs.
///
/// SAFETY: (@unchecked Sendable) everything is written by `init` and only read afterwards; the pointers live as long as the object.
public final class GatewayApplication: Application, @unchecked Sendable {
  private struct API {
    let routes: Unmanaged<RouteTable>
    let firstPlan: Int32
    /// Some route of it has a cache: what its other routes change may be stored.
    let caches: Bool
  }

  private let set: HTTPAPISet
  private let hosts: Unmanaged<HostTable>
  private let apis: UnsafeMutablePointer<API>
  private let plans: UnsafeMutablePointer<RoutePlan>
  private let planCount: Int
  private let names: [String]
  /// The API of each plan.
  private let owners: [Int32]
  private let observer: Unmanaged<ExchangeObserver>
  private var texts: [UnsafeMutablePointer<UInt8>] = []
  let cache: CacheService?
  let peerListener: Int
  private let definitions: UInt64
  #if DEBUG
    /// Debug builds can be told to trap on `/.poison`, so that tests see what a crash does.
    private let trapsOnPoison = getenv("TIDEGATE_DEBUG_TRAP") != nil
  #endif

  /// - Parameters:
  ///   - set: compiled definitions.
  ///   - upstreams: name of each upstream in the snapshot, in its order; every name that an integration uses is among them.
  ///   - observer: told of every exchange that ends.
  ///   - cache: the node's; needed where a route has one.
  ///   - peerListener: the snapshot's listener that other nodes speak to; -1: there is none. Their upstream is the first.
  ///   - definitions: a hash of all that nodes have to serve alike.
  public init(
    _ set: HTTPAPISet, upstreams: [String], observer: ExchangeObserver, cache: CacheService? = nil, peerListener: Int = -1,
    definitions: UInt64 = 0
  ) {
    self.set = set
    self.definitions = definitions
    self.peerListener = peerListener
    self.cache = cache
    self.observer = .passRetained(observer)
    hosts = .passUnretained(set.hosts)
    apis = .allocate(capacity: max(set.apis.count, 1))
    planCount = set.apis.reduce(0) { $0 + $1.integrations.count }
    plans = .allocate(capacity: max(planCount, 1))
    owners = set.apis.enumerated().flatMap { i, api in api.integrations.map { _ in Int32(i) } }
    names = set.apis.flatMap { api in api.routes.keys.map { "\(api.name) \($0.text)" } }
    super.init()
    var next = 0
    for (i, api) in set.apis.enumerated() {
      (apis + i).initialize(to: API(routes: .passUnretained(api.routes), firstPlan: Int32(next), caches: api.caches && cache != nil))
      for integration in api.integrations {
        (plans + next).initialize(to: plan(integration, upstreams))
        next += 1
      }
    }
  }

  deinit {
    for text in texts { text.deallocate() }
    for i in 0..<planCount { plans[i].cache?.release() }
    apis.deallocate()
    plans.deallocate()
    observer.release()
  }

  private func plan(_ integration: Integration, _ upstreams: [String]) -> RoutePlan {
    switch integration {
    case .upstream(let name, let timeout, let host, let caching):
      guard let index = upstreams.firstIndex(of: name) else { preconditionFailure("upstream \(name) was not compiled") }
      let empty = keep([])
      return RoutePlan(
        integration: .upstream,
        forward: ForwardPlan(
          upstream: Int32(index), requestTimeout: timeout ?? 0, host: host.map { keep(Array($0.utf8)) }, hostCount: host?.utf8.count ?? 0),
        ready: ReadyResponse(head: empty, headCount: 0, body: empty, bodyCount: 0),
        cache: cache == nil ? nil : caching.map { .passRetained(CachePlan($0, definitions: definitions)) })
    case .mock(let status, let fields, let body):
      var head = "HTTP/1.1 \(status) \(ReasonPhrase.of(status))\r\n"
      for (name, value) in fields { head += "\(name): \(value)\r\n" }
      let bytes = Array(head.utf8)
      return RoutePlan(
        integration: .mock, forward: ForwardPlan(upstream: -1),
        ready: ReadyResponse(head: keep(bytes), headCount: bytes.count, body: keep(body), bodyCount: body.count), cache: nil)
    }
  }

  private func keep(_ bytes: [UInt8]) -> UnsafePointer<UInt8> {
    let p = UnsafeMutablePointer<UInt8>.allocate(capacity: max(bytes.count, 1))
    p.initialize(from: bytes, count: bytes.count)
    texts.append(p)
    return UnsafePointer(p)
  }

  public override func decide(_ request: RequestView) -> Step {
    if request.listener == peerListener && peerListener >= 0 { return decideForPeer(request) }
    return decideForClient(request, nil)
  }

  @inline(__always)
  private func decideForClient(_ request: RequestView, _ question: PeerQuestion?) -> Step {
    let authority = request.authority
    let index = hosts._withUnsafeGuaranteedRef { $0.match(authority.start, authority.count) }
    if index < 0 { return .fault(question == nil ? .routeNotFound : .misdirected) }
    let api = apis + Int(index)
    let method = request.method
    let path = request.path
    #if DEBUG
      if trapsOnPoison && path.count == 8 && memcmp(path.start, "/.poison", 8) == 0 { fatalError("poisoned request") }
    #endif
    if request.knownMethod == .other, question == nil, GatewayApplication.isPurge(method), let step = purge(request, api) { return step }
    let match = route(api, method, path)
    if !match.isFound { return .fault(question == nil ? .routeNotFound : .misdirected) }
    let number = api.pointee.firstPlan &+ match.payload
    request.setRoute(number)
    let plan = plans + Int(number)
    switch plan.pointee.integration {
    case .upstream:
      guard let cache = plan.pointee.cache else {
        if question != nil { return .fault(.misdirected) }
        if api.pointee.caches && !request.knownMethod.isSafe { request.watchResponse() }
        return .forward(forward(plan))
      }
      return cache._withUnsafeGuaranteedRef { decide(request, $0, forward(plan), question) }
    case .mock: return question == nil ? .answer(ready(plan)) : .fault(.misdirected)
    }
  }

  /// Another node asks, for a client of its own.
  @inline(never)
  private func decideForPeer(_ request: RequestView) -> Step {
    guard let cache, let line = request.only(PeerQuestion.field), let client = request.only(PeerQuestion.clientField),
      let question = PeerQuestion(line: Array(line.bytes)[...], client: Array(client.bytes)[...]), question.to == cache.placement?.me,
      request.isPlain
    else { return .fault(.misdirected) }
    let isMessage = request.knownMethod == .other
    // What is stale is so whatever else the asking node serves.
    if isMessage && request.method.text == PeerMessage.stale.rawValue {
      return decideStale(request, cache, question, HeadFields(head: request.wholeHead))
    }
    if question.definitions != definitions { return .fault(.misdirected) }
    if isMessage, let step = decideCopy(request, cache, question, HeadFields(head: request.wholeHead)) { return step }
    return decideForClient(request, question)
  }

  @inline(__always)
  private func route(_ api: UnsafeMutablePointer<API>, _ method: ByteView, _ path: ByteView) -> RouteMatch {
    api.pointee.routes._withUnsafeGuaranteedRef {
      $0.match(method: method.start, methodCount: method.count, path: path.start, pathCount: path.count, into: nil)
    }
  }

  private func purge(_ request: RequestView, _ api: UnsafeMutablePointer<API>) -> Step? {
    let match = route(api, ByteView(StaticString("GET").utf8Start, 3), request.path)
    guard match.isFound, let plan = plans[Int(api.pointee.firstPlan &+ match.payload)].cache else { return nil }
    request.setRoute(api.pointee.firstPlan &+ match.payload)
    return plan._withUnsafeGuaranteedRef { decidePurge(request, $0) }
  }

  // SAFETY: the plan lives in `plans`, which outlives every request of this snapshot.
  @inline(__always)
  private func forward(_ plan: UnsafeMutablePointer<RoutePlan>) -> UnsafePointer<ForwardPlan> {
    UnsafeRawPointer(plan).advanced(by: MemoryLayout<RoutePlan>.offset(of: \.forward)!).assumingMemoryBound(to: ForwardPlan.self)
  }

  @inline(__always)
  private func ready(_ plan: UnsafeMutablePointer<RoutePlan>) -> UnsafePointer<ReadyResponse> {
    UnsafeRawPointer(plan).advanced(by: MemoryLayout<RoutePlan>.offset(of: \.ready)!).assumingMemoryBound(to: ReadyResponse.self)
  }

  /// API and route key, such as `shop GET /products/{id}`.
  public override func routeName(_ route: Int32) -> String { route >= 0 && Int(route) < names.count ? names[Int(route)] : "" }

  public override func responding(_ exchange: ExchangeRef, _ response: ByteView, status: Int, _ worker: Worker) {
    let route = Int(exchange.pointee.route)
    guard route >= 0, let cache else { return }
    if exchange.pointee.method == .head {
      plans[route].cache?._withUnsafeGuaranteedRef { cache.renew(exchange, response, $0) }
    } else {
      cache.makeStale(exchange, response, status: status, worker, definitions: definitions) { cachePlan(api: Int(owners[route]), path: $0) }
    }
  }

  /// What a GET of a path would be cached by.
  private func cachePlan(api: Int, path: [UInt8]) -> CachePlan? {
    let match = path.withUnsafeBufferPointer { path in
      (apis + api).pointee.routes._withUnsafeGuaranteedRef {
        $0.match(
          method: StaticString("GET").utf8Start, methodCount: 3, path: path.baseAddress!, pathCount: path.count, into: nil)
      }
    }
    guard match.isFound else { return nil }
    return plans[Int((apis + api).pointee.firstPlan &+ match.payload)].cache?.takeUnretainedValue()
  }

  public override func finished(_ exchange: ExchangeRef, _ worker: Worker) {
    // Whose client it is, at that node it is logged and counted.
    if exchange.isOfPeer { return cache?.metrics.note(answered: exchange, worker) ?? () }
    observer._withUnsafeGuaranteedRef { $0.exchangeEnded(exchange, worker, self) }
  }
}
