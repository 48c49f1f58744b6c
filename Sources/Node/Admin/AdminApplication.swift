// Owns: the admin listener's answers: the way from a request to what is said or done. Who gets in is AdminGate's, how things look is
// AdminViews', where they come from is AdminSource's and NodeStatistics'.
import Cache
import Gateway
import Proxy
import Runtime

/// The operator's listener.
///
/// SAFETY: (@unchecked Sendable) everything is written by `init` and only read afterwards, and is Sendable itself.
public final class AdminApplication: Application, @unchecked Sendable {
  /// What becomes of a request.
  enum Answer {
    case now(LocalResponse)
    /// Answered when the workers have reported.
    case report(@Sendable ([WorkerReport]) -> LocalResponse)
    /// Answered when the reload has ended.
    case reload(@Sendable (ReloadOutcome) -> LocalResponse)
    case drain(LocalResponse)
    /// Answered when the goodbye has been told.
    case leave(@Sendable () -> LocalResponse)
    /// Answered when the nodes that live have applied the purge, or have had the time to.
    case purge(Purge, within: UInt64, @Sendable (PurgeReport?) -> LocalResponse)
    /// Answered when both tiers have been looked at.
    case inspect(CacheQuestion, @Sendable (CacheInspection) -> LocalResponse)
  }

  /// A reload that has not ended after this many nanoseconds is no longer waited for.
  static let patience: UInt64 = 60_000_000_000

  private let gate: AdminGate
  private let identity: AdminIdentity
  private let statistics: NodeStatistics
  private let source: any AdminSource
  private let time: any TimeSource

  public init(
    _ options: AdminOptions, identity: AdminIdentity, statistics: NodeStatistics, source: any AdminSource,
    time: any TimeSource = SystemTime()
  ) {
    gate = AdminGate(options)
    self.identity = identity
    self.statistics = statistics
    self.source = source
    self.time = time
    super.init()
  }

  public override func decide(_ request: RequestView) -> Step { .local }

  public override func handle(_ request: LocalRequest, _ reply: LocalReply) {
    switch respond(to: request) {
    case .now(let response):
      reply.send(response)
    case .report(let render):
      let waiting = WaitingReply(reply)
      source.gatherReports(on: reply.worker) { waiting.reply.send(render($0)) }
    case .reload(let render):
      let waiting = WaitingReply(reply)
      let worker = reply.worker
      reply.after(AdminApplication.patience) {
        waiting.reply.send(AdminApplication.finished(.message(504, "The reload has not ended yet.")))
      }
      source.requestReload { outcome in
        worker.post { _ in waiting.reply.send(render(outcome)) }
      }
    case .drain(let response):
      reply.send(response)
      source.requestDrain()
    case .leave(let render):
      let waiting = WaitingReply(reply)
      let worker = reply.worker
      source.requestLeave { worker.post { _ in waiting.reply.send(render()) } }
    case .purge(let purge, let nanoseconds, let render):
      let waiting = WaitingReply(reply)
      let worker = reply.worker
      source.requestPurge(purge, within: nanoseconds) { report in worker.post { _ in waiting.reply.send(render(report)) } }
    case .inspect(let question, let render):
      let waiting = WaitingReply(reply)
      let worker = reply.worker
      source.inspectCache(question) { found in worker.post { _ in waiting.reply.send(render(found)) } }
    }
  }

  /// Decides on a request; changes nothing.
  func respond(to request: LocalRequest) -> Answer {
    switch route(request) {
    case .now(let response): .now(AdminApplication.finished(response))
    case .report(let render): .report { AdminApplication.finished(render($0)) }
    case .reload(let render): .reload { AdminApplication.finished(render($0)) }
    case .drain(let response): .drain(AdminApplication.finished(response))
    case .leave(let render): .leave { AdminApplication.finished(render()) }
    case .purge(let purge, let nanoseconds, let render): .purge(purge, within: nanoseconds) { AdminApplication.finished(render($0)) }
    case .inspect(let question, let render): .inspect(question) { AdminApplication.finished(render($0)) }
    }
  }

  /// What is said here is true for the moment only, and is not for browsers to guess about.
  private static func finished(_ response: LocalResponse) -> LocalResponse {
    var response = response
    response.fields += [("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")]
    return response
  }

