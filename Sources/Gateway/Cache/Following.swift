// A request's way through a fill: it takes what has come, at its client's pace, and goes its own way where the fill is of no use to it.
import Cache
import Proxy
import Runtime

/// One follower of a fill; the leader's client is one too.
///
/// SAFETY: (@unchecked Sendable) confined to its worker's thread; the fill's calls only post to that worker.
final class Following: @unchecked Sendable {
  private let fill: Fill
  private let isLeader: Bool
  private let request: CacheRequest
  private var listener: UInt64 = 0
  private var taken = 0
  private var hasBegun = false
  private var hasLeft = false

  /// - Parameter hasBegun: its client has the head already.
  init(_ fill: Fill, isLeader: Bool, hasBegun: Bool = false, _ request: CacheRequest) {
    self.fill = fill
    self.isLeader = isLeader
    self.hasBegun = hasBegun
    self.request = request
    let worker = request.worker
    listener = fill.listen { [weak self] in
      guard let self else { return }
      if worker.isCurrent { self.proceed() } else { worker.post { _ in self.proceed() } }
    }
    request.reply.whenGone { [weak self] in self?.leave() }
  }

  func leave() {
    if hasLeft { return }
    hasLeft = true
    fill.leave(listener)
    request.follow = nil
  }

  func proceed() {
    if hasLeft { return }
    let reply = request.reply
    guard reply.isOpen else { return leave() }
    if hasBegun && reply.isBlocked { return reply.whenWritable { [weak self] in self?.proceed() } }
    switch fill.progress(behind: taken, listener) {
    case .waiting: break
    case .refused(let refusal): refused(refusal)
    case .broken:
      leave()
      reply.fail(.upstreamReset)
    case .body(let pieces, let isComplete): take(pieces, isComplete)
    case .dismissed(let taken):
      let head = fill.head
      leave()
      if hasBegun, let head { request.resume(head, behind: taken) } else { request.pass(request.reason) }
    }
  }

  private func refused(_ refusal: FillRefusal) {
    switch refusal {
    case .notShared:
      leave()
      request.pass(request.reason)
    case .renewed:
      leave()
      request.tryAgain()
    case .failed:
      leave()
      request.failed(Fault(rawValue: fill.fault) ?? .upstreamReset, status: fill.status)
    }
  }

  private func take(_ pieces: [FillPiece], _ isComplete: Bool) {
    if !hasBegun {
      guard let head = fill.head else { return }
      if !isLeader && (!head.isKept || !head.variance.isMatch(request.fields, head.variant)) {
        leave()
        return request.tryAgain()
      }
      let line = line(head)
      // A part, or a condition, is looked at when all is there.
      if head.status != 206 && (isComplete && fill.keepsAll || request.isConditional) {
        if !fill.keepsAll {
          leave()
          return request.pass(request.reason)
        }
        guard isComplete else { return }
        leave()
        return request.serve(CachedResponse(head, fill.pieces), status: line)
      }
      hasBegun = true
      request.begin(head, line)
    }
    for piece in pieces {
      guard request.reply.isOpen else { return leave() }
      if request.reply.isBlocked { return request.reply.whenWritable { [weak self] in self?.proceed() } }
      guard fill.claim(through: taken + 1, listener) else { return proceed() }
      taken += 1
      piece.bytes.withUnsafeBytes { request.reply.write($0) }
    }
    if isComplete {
      leave()
      request.reply.finish()
    }
  }

  private func line(_ head: Fill.Head) -> CacheStatusLine {
    var line = CacheStatusLine(.fwd(request.reason))
    line.fwdStatus = head.isRenewed ? 304 : head.status
    line.stored = head.isKept && fill.keepsAll && !fill.isExpired
    line.collapsed = !isLeader
    return line
  }
}
