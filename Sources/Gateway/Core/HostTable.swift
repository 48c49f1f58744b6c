// Owns the choice of an API by the request's host, compiled flat. HostPattern owns the grammar of patterns; whether a request
// without Host is acceptable at all (RFC 9112 section 3.2) is the engine's to say, here it can only match "*".

/// The hosts of all APIs: exact names before wildcards before "*".
///
/// A wildcard stands for exactly one label, so at most one wildcard can match a host, and no order among them is needed.
// SAFETY: @unchecked Sendable: all memory is written before init returns and never again; it is freed in deinit, when the last
// reference is gone, so every thread that can reach it only reads.
public final class HostTable: @unchecked Sendable {
  // Exact names are stored as they are, wildcards by their suffix with its dot; no exact name begins with a dot, so one hash table
  // holds both.
  // SAFETY: `slots` has `mask + 1` elements, `blob` all the ranges that the slots name; the compiler below makes both together.
  private let slots: UnsafeMutablePointer<HostSlot>
  private let mask: UInt32
  private let blob: UnsafeMutablePointer<UInt8>
  private let anyAPI: Int32
  private let hasNames: Bool

  /// Compiles hosts.
  ///
  /// - Parameter hosts: the patterns with the index of the API that each belongs to, which must not be negative.
  /// - Throws: every pattern that stands twice, at once.
  public static func compile(_ hosts: [(pattern: HostPattern, api: Int32)]) throws(HostTableFaults) -> HostTable {
    var anyAPI: Int32 = -1
    var named: [(bytes: [UInt8], api: Int32)] = []
    var owners: [HostPattern.Form: Int] = [:]
    var faults: [HostTableFault] = []
    for (index, (pattern, api)) in hosts.enumerated() {
      precondition(api >= 0, "host \(pattern) belongs to API \(api)")
      if let earlier = owners[pattern.form] {
        faults.append(HostTableFault(host: index, earlier: earlier, pattern: pattern.text))
        continue
      }
      owners[pattern.form] = index
      switch pattern.form {
      case .any: anyAPI = api
      case .exact(let name): named.append((Array(name.utf8), api))
      case .wildcard(let suffix): named.append((Array(suffix.utf8), api))
      }
    }
    if !faults.isEmpty { throw HostTableFaults(faults: faults) }
    return HostTable(named, anyAPI)
  }

  private init(_ named: [(bytes: [UInt8], api: Int32)], _ anyAPI: Int32) {
    var count = 2
    while count < named.count * 2 { count *= 2 }
    mask = UInt32(count - 1)
    self.anyAPI = anyAPI
    hasNames = !named.isEmpty
    slots = .allocate(capacity: count)
    slots.initialize(repeating: HostSlot(), count: count)
    blob = .allocate(capacity: max(named.reduce(0) { $0 + $1.bytes.count }, 1))
    var written = 0
    for (bytes, api) in named {
      let hash = bytes.reduce(HostSlot.hashSeed) { HostSlot.mix($0, $1) }
      var slot = hash & mask
      while slots[Int(slot)].api >= 0 { slot = (slot + 1) & mask }
      slots[Int(slot)] = HostSlot(hash: hash, api: api, offset: UInt32(written), count: UInt32(bytes.count))
      for byte in bytes {
        blob[written] = byte
        written += 1
      }
    }
  }

  deinit {
    // SAFETY: the elements are trivial types, so freeing without deinitializing leaks nothing.
    slots.deallocate()
    blob.deallocate()
  }

  /// The API for a host.
  ///
  /// - Parameters:
  ///   - host: the Host field, `:authority`, or server name as received: any case, port and trailing dot allowed.
  ///   - count: its length in bytes; 0 for a request without host.
  /// - Returns: the API's index, or -1 when no pattern matches.
  // SAFETY: reads only host[0..<count]; the caller keeps it alive and unchanged during the call.
  public func match(_ host: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
    if !hasNames { return anyAPI }
    let end = HostTable.nameEnd(host, count)
    if end == 0 || end > HostPattern.bytesMax || host[0] == UInt8(ascii: ".") { return anyAPI }
    let exact = find(host, from: 0, to: end)
    if exact >= 0 { return exact }
    var dot = 1
    while dot < end && host[dot] != UInt8(ascii: ".") { dot &+= 1 }
    if dot == end { return anyAPI }
    let wildcard = find(host, from: dot, to: end)
    return wildcard >= 0 ? wildcard : anyAPI
  }

  /// Where the name ends: before the port (RFC 3986 section 3.2), and before one trailing dot.
  @inline(__always)
  private static func nameEnd(_ host: UnsafePointer<UInt8>, _ count: Int) -> Int {
    if count == 0 { return 0 }
    var end = 0
    if host[0] == UInt8(ascii: "[") {
      while end < count && host[end] != UInt8(ascii: "]") { end &+= 1 }
      return end < count ? end &+ 1 : 0
    }
    while end < count && host[end] != UInt8(ascii: ":") { end &+= 1 }
    return end > 1 && host[end &- 1] == UInt8(ascii: ".") ? end &- 1 : end
  }

  @inline(__always)
  private func find(_ host: UnsafePointer<UInt8>, from start: Int, to end: Int) -> Int32 {
    var hash = HostSlot.hashSeed
    var index = start
    while index < end {
      hash = HostSlot.mix(hash, HostPattern.lowercased(host[index]))
      index &+= 1
    }
    var slot = hash & mask
    while true {
      let candidate = slots[Int(slot)]
      if candidate.api < 0 { return -1 }
      if candidate.hash == hash && Int(candidate.count) == end &- start && equals(candidate, host + start) { return candidate.api }
      slot = (slot &+ 1) & mask
    }
  }

  @inline(__always)
  private func equals(_ slot: HostSlot, _ host: UnsafePointer<UInt8>) -> Bool {
    let name = blob + Int(slot.offset)
    var index = 0
    while index < Int(slot.count) {
      if name[index] != HostPattern.lowercased(host[index]) { return false }
      index &+= 1
    }
    return true
  }
}

/// A pattern that more than one API, or one API twice, claims.
public struct HostTableFault: Error, Equatable, Sendable {
  /// The index of the later and of the earlier pattern in the list that was compiled.
  public let host: Int
  public let earlier: Int
  public let pattern: String
}

/// All the faults of a list of hosts.
public struct HostTableFaults: Error, Equatable, Sendable {
  public let faults: [HostTableFault]
}

/// A slot of the hash table; empty when the API is -1. At most half are full, so that an empty one ends every probe.
private struct HostSlot: BitwiseCopyable {
  var hash: UInt32 = 0
  var api: Int32 = -1
  var offset: UInt32 = 0
  var count: UInt32 = 0

  // FNV-1a. Only the operator chooses what is stored under it, so it needs no secret.
  @inline(__always)
  static var hashSeed: UInt32 { 2_166_136_261 }

  @inline(__always)
  static func mix(_ hash: UInt32, _ byte: UInt8) -> UInt32 { (hash ^ UInt32(byte)) &* 16_777_619 }
}