  private func route(_ request: LocalRequest) -> Answer {
    let path = AdminPath(rawValue: request.path)
    if path?.isFree != true {
      let admission = gate.admission(request)
      if admission == .refused {
        return .now(.message(401, "A bearer token is needed.", [("WWW-Authenticate", "Bearer realm=\"tidegate\"")]))
      }
      if let refusal = gate.refusalToTell(request, admission) { return .now(refusal) }
    }
    guard let path else { return .now(.message(404, "There is no such path; / lists those that there are.")) }
    let fits = path.changes ? request.method == "POST" : request.method == "GET" || request.method == "HEAD"
    guard fits else { return .now(.message(405, "\(path.rawValue) knows \(path.methods) only.", [("Allow", path.methods)])) }
    if path.changes, let refusal = gate.refusalToChange(request) { return .now(refusal) }
    guard let format = path.format(query: request.query) else {
      return .now(.message(400, "\(path.rawValue) knows format=\(path.formats.map(\.rawValue).joined(separator: " or ")) only."))
    }
    return answer(path, format, request)
  }

  private func answer(_ path: AdminPath, _ format: AdminFormat, _ request: LocalRequest) -> Answer {
    let uptime = time.monotonic().nanoseconds(since: identity.started) / 1_000_000_000
    switch path {
    case .index:
      return .now(AdminViews.index(identity, format))
    case .health:
      return .now(format == .text ? LocalResponse(text: "ok\n") : AdminViews.response(.object([JSONMember("status", "ok")])))
    case .readiness:
      return .now(AdminViews.readiness(source.readiness(), format))
    case .configuration:
      return .now(LocalResponse(json: source.configurationJSON() + "\n"))
    case .statistics:
      return .report { [identity, statistics] in
        AdminViews.response(AdminViews.statistics(identity, uptime, statistics.traffic(), WorkerReport.merged($0)), format)
      }
    case .upstreams:
      return .report { AdminViews.response(AdminViews.upstreams(WorkerReport.merged($0)), format) }
    case .metrics:
      return .report { [identity, statistics, source] in
        AdminViews.metrics(
          statistics.families() + ReportMetrics.families(WorkerReport.merged($0), identity, uptime)
            + ClusterMetrics.families(source.cluster()) + CacheViews.families(source.cache()))
      }
    case .members:
      return .now(ClusterViews.members(identity, source.cluster(), format))
    case .ring:
      guard let key = AdminPath.value(of: "key", in: request.query), !key.isEmpty else {
        return .now(.message(400, "/ring needs a key: /ring?key=…"))
      }
      return .now(ClusterViews.ring(key: key, identity, source.cluster(), format))
    case .keys:
      return .now(ClusterViews.keys(source.cluster(), format))
    case .cache:
      return cache(format, request)
    case .purge:
      return purge(request)
    case .reload:
      return .reload(AdminViews.reload)
    case .drain:
      return .drain(AdminViews.response(.object([JSONMember("draining", true)]), status: 202))
    case .leave:
      guard source.cluster() != nil else { return .now(.message(409, "This node is in no cluster.")) }
      return .leave { AdminViews.response(.object([JSONMember("left", true)])) }
    }
  }
}

extension AdminApplication {
  private func cache(_ format: AdminFormat, _ request: LocalRequest) -> Answer {
    let (key, url) = (AdminPath.value(of: "key", in: request.query), AdminPath.value(of: "url", in: request.query))
    if key == nil && url == nil { return .now(AdminViews.response(CacheViews.cache(source.cache(), hot: source.hotKeys()), format)) }
    guard let question = key.map({ CacheQuestion(key: $0) }) ?? url.map({ source.cacheQuestion(url: $0) }) ?? nil else {
      return .now(.message(400, "/cache knows url=http://host/path and key=, in hexadecimal digits as an answer shows it."))
    }
    return .inspect(question) { [identity] in AdminViews.response(CacheQuestion.show($0, node: identity.name), format) }
  }

  private func purge(_ request: LocalRequest) -> Answer {
    do throws(PurgeQuestion.Refusal) {
      let question = try PurgeQuestion(request, now: time.wall())
      return .purge(question.purge, within: question.patience) { CacheViews.purged(question.purge, $0) }
    } catch {
      return .now(.message(400, error.reason))
    }
  }
}

/// A reply on its way through other threads.
///
/// SAFETY: (@unchecked Sendable) it is only carried there; whoever holds it calls it on its worker's thread.
private struct WaitingReply: @unchecked Sendable {
  let reply: LocalReply

  init(_ reply: LocalReply) { self.reply = reply }
}
