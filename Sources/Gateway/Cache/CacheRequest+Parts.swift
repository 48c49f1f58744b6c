// Requests for a part of something that is not stored whole: a stored part may have it, and what the origin sends of it is kept.
import Cache
import Proxy
import Runtime

extension CacheRequest {
  /// Whether a part that is kept would be of use: one without a condition that only the whole could answer.
  var wantsPart: Bool {
    !isHead && fields.has("range") && !fields.has("if-range") && !fields.has("if-none-match") && !fields.has("if-modified-since")
  }

  /// Serves what is asked for from a stored part; false where there is none that has it all and is fresh.
  func servePart() -> Bool {
    guard wantsPart, let stored = storedPart else { return false }
    guard let part = StoredPart(stored.fields), case .fresh = Reuse.judge(stored.terms, directives, now: now) else { return false }
    let whole = HeadFields(head: StoredPart.headOfWhole(stored.fields))
    guard case .one(let range) = ByteRanges.select(request: fields, response: whole, completeLength: part.completeLength),
      part.range.lowerBound <= range.lowerBound, range.upperBound <= part.range.upperBound
    else {
      reason = .partial
      return false
    }
    let line = CacheStatusLine(.hit, ttl: stored.terms.remaining(now), detail: stored.disk == nil ? "memory" : "disk")
    service.note(line, worker)
    if stored.disk != nil { service.noteDiskHit(worker) }
    let added = lines(line) + Array("Age: \(max(0, stored.terms.age(now)))\r\n".utf8)
    let inPart = (range.lowerBound - part.range.lowerBound)..<(range.upperBound - part.range.lowerBound)
    send(206, ByteRanges.partialHead(whole, range, completeLength: part.completeLength), added, stored, inPart)
    return true
  }

  /// Asks the origin for the part, together with others that want the same.
  func joinPart() {
    guard reply.isOpen else { return }
    let collapse = CacheService.partKey(key) + (fields.first("range").map { Array($0) } ?? [])
    if service.fills.isUnshared(collapse, now: now) { return pass(reason) }
    switch service.fills.join(collapse, of: key) {
    case .lead(let fill): lead(fill, isPart: true)
    case .follow(let fill): followInTime(fill)
    case .crowded: pass(reason)
    }
  }
}

extension CacheService {
  /// Where the part of a key's response is kept: no other key ends so, since a key says how long each of its parts is.
  static func partKey(_ key: [UInt8]) -> [UInt8] { key + [1] }

  /// Keeps a part, joined with what is kept of the same representation; all of it together is the whole.
  func storePart(_ key: [UInt8], _ head: Fill.Head, _ pieces: [FillPiece], since position: UInt64) {
    let fields = HeadFields(head: head.text)
    guard var part = StoredPart(fields), case .none = head.variance else { return }
    var body = pieces
    if let stored = peekPart(key), let other = StoredPart(stored.fields), StoredPart.areOfOne(stored.fields, fields),
      let joined = part.joined(with: other), joined.part.range.count <= bodyBytesMax
    {
      let (before, after) = stored.withBody { (FillPiece(Array($0[joined.before])), FillPiece(Array($0[joined.after]))) }
      body = [before] + body + [after]
      part = joined.part
    }
    let whole = StoredPart.headOfWhole(fields)
    if part.isWhole {
      var kept = head
      (kept.status, kept.text) = (200, whole)
      return store(key, kept, body, since: position)
    }
    var kept = head
    kept.text = ByteRanges.partialHead(HeadFields(head: whole), part.range, completeLength: part.completeLength)
    let tags = CacheTags.hashes(fields)
    purges.gate.pass(key, tags, since: position) {
      // On disk it has the place of the whole, so that it goes when that comes, or is removed.
      storeOnDisk(key, kept, body)
      expireLookups(key)
      insert(CacheService.partKey(key), kept, body, tags)
    }
    dropIfMoved(key)
  }

  private func peekPart(_ key: [UInt8]) -> CachedResponse? {
    guard let reader = memory.makeReader() else { return nil }
    defer { memory.close(reader) }
    reader.enter()
    defer { reader.leave() }
    let found = CacheService.partKey(key).withUnsafeBytes { reader.peek(hash($0), $0) }
    return found.map { CachedResponse($0) }
  }
}
