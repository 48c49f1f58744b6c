// One request on its way through the cache, once it is more than a plain hit: looked up, judged, served, validated, or fetched together
// with all who want the same. It lives on its worker's thread from the moment it is held until it is answered or its client has gone.
import Cache
import Glibc
import Proxy
import Runtime

/// A held request.
///
/// SAFETY: (@unchecked Sendable) confined to its worker's thread; others only post to that worker.
final class CacheRequest: @unchecked Sendable {
  let service: CacheService
  let plan: CachePlan
  let forward: UnsafePointer<ForwardPlan>
  let reply: LocalReply
  let worker: Worker
  /// The key of what the request is for, whatever its variant.
  let key: [UInt8]
  /// Of the key, with a seed that nobody outside knows.
  private(set) lazy var keyHash = key.withUnsafeBytes { service.hash($0).high }
  let fields: HeadFields
  let directives: RequestDirectives
  let isHead: Bool
  /// What a tier gave, and may be served stale or has to be validated.
  var candidate: CachedResponse?
  /// Where the candidate was found.
  var candidateKey: [UInt8]
  var reason = CacheStatusLine.Forward.uriMiss
  var follow: Following?
  /// What the other node said that asks; nil for a client's own request.
  let question: PeerQuestion?
  /// Nodes that are still to be asked.
  var owners: [CacheMember] = []
  var hasAskedReplica = false
  /// Ends the wait for a fetch's turn.
  private var alarm: UInt64?
  /// The question to the owner, until its answer is there.
  var asked: Fetch?
  /// The place of that question, for which others may wait.
  var ticket: QuestionTicket?
  var askedEndpoint: UInt64?
  /// What the disk has said to this request, each key once.
  var onDisk: [(key: [UInt8], found: DiskFound)] = []
  /// Counts questions to the disk and their ends; only the last one's answer is heard.
  var diskQuestion: UInt64 = 0
  var diskAlarm: UInt64 = 0
  /// How often the fills that it followed proved useless for it.
  private var turns = 0
  private static let turnsMax = 3
  /// How often it has waited for this node to settle a doubt: 5 ms each, a tenth of a second in all. Then it asks the origin.
  private var doubtTurns = 0
  private static let doubtTurnsMax = 20

  init(
    _ service: CacheService, _ plan: CachePlan, _ forward: UnsafePointer<ForwardPlan>, _ reply: LocalReply, key: [UInt8], isHead: Bool,
    question: PeerQuestion? = nil
  ) {
    self.question = question
    self.service = service
    self.plan = plan
    self.forward = forward
    self.reply = reply
    worker = reply.worker
    self.key = key
    candidateKey = key
    fields = HeadFields(head: reply.requestHead)
    directives = RequestDirectives(fields)
    self.isHead = isHead
  }

  var now: Int64 { service.now }

  // MARK: looking up

  func begin() {
    let isBypassed = plan.bypassHeaders.contains { fields.has(named: $0[...]) }
    if question?.kind == .stored { return answerFromStore() }
    if directives.noStore || isForTheOrigin || isBypassed { return pass(.bypass) }
    askOwner()
  }

  /// Looks for it here, and at the origin.
  func proceed() {
    if !service.purges.pulse.allows(now), service.purges.pulse.notices(now), doubtTurns < CacheRequest.doubtTurnsMax {
      doubtTurns += 1
      return reply.after(5_000_000) { self.proceed() }
    }
    lookUp()
  }

  func judge() {
    guard let candidate else { return missed() }
    switch Reuse.judge(candidate.terms, directives, now: now) {
    case .fresh, .stale: serve(candidate)
    case .staleWhileRevalidate:
      revalidateBehind(candidate)
      serve(candidate)
    case .validate(let why):
      reason = why.forward
      missed()
    }
  }

  private func missed() {
    if directives.onlyIfCached { return candidate == nil && servePart() ? () : answerGatewayTimeout() }
    // The origin's answer to a part, or to a head alone, is not one to a whole request; what is stored can be validated all the same.
    if isHead, let candidate { return askForHead(candidate) }
    if candidate == nil && wantsPart { return servePart() ? () : joinPart() }
    if isHead || candidate == nil && fields.has("range") { return pass(reason) }
    join()
  }

  /// Conditions that only the origin can judge (RFC 9110 §13.1.1, §13.1.4): a cache forwards them.
  private var isForTheOrigin: Bool { fields.has("if-match") || fields.has("if-unmodified-since") }

  // MARK: serving

  /// Serves what is stored, as far as the request wants it.
  func serve(_ stored: CachedResponse, status line: CacheStatusLine? = nil) {
    var line = line ?? CacheStatusLine(.hit)
    if line.ttl == nil { line.ttl = stored.terms.remaining(now) }
    if line.outcome == .hit {
      line.detail = stored.disk == nil ? "memory" : "disk"
      if stored.disk != nil { service.noteDiskHit(worker) }
    }
    var added = lines(line)
    added += Array("Age: \(max(0, stored.terms.age(now)))\r\n".utf8)
    service.note(line, worker)
    switch Preconditions.judge(method: isHead ? .head : .get, request: fields, response: stored.fields) {
    case .serve: serveRange(stored, added)
    case .forward: pass(.bypass)
    case .notModified: send(304, Preconditions.notModifiedHead(stored.fields), added, nil)
    }
  }

