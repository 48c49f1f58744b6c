// What holds for every head, good or bad: how it was cut changes nothing, every offset lies inside, and what is copied on reads the same.
import Glibc
import Runtime

@testable import Proxy

struct HeadProperties {
  enum Kind { case request, response, trailers }

  static let narrow = HeadLimits(targetBytesMax: 24, headBytesMax: 64, fieldsMax: 4)

  private let kind: Kind
  private let bytes: UnsafeBufferPointer<UInt8>
  private let limits: HeadLimits

  init(_ kind: Kind, _ bytes: UnsafeBufferPointer<UInt8>, limits: HeadLimits = HeadLimits()) {
    self.kind = kind
    self.bytes = bytes
    self.limits = limits
  }

  func check() {
    var head = MessageHead()
    defer { head.deallocate() }
    let whole = withExactCopy(bytes[...]) { p, n in
      let verdict = parse(&head, p, n)
      require(verdict <= n, "a head of \(verdict) bytes in \(n)")
      require(verdict >= 0 || HeadFault(rawValue: verdict) != nil, "\(verdict) is no fault")
      if verdict > 0 { checkSpans(head, p, verdict) }
      return verdict
    }
    checkPrefixes(&head, whole)
    if whole > 0 { withExactCopy(bytes[..<whole]) { p, n in checkCopy(&head, p, n) } }
  }

  private func parse(_ head: inout MessageHead, _ p: Bytes, _ n: Int) -> Int {
    switch kind {
    case .request: head.parseRequest(p, n, limits)
    case .response: head.parseResponse(p, n, limits)
    case .trailers: head.parseTrailers(p, n, limits)
    }
  }

  /// A part of a head asks for more or gives the verdict of the whole; once there is a verdict, more bytes do not change it.
  private func checkPrefixes(_ head: inout MessageHead, _ whole: Int) {
    var settled = false
    for length in prefixLengths(of: bytes.count) {
      let verdict = withExactCopy(bytes[..<length]) { p, n in parse(&head, p, n) }
      require(verdict == 0 || verdict == whole, "\(verdict) after \(length) bytes, \(whole) after \(bytes.count)")
      require(verdict != 0 || !settled, "no verdict any more after \(length) bytes")
      if whole > 0 { require((verdict != 0) == (length >= whole), "\(verdict) after \(length) bytes of a head of \(whole)") }
      settled = verdict != 0
    }
  }

  private func checkSpans(_ head: MessageHead, _ p: Bytes, _ length: Int) {
    require(head.end == length && head.lineEnd <= length && head.start <= head.lineEnd, "line ends")
    require(head.count <= limits.fieldsMax, "\(head.count) fields")
    var last = head.lineEnd
    for k in 0..<head.count {
      let field = head.fields[k]
      let nameEnd = Int(field.name) + Int(field.nameCount)
      require(Int(field.name) == last, "field \(k) does not begin where the one before it ends")
      require(field.nameCount > 0 && nameEnd < Int(field.value), "name of field \(k)")
      let valueEnd = Int(field.value) + Int(field.valueCount)
      require(valueEnd <= length - 4, "value of field \(k)")
      // White space may follow the value up to its line end.
      last = valueEnd
      while last < length - 4 && p[last] != 13 { last += 1 }
      last += 2
    }
    require(last == length - 2, "the last field does not end at the blank line")
    if kind == .request { checkTarget(head) }
  }

  private func checkTarget(_ head: MessageHead) {
    let targetEnd = head.target + head.targetCount
    require(head.target == head.start + head.methodCount + 1 && targetEnd <= head.lineEnd - 11, "target")
    require(head.targetCount > 0 && head.targetCount <= limits.targetBytesMax, "length of the target")
    let pathEnd = head.path + head.pathCount + head.queryCount
    require(head.path >= head.target && pathEnd <= targetEnd, "path and query")
    let authorityEnd = head.authority + head.authorityCount
    if head.authorityCount > 0 { require(head.authority >= head.target && authorityEnd <= head.end - 4, "authority") }
    if head.targetForm == .origin { require(pathEnd == targetEnd && head.path == head.target, "origin-form") }
    require(!head.isChunked || head.contentLength < 0, "two framings")
  }

  /// Start line and end-to-end fields copied on are the same head without its hop-by-hop fields.
  private func checkCopy(_ head: inout MessageHead, _ p: Bytes, _ n: Int) {
    require(parse(&head, p, n) == n, "a second reading differs")
    let room = Bytes.allocate(capacity: n)
    defer { room.deallocate() }
    var o = put(room, 0, p, head.lineEnd)
    o = head.putFields(p, room, o, skipping: FieldID.hopByHop)
    require(o <= n - 2, "\(o) bytes copied of \(n)")
    o = put(room, o, "\r\n")
    var copied = MessageHead()
    defer { copied.deallocate() }
    withExactCopy(UnsafeBufferPointer(start: room, count: o)[...]) { q, m in
      require(parse(&copied, q, m) == m, "the copy is no head")
      require(copied.seen & FieldID.hopByHop == 0, "a hop-by-hop field was copied")
      var k = 0
      for i in 0..<head.count where FieldID.hopByHop & FieldID.bit(head.fields[i].id) == 0 {
        require(k < copied.count && isSame(head.fields[i], p, copied.fields[k], q), "field \(i) did not arrive")
        k += 1
      }
      require(k == copied.count, "the copy has fields of its own")
    }
  }

  private func isSame(_ a: Field, _ p: Bytes, _ b: Field, _ q: Bytes) -> Bool {
    a.id == b.id && a.nameCount == b.nameCount && a.valueCount == b.valueCount
      && memcmp(p + Int(a.name), q + Int(b.name), Int(a.nameCount)) == 0
      && memcmp(p + Int(a.value), q + Int(b.value), Int(a.valueCount)) == 0
  }
}
