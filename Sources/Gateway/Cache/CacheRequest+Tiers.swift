// A request's look-up through the tiers: RAM at once, then the disk, for which it waits; then it is judged.
import Cache
import Proxy
import Runtime

extension CacheRequest {
  /// What the tiers have under one key.
  private enum Found {
    /// The look-up goes on when the disk has answered.
    case waits
    case nothing
    case index(VariantIndex)
    case response(CachedResponse)
  }

  /// Looks for a response that the request may be answered with, and goes on with whatever there is.
  func lookUp() {
    candidate = nil
    candidateKey = key
    switch find(key) {
    case .waits: return
    case .nothing: reason = .uriMiss
    case .response(let stored): candidate = stored
    case .index(let variants):
      reason = .varyMiss
      for names in variants.names {
        let variantKey = variants.key(of: key, Variance.key(names, fields))
        switch find(variantKey) {
        case .waits: return
        case .nothing, .index: continue
        case .response(let stored): (candidate, candidateKey) = (stored, variantKey)
        }
        break
      }
    }
    judge()
  }

  private func find(_ key: [UInt8]) -> Found {
    // What was asked for before what has come to RAM by it: the two are the same, and this one is known to be there.
    if let found = onDisk.first(where: { $0.key == key }) {
      switch found.found {
      case .nothing, .part: break
      case .index(let index): return .index(index)
      case .response(let response): if let stored = CachedResponse(response) { return .response(stored) }
      }
    }
    // What is kept for a moment is good for plain hits alone: later nobody would tell that it has become stale.
    if let entry = service.find(key, worker), entry.flags & CopyMark.lease == 0 {
      if entry.flags & CopyMark.any != 0 { service.adopt(entry, self.key) }
      return VariantIndex(entry).map { .index($0) } ?? .response(CachedResponse(entry))
    }
    guard service.asksDisk, service.purges.pulse.allows(now), !onDisk.contains(where: { $0.key == key }) else { return .nothing }
    // Whoever fetches has asked the disk; what is not shared is not there.
    let collapse = service.collapseKey(self.key, fields, worker)
    if service.fills.isUnderWay(collapse) || service.fills.isUnshared(collapse, now: now) { return .nothing }
    askDisk(key)
    return .waits
  }

  private func askDisk(_ wanted: [UInt8]) {
    diskQuestion += 1
    let (number, worker) = (diskQuestion, worker)
    diskAlarm = worker.after(DiskCache.patienceOfRequest) { [self] in heard(.nothing, of: wanted, number) }
    service.lookUpOnDisk(wanted, of: key) { [self] found in worker.post { [self] _ in heard(found, of: wanted, number) } }
  }

  private func heard(_ found: DiskFound, of wanted: [UInt8], _ number: UInt64) {
    guard number == diskQuestion else { return }
    diskQuestion += 1
    worker.cancel(alarm: diskAlarm)
    onDisk.append((wanted, found))
    if reply.isOpen { lookUp() }
  }

  /// A part of the response that is stored while the whole is not.
  var storedPart: CachedResponse? {
    for case (key, .part(let part)) in onDisk { return CachedResponse(part) }
    return service.find(CacheService.partKey(key), worker).map { CachedResponse($0) }
  }

  /// Sends what is stored from disk as the client takes it.
  func stream(_ head: [UInt8], _ added: [UInt8], _ stored: CachedResponse, _ range: Range<Int>?) {
    guard let disk = stored.disk, let rest = stored.rest else { preconditionFailure("a body in memory is streamed from disk") }
    DiskStreaming(reply, first: disk.first, rest: rest, range: range ?? 0..<stored.bodyCount).begin(head + added)
  }
}
