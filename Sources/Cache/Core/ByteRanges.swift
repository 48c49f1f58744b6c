// Owns: which bytes of a stored response a range request gets (RFC 9110 §14, §13.1.5). The heads of such answers are written in
// ByteRanges+Heads.swift; sending the bytes is the engine's.

public enum RangeSelection: Sendable, Equatable {
  /// The whole response: no range was asked for, or the request for one does not count.
  case whole
  /// 206 with one range; not empty, within the body.
  case one(Range<Int>)
  /// 206 as multipart/byteranges: 2 to `ByteRanges.partsMax` ranges that neither overlap nor touch, in the order of the request.
  case many([Range<Int>])
  /// 416.
  case unsatisfiable
}

public enum ByteRanges {
  /// Most parts of an answer; whoever asks for more gets the whole (§14.2 allows to ignore what looks like an attack, §17.15).
  public static let partsMax = 16
  /// Most ranges of a request that are looked at before overlaps are joined.
  static let specsMax = 64

  /// - Parameters:
  ///   - request: counts only with GET (§14.2).
  ///   - response: the stored head; only a 200 is cut.
  ///   - completeLength: bytes of the stored body.
  public static func select(request: HeadFields, response: HeadFields, completeLength: Int) -> RangeSelection {
    guard request.startLine.starts(with: Array("GET ".utf8)), response.status == 200, !request.isBroken else { return .whole }
    // Said twice, even alike, is not a Range field that means anything.
    let lines = request.all("range")
    guard lines.count == 1, conditionHolds(request, response), let specs = parse(lines[0]) else { return .whole }
    let satisfiable = specs.compactMap { $0.range(in: completeLength) }
    if satisfiable.isEmpty {
      // A suffix of nothing is all of it, and there is no Content-Range for an empty range (§14.1.2).
      let wantsSuffix = completeLength == 0 && specs.contains { if case .suffix(let count) = $0 { count > 0 } else { false } }
      return wantsSuffix ? .whole : .unsatisfiable
    }
    let parts = coalesced(satisfiable)
    if parts.count > partsMax { return .whole }
    return parts.count == 1 ? .one(parts[0]) : .many(parts)
  }

  /// If-Range: the stored response is the one that the client has parts of (§13.1.5). A tag compares strongly; a date has to be exactly
  /// Last-Modified, which has to be a strong validator: at least a second older than Date (§8.8.2.2).
  private static func conditionHolds(_ request: HeadFields, _ response: HeadFields) -> Bool {
    let conditions = request.all("if-range")
    guard let condition = conditions.first else { return true }
    guard conditions.count == 1 else { return false }
    if let tag = EntityTag(condition) { return EntityTag.of(response).map { tag.matchesStrongly($0) } ?? false }
    guard let text = response.single("last-modified"), text == condition, let changed = HTTPDate.parse(text, now: 0),
      let date = response.single("date").flatMap({ HTTPDate.parse($0, now: 0) })
    else { return false }
    return changed < date
  }

  private enum Spec {
    case from(Int, to: Int)
    case suffix(Int)

    func range(in length: Int) -> Range<Int>? {
      switch self {
      case .from(let first, let last):
        return first < length ? first..<(min(last, length - 1) + 1) : nil
      case .suffix(let count):
        return count > 0 && length > 0 ? (length - min(count, length))..<length : nil
      }
    }
  }

  /// The specs of a `bytes` range; nil for another unit, anything that is not in the grammar, or too many.
  private static func parse(_ value: ArraySlice<UInt8>) -> [Spec]? {
    guard let equals = value.firstIndex(of: 0x3D), Octets.equals(value[value.startIndex..<equals], "bytes") else { return nil }
    var specs: [Spec] = []
    for element in value[(equals + 1)...].split(separator: 0x2C, maxSplits: specsMax + 1, omittingEmptySubsequences: true) {
      let text = Octets.trimmed(element)
      if text.isEmpty { continue }
      guard specs.count < specsMax, let spec = spec(text) else { return nil }
      specs.append(spec)
    }
    return specs.isEmpty ? nil : specs
  }

  private static func spec(_ text: ArraySlice<UInt8>) -> Spec? {
    guard let dash = text.firstIndex(of: 0x2D) else { return nil }
    let (left, right) = (text[text.startIndex..<dash], text[(dash + 1)...])
    // What is beyond any body counts as its end; one less than the greatest number, so that a bound can be one more.
    let limit = Int64.max - 1
    if left.isEmpty { return Octets.decimal(right, limit: limit).map { .suffix(Int($0)) } }
    guard let first = Octets.decimal(left, limit: limit) else { return nil }
    if right.isEmpty { return .from(Int(first), to: Int(limit)) }
    guard let last = Octets.decimal(right, limit: limit), first <= last else { return nil }
    return .from(Int(first), to: Int(last))
  }

  /// Overlapping and touching ranges joined (§15.3.7.2), each where its first one stood.
  private static func coalesced(_ ranges: [Range<Int>]) -> [Range<Int>] {
    let order = ranges.indices.sorted { (ranges[$0].lowerBound, $0) < (ranges[$1].lowerBound, $1) }
    var joined: [(range: Range<Int>, place: Int)] = []
    for i in order {
      if let last = joined.last, ranges[i].lowerBound <= last.range.upperBound {
        let upper = max(last.range.upperBound, ranges[i].upperBound)
        joined[joined.count - 1] = (last.range.lowerBound..<upper, min(last.place, i))
      } else {
        joined.append((ranges[i], i))
      }
    }
    return joined.sorted { $0.place < $1.place }.map(\.range)
  }
}
