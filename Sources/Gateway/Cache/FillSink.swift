// The origin's side of a fill: judges the response when its head comes, hands it to those who wait, and stores it once it is whole. An
// interrupted one is never stored.
import Cache
import Proxy
import Runtime

/// Takes the response to a leader's fetch.
final class FillSink: FillingSink {
  private let service: CacheService
  private let plan: CachePlan
  private let key: [UInt8]
  private let fields: HeadFields
  private let directives: RequestDirectives
  private let candidate: CachedResponse?
  private let candidateKey: [UInt8]
  private let requestTime: Int64
  /// The request was for a part, and so may the response be.
  private let isPart: Bool
  /// A purge beyond this overtakes the response.
  private let purgePosition: UInt64
  /// Whose client may get the response as it comes; nil behind the back of one that is already served.
  private weak var leader: CacheRequest?
  /// Held until the response is through.
  var place: FillPlace?
  private var head: Fill.Head?
  /// The body so far is kept to be stored.
  private var isStoring = false
  private var bytes = 0
  private var last: FillPiece?

  init(
    _ request: CacheRequest, _ fill: Fill, candidate: CachedResponse?, candidateKey: [UInt8], isBehind: Bool = false, isPart: Bool = false
  ) {
    self.isPart = isPart
    service = request.service
    plan = request.plan
    key = request.key
    fields = request.fields
    directives = request.directives
    self.candidate = candidate
    self.candidateKey = candidateKey
    requestTime = request.service.now
    purgePosition = request.service.purgePosition
    leader = isBehind ? nil : request
    super.init(fill)
  }

  // MARK: the head

  override func head(_ head: UnsafeRawBufferPointer, status: Int, hasBody: Bool, _ worker: Worker) -> Choice {
    let response = HeadFields(head: head)
    if status == 304, let candidate { return renewed(candidate, response, worker) }
    if Reuse.isError(status), serveOnError(status) { return .drop }
    let rules = plan.caching.rules
    let now = service.now
    var judged = response
    if isPart && status != 200 {
      // What else answers a range says nothing of the whole.
      guard StoredPart(response) != nil else { return declined(response, status, StoreRefusal.partial.detail, worker) }
      judged = HeadFields(head: StoredPart.headOfWhole(response))
    }
    switch Storing.judge(method: .get, request: fields, response: judged, rules: rules, requestTime: requestTime, responseTime: now) {
    case .store(let terms):
      let length = Framing.length(response, hasBody: hasBody)
      if let length, length > bodyBytesMax { return declined(response, status, StoreRefusal.tooLarge.detail, worker) }
      begin(StoredHead.make(response, storing: terms), status, terms, length, Variance(response))
      return .take
    case .refuse(let reason):
      return declined(response, status, reason.detail, worker)
    }
  }

  private func begin(
    _ text: [UInt8], _ status: Int, _ terms: CacheTerms, _ length: Int?, _ variance: Variance, isRenewed: Bool = false, isKept: Bool = true
  ) {
    let head = Fill.Head(
      status: status, text: text, terms: terms, length: length, variance: variance, variant: variance.key(of: fields),
      isRenewed: isRenewed, isKept: isKept)
    self.head = head
    isStoring = true
    service.fills.noteShared(fill.key)
    fill.begin(head)
  }

  /// What is stored is still good (RFC 9111 §4.3.3, §4.3.4).
  private func renewed(_ stored: CachedResponse, _ response: HeadFields, _ worker: Worker) -> Choice {
    guard Validation.selects(response, stored.fields) else {
      service.supersede(candidateKey)
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
    switch judgement {
    case .store(let renewed): (terms, keeps) = (renewed, true)
    // What this request alone forbids says nothing of what is stored.
    case .refuse(let reason): if reason != .authorization && reason != .requestNoStore { service.supersede(candidateKey) }
    }
    if !stored.isInHand {
      renewedOnDisk(stored, merged, terms, isKept: keeps, worker)
      return .take
    }
    begin(merged, stored.status, terms, stored.bodyCount, Variance(fresh), isRenewed: true, isKept: keeps)
    isStoring = keeps
    bytes = stored.withBody { fill.append($0) }
    finish()
    return .take
  }

  /// What is still good lies on disk and streams from there: the leader's client gets it, and the others look it up anew.
  private func renewedOnDisk(_ stored: CachedResponse, _ merged: [UInt8], _ terms: CacheTerms, isKept: Bool, _ worker: Worker) {
    let response = stored.disk.flatMap { CachedResponse($0, renewed: (merged, terms)) }
    if let leader, leader.reply.isOpen, let response {
      self.leader = nil
      leader.follow?.leave()
      leader.serve(response, status: CacheStatusLine(.fwd(leader.reason), fwdStatus: 304, stored: isKept))
    }
    let (service, fill) = (service, fill)
    let end: @Sendable (Bool) -> Void = { isRenewed in
      // In a turn of its own: who follows goes on at once, and may need the locks that are held here.
      worker.post { _ in
        fill.refuse(isRenewed ? .renewed : .notShared)
        service.fills.end(fill)
      }
    }
    guard isKept, !fill.isExpired, let disk = stored.disk else { return end(false) }
    service.renewOnDisk(
      candidateKey, of: key, number: disk.number, head: merged, terms, status: stored.status, since: purgePosition, end)
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
    if candidate != nil && status < 500 { service.supersede(candidateKey) }
    // An error passes; what is meant for one alone stays so.
    if status < 500 { service.fills.noteUnshared(fill.key, until: service.now + CacheService.unsharedFor) }
    defer {
      fill.refuse(.notShared)
      service.fills.end(fill)
    }
    guard let leader, leader.reply.isOpen, !leader.isHead else { return .drop }
    self.leader = nil
    leader.follow?.leave()
    var line = CacheStatusLine(.fwd(leader.reason))
    line.fwdStatus = status
    line.detail = reason
    service.note(line, worker)
    leader.reply.add(leader.lines(line))
    return .graft(leader.reply)
  }

  /// Of what the route and the tiers take the smaller.
  private var bodyBytesMax: Int { min(plan.caching.rules.bodyBytesMax, service.bodyBytesMax) }

  // MARK: the body

  override func body(_ piece: UnsafeRawBufferPointer, _ worker: Worker) {
    guard let head else { return }
    // The last piece waits until all is stored: who has it may ask again at once, and is to find it.
    if let length = head.length, isStoring, bytes + piece.count >= length {
      last = FillPiece(Array(piece))
      return
    }
    bytes = fill.append(piece)
    if !isStoring { breakOffUnwatched(worker) }
    if bytes > bodyBytesMax && isStoring {
      isStoring = false
      service.fills.end(fill)
      fill.stopKeeping()
    }
  }

  override func end(_ fault: Fault?, _ worker: Worker) {
    hasEnded = true
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
    if isStoring, !fill.isExpired, let head {
      let pieces = fill.pieces + (last.map { [$0] } ?? [])
      if head.status == 206 {
        service.storePart(key, head, pieces, since: purgePosition)
      } else {
        service.store(key, head, pieces, since: purgePosition)
      }
      // It may have been overtaken while it was stored.
      if fill.isExpired { service.remove(key) }
    }
    if let last { last.bytes.withUnsafeBytes { _ = fill.append($0) } }
    service.fills.end(fill)
    fill.complete()
  }
}