  private func serveRange(_ stored: CachedResponse, _ added: [UInt8]) {
    let length = stored.bodyCount
    switch isHead ? .whole : ByteRanges.select(request: fields, response: stored.fields, completeLength: length) {
    case .whole: send(stored.status, stored.text, added, stored)
    case .one(let range):
      send(206, ByteRanges.partialHead(stored.fields, range, completeLength: length), added, stored, range)
    // RFC 9110 §14.2: a server may leave Range aside; many parts of what streams from disk are not worth their readers.
    case .many where !stored.isInHand: send(stored.status, stored.text, added, stored)
    case .many(let ranges):
      let boundary = service.boundary()
      let body = stored.withBody { CacheRequest.multipart($0, stored.fields, ranges, boundary) }
      body.withUnsafeBytes { send(206, ByteRanges.multipartHead(stored.fields, boundary: boundary), added, $0) }
    case .unsatisfiable:
      send(416, ByteRanges.unsatisfiableHead(stored.fields, completeLength: length), added, nil)
    }
  }

  private static func multipart(
    _ body: UnsafeRawBufferPointer, _ fields: HeadFields, _ ranges: [Range<Int>], _ boundary: [UInt8]
  ) -> [UInt8] {
    var out: [UInt8] = []
    for (i, range) in ranges.enumerated() {
      out += ByteRanges.partHead(fields, range, completeLength: body.count, boundary: boundary, isFirst: i == 0)
      out += body[range]
    }
    return out + ByteRanges.multipartEnd(boundary: boundary)
  }

  func send(_ status: Int, _ head: [UInt8], _ added: [UInt8], _ stored: CachedResponse?, _ range: Range<Int>? = nil) {
    guard let stored else { return send(status, head, added, UnsafeRawBufferPointer(start: nil, count: 0)) }
    if !stored.isInHand {
      return isHead ? send(status, head, added, length: stored.bodyCount) : stream(head, added, stored, range)
    }
    stored.withBody { body in
      let part = range.map { UnsafeRawBufferPointer(rebasing: body[$0]) } ?? body
      send(status, head, added, part)
    }
  }

  /// A head alone, of a body that is elsewhere.
  // SAFETY: the answer to a HEAD takes no byte of the body, so that any address will do for one.
  private func send(_ status: Int, _ head: [UInt8], _ added: [UInt8], length: Int) {
    head.withUnsafeBytes { send(status, head, added, UnsafeRawBufferPointer(start: $0.baseAddress, count: length)) }
  }

  private func send(_ status: Int, _ head: [UInt8], _ added: [UInt8], _ body: UnsafeRawBufferPointer) {
    head.withUnsafeBufferPointer { head in
      added.withUnsafeBufferPointer { added in
        let start = body.baseAddress?.assumingMemoryBound(to: UInt8.self) ?? head.baseAddress!
        reply.send(
          StoredAnswer(
            status: status, head: head.baseAddress!, headCount: head.count, added: added.baseAddress!, addedCount: added.count,
            body: start, bodyCount: body.count))
      }
    }
  }

  /// Sends what another node has answered to this request and to others.
  func send(_ answer: Fill.Head, _ body: [UInt8]) {
    body.withUnsafeBytes { send(answer.status, answer.text, [], $0) }
  }

  func lines(_ line: CacheStatusLine) -> [UInt8] { CacheRequest.lines(line) }

  static func lines(_ line: CacheStatusLine) -> [UInt8] {
    var text = Array("Cache-Status: ".utf8)
    line.encode(into: &text)
    text += [13, 10]
    return text
  }

  /// Whether it asks for a part, or on a condition.
  var isConditional: Bool { isHead || fields.has("range") || fields.has("if-none-match") || fields.has("if-modified-since") }

  /// Begins to serve a response whose body is still coming.
  func begin(_ head: Fill.Head, _ line: CacheStatusLine) {
    service.note(line, worker)
    let text = head.text + lines(line) + Array("Age: \(max(0, head.terms.age(now)))\r\n".utf8)
    text.withUnsafeBytes { reply.begin($0, length: head.length) }
  }

  /// The origin could not be reached, or did not know what to say.
  /// - Parameter status: what the origin said; 0 where it said nothing.
  func failed(_ fault: Fault, status: Int) {
    if let candidate, Reuse.mayServeOnError(candidate.terms, directives, now: now) {
      return serve(candidate, status: CacheStatusLine(.fwd(reason), fwdStatus: status == 0 ? nil : status, detail: "stale-if-error"))
    }
    let line = CacheStatusLine(.fwd(reason))
    service.note(line, worker)
    reply.add(lines(line))
    reply.fail(fault)
  }

