// The origin's side of a fill: judges the response when its head comes, hands it to those who wait, and stores it once it is whole. An
// interrupted one is never stored.
import Cache
import Proxy
import Runtime

/// Takes the response to a leader's fetch.
final class FillSink: ResponseSink {
  private let service: CacheService
  private let plan: CachePlan
  private let key: [UInt8]
  private let fields: HeadFields
  private let directives: RequestDirectives
  private let fill: Fill
  private let candidate: CachedResponse?
  private let candidateKey: [UInt8]
  private let requestTime: Int64
  /// A purge beyond this overtakes the response.
  private let purgePosition: UInt64
  /// Whose client may get the response as it comes; nil behind the back of one that is already served.
  private weak var leader: CacheRequest?
  /// The fetch itself, so that it can go on after waiting.
  var fetch: Fetch?
  private var head: Fill.Head?
  /// The body so far is kept to be stored.
  private var isStoring = false
  private var bytes = 0

  init(_ request: CacheRequest, _ fill: Fill, candidate: CachedResponse?, candidateKey: [UInt8], isBehind: Bool = false) {
    service = request.service
    plan = request.plan
    key = request.key
    fields = request.fields
    directives = request.directives
    self.fill = fill
    self.candidate = candidate
    self.candidateKey = candidateKey
    requestTime = request.service.now
    purgePosition = request.service.purgePosition
    leader = isBehind ? nil : request
    super.init()
  }

  // MARK: the head

  override func head(_ head: UnsafeRawBufferPointer, status: Int, hasBody: Bool, _ worker: Worker) -> Choice {
    let response = HeadFields(head: head)
    if status == 304, let candidate { return renewed(candidate, response, worker) }
    if Reuse.isError(status), serveOnError(status) { return .take }
    let rules = plan.caching.rules
    let now = service.now
    switch Storing.judge(method: .get, request: fields, response: response, rules: rules, requestTime: requestTime, responseTime: now) {
    case .store(let terms):
      let length = Framing.length(response, hasBody: hasBody)
      if let length, length > rules.bodyBytesMax { return declined(response, status, StoreRefusal.tooLarge.detail, worker) }
      begin(StoredHead.make(response, storing: terms), status, terms, length, Variance(response))
      return .take
    case .refuse(let reason):
      return declined(response, status, reason.detail, worker)
    }
  }

  private func begin(
    _ text: [UInt8], _ status: Int, _ terms: CacheTerms, _ length: Int?, _ variance: Variance, isRenewed: Bool = false
  ) {
    let head = Fill.Head(
      status: status, text: text, terms: terms, length: length, variance: variance, variant: variance.key(of: fields),
      isRenewed: isRenewed)
    self.head = head
    isStoring = true
    service.fills.noteShared(key)
    fill.begin(head)
  }

  /// What is stored is still good (RFC 9111 §4.3.3, §4.3.4).
  private func renewed(_ stored: CachedResponse, _ response: HeadFields, _ worker: Worker) -> Choice {
    guard Validation.selects(response, stored.fields) else {
      service.remove(candidateKey)
      fill.refuse(.renewed)
      service.fills.end(fill)
      return .take
    }
    let now = service.now
    let merged = Validation.merge(stored: stored.fields, with: response, receivedAt: now)
    let fresh = HeadFields(head: merged)
    let judgement = Storing.judgeFreshened(
      request: fields, merged: fresh, update: response, rules: plan.caching.rules, requestTime: requestTime, responseTime: now)
    var terms = stored.terms
    var keeps = false
    if case .store(let renewed) = judgement { (terms, keeps) = (renewed, true) }
    begin(merged, stored.status, terms, stored.bodyCount, Variance(fresh), isRenewed: true)
    isStoring = keeps
    if !keeps { service.remove(candidateKey) }
    bytes = stored.withBody { fill.append($0) }
    finish()
    return .take
  }

  /// Whether what is stored answers instead of an error (RFC 5861 §4).
  private func serveOnError(_ status: Int) -> Bool {
    guard let candidate, Reuse.mayServeOnError(candidate.terms, directives, now: service.now) else { return false }
    fill.refuse(.failed, fault: Fault.upstreamReset.rawValue, status: status)
    service.fills.end(fill)
    return true
  }

  /// The response is for nobody else: the leader gets it as it comes, the others ask for themselves.
  private func declined(_ response: HeadFields, _ status: Int, _ reason: StaticString, _ worker: Worker) -> Choice {
    // What is stored was superseded by it (RFC 9111 §4.3.3), unless the origin only could not answer.
    if candidate != nil && status < 500 { service.remove(candidateKey) }
    // An error passes; what is meant for one alone stays so.
    if status < 500 { service.fills.noteUnshared(key, until: service.now + CacheService.unsharedFor) }
    defer {
      fill.refuse(.notShared)
      service.fills.end(fill)
    }
    guard let leader, leader.reply.isOpen, !leader.isHead else { return .take }
    self.leader = nil
    leader.follow?.leave()
    var line = CacheStatusLine(.fwd(leader.reason))
    line.fwdStatus = status
    line.detail = reason
    service.note(line, worker)
    leader.reply.add(leader.lines(line))
    return .graft(leader.reply)
  }

  // MARK: the body

  override func body(_ piece: UnsafeRawBufferPointer, _ worker: Worker) {
    guard head != nil else { return }
    bytes = fill.append(piece)
    if bytes > plan.caching.rules.bodyBytesMax && isStoring {
      isStoring = false
      service.fills.end(fill)
      fill.stopKeeping()
    }
  }

  override func isBlocked(_ worker: Worker) -> Bool {
    guard let fetch else { return false }
    return fill.isCrowded { worker.post { $0.resume(fetch) } }
  }

  override func end(_ fault: Fault?, _ worker: Worker) {
    guard head != nil else {
      if let fault, !fill.isRefused {
        fill.refuse(.failed, fault: fault.rawValue)
        service.fills.end(fill)
      }
      return
    }
    if fill.isComplete { return }
    if fault != nil {
      service.fills.end(fill)
      return fill.breakOff()
    }
    finish()
  }

  private func finish() {
    // Stored first: whoever comes when the fill has ended finds it.
    if isStoring, !fill.isExpired, let head { service.store(key, head, fill.pieces, since: purgePosition) }
    service.fills.end(fill)
    fill.complete()
  }
}