  // MARK: elsewhere

  /// The request goes on to the origin as it came, and its response to nobody else.
  func pass(_ reason: CacheStatusLine.Forward) {
    if question?.kind == .several {
      reply.add(Array("\(PeerQuestion.aloneField): 1\r\n".utf8))
      return reply.fail(.misdirected)
    }
    let line = CacheStatusLine(.fwd(reason))
    service.note(line, worker)
    reply.add(lines(line))
    guard let request = reply.request else { return }
    if isHead && question == nil { worker.watchResponse(request) }
    // Of another node's client the engine knows nothing: it goes as a fetch, and the answer comes back as it is.
    guard let question else { return reply.forward(by: forward) }
    guard let fetch = worker.fetch(FetchHead.whole(fields), by: forward, like: request, origin: question.origin, PassSink(self)) else {
      return reply.fail(.internalError)
    }
    endWithRequest(fetch)
  }

  /// Nobody else waits for this answer. Cut off in a turn of its own, since it may be the answer itself that has ended the request.
  func endWithRequest(_ fetch: Fetch) {
    let worker = worker
    reply.whenGone { worker.after(1) { worker.cancel(fetch) } }
  }

  /// A HEAD goes on as it is; where the origin fails, what is stored may answer.
  private func askForHead(_ stored: CachedResponse) {
    guard let request = reply.request else { return }
    let sink = HeadSink(self, stored)
    if worker.fetch(FetchHead.whole(fields), by: forward, like: request, origin: question?.origin, sink) == nil { pass(reason) }
  }

  private func answerGatewayTimeout() {
    // RFC 9111 §5.2.1.7.
    let line = CacheStatusLine(.none, detail: "only-if-cached")
    service.note(line, worker)
    reply.add(lines(line))
    reply.fail(.onlyIfCached)
  }

  // MARK: together with others

  private func join() {
    guard reply.isOpen else { return }
    // Where responses are known to vary, only those who want the same variant wait for one another.
    let collapse = service.collapseKey(key, fields, worker)
    if service.fills.isUnshared(collapse, now: now) { return pass(reason) }
    switch service.fills.join(collapse, of: key) {
    case .lead(let fill): lead(fill)
    case .follow(let fill): followInTime(fill)
    case .crowded: pass(reason)
    }
  }

  func lead(_ fill: Fill, isPart: Bool = false) {
    guard reply.request != nil else {
      fill.refuse(.notShared)
      return service.fills.end(fill)
    }
    follow = Following(fill, isLeader: true, self)
    if let place = service.fillGate.enter() { return fetch(fill, isPart: isPart, place) }
    let (worker, service) = (worker, service)
    let turn = service.fillGate.wait { [self] place in
      worker.post { [self] worker in
        if let alarm { worker.cancel(alarm: alarm) }
        fetch(fill, isPart: isPart, place)
      }
    }
    alarm = worker.after(FillGate.patience) {
      guard turn.take() else { return }
      fill.refuse(.failed, fault: Fault.circuitOpen.rawValue)
      service.fills.end(fill)
    }
  }

  private func fetch(_ fill: Fill, isPart: Bool, _ place: FillPlace) {
    guard let request = reply.request else {
      // Its client went while it waited: another one leads.
      fill.refuse(.renewed)
      return service.fills.end(fill)
    }
    let sink = FillSink(self, fill, candidate: candidate, candidateKey: candidateKey, isPart: isPart)
    sink.place = place
    let head = isPart ? FetchHead.whole(fields) : FetchHead.make(fields, validating: candidate?.fields)
    sink.fetch = worker.fetch(head, by: forward, like: request, origin: question?.origin, sink)
    if sink.fetch == nil {
      fill.refuse(.notShared)
      service.fills.end(fill)
    }
  }

  func follow(_ fill: Fill, isLeader: Bool) {
    follow = Following(fill, isLeader: isLeader, self)
    follow?.proceed()
  }

  /// The fill was of no use for this request: it looks anew, and in the end goes by itself.
  func tryAgain() {
    follow = nil
    turns += 1
    if turns >= CacheRequest.turnsMax { return pass(reason) }
    onDisk = []
    lookUp()
  }

  /// Fetches behind the back of a request that is served stale (RFC 5861 §3).
  private func revalidateBehind(_ stored: CachedResponse) {
    let collapse = service.collapseKey(key, fields, worker)
    // What is served can wait for another time, where the fetches under way are too many.
    guard let request = reply.request, let place = service.fillGate.enter() else { return }
    guard case .lead(let fill) = service.fills.join(collapse, of: key) else { return }
    let sink = FillSink(self, fill, candidate: stored, candidateKey: candidateKey, isBehind: true)
    sink.place = place
    sink.fetch = worker.fetch(FetchHead.make(fields, validating: stored.fields), by: forward, like: request, origin: question?.origin, sink)
    if sink.fetch == nil {
      fill.refuse(.notShared)
      service.fills.end(fill)
    }
  }
}
