// Owns: reading SRV records with their TTL out of a DNS answer (RFC 1035 §4, RFC 2782): c-ares 1.18 parses SRV records but drops their
// TTL. The bytes come from the network: whatever they are, reading ends, stays inside, and gives a value.

/// One SRV record.
struct ServiceRecord: Equatable, Sendable {
  /// Host name without a trailing dot; empty for the root, which means "no such service" (RFC 2782).
  var target: String
  var port: UInt16
  /// Lower comes first.
  var priority: UInt16
  var weight: UInt16
  var ttlSeconds: UInt32
}

enum ServiceAnswer {
  /// Records that are read of one answer; the rest is ignored.
  static let recordsMax = 64
  /// Longest answer over TCP.
  static let bytesMax = 65535
  private static let headerBytes = 12
  private static let typeCNAME: UInt16 = 5
  private static let typeSRV: UInt16 = 33
  private static let classIN: UInt16 = 1

  /// - Returns: the SRV records of the answer section in their order; a record's TTL is never longer than that of an alias in the same
  ///   answer. Nil for bytes that are no answer; a record with an impossible target is left out.
  static func records(_ bytes: [UInt8]) -> [ServiceRecord]? {
    guard bytes.count >= headerBytes, bytes.count <= bytesMax, bytes[2] & 0x80 != 0 else { return nil }
    var at = headerBytes
    for _ in 0..<number16(bytes, 4) {
      guard let after = skipName(bytes, at), after + 4 <= bytes.count else { return nil }
      at = after + 4
    }
    var records: [ServiceRecord] = []
    var aliasTTL = UInt32.max
    for _ in 0..<number16(bytes, 6) {
      guard let after = skipName(bytes, at), after + 10 <= bytes.count else { return nil }
      let data = after + 10
      let length = Int(number16(bytes, after + 8))
      guard data + length <= bytes.count else { return nil }
      // A TTL with its top bit set counts as zero (RFC 2181 §8).
      let raw = UInt32(number16(bytes, after + 4)) << 16 | UInt32(number16(bytes, after + 6))
      let ttl = raw > UInt32(Int32.max) ? 0 : raw
      if number16(bytes, after + 2) == classIN {
        switch number16(bytes, after) {
        case typeCNAME: aliasTTL = min(aliasTTL, ttl)
        case typeSRV where length >= 7 && records.count < recordsMax:
          if let target = name(bytes, data + 6, end: data + length) {
            records.append(
              ServiceRecord(
                target: target, port: number16(bytes, data + 4), priority: number16(bytes, data), weight: number16(bytes, data + 2),
                ttlSeconds: ttl))
          }
        default: break  // Records of other types may stand beside the ones asked for.
        }
      }
      at = data + length
    }
    for index in records.indices { records[index].ttlSeconds = min(records[index].ttlSeconds, aliasTTL) }
    return records
  }

  /// The caller has checked that two bytes stand there.
  @inline(__always)
  private static func number16(_ bytes: [UInt8], _ at: Int) -> UInt16 {
    UInt16(bytes[at]) << 8 | UInt16(bytes[at + 1])
  }

  /// Where a name ends in place: behind its root label or behind its first pointer.
  private static func skipName(_ bytes: [UInt8], _ start: Int) -> Int? {
    var at = start
    while at < bytes.count {
      let length = Int(bytes[at])
      if length == 0 { return at + 1 }
      if length & 0xc0 == 0xc0 { return at + 2 <= bytes.count ? at + 2 : nil }
      guard length & 0xc0 == 0 else { return nil }
      at += 1 + length
    }
    return nil
  }

  /// A host name with its pointers followed. Each pointer must lead backwards, to before where the reading last jumped from, so no loop
  /// can be built; RFC 2782 forbids them here, old servers use them nevertheless.
  /// - Parameter end: first byte behind the record, which the part in place must not pass.
  private static func name(_ bytes: [UInt8], _ start: Int, end: Int) -> String? {
    var text: [UInt8] = []
    var at = start
    var end = end
    var bound = start
    while at < end {
      let length = Int(bytes[at])
      if length == 0 { return String(decoding: text, as: UTF8.self) }
      if length & 0xc0 == 0xc0 {
        guard at + 1 < end else { return nil }
        let target = (length & 0x3f) << 8 | Int(bytes[at + 1])
        guard target >= headerBytes, target < bound else { return nil }
        bound = target
        at = target
        end = bytes.count
        continue
      }
      guard length & 0xc0 == 0, at + 1 + length <= end, text.count + (text.isEmpty ? 0 : 1) + length <= 253 else { return nil }
      if !text.isEmpty { text.append(UInt8(ascii: ".")) }
      for byte in bytes[(at + 1)..<(at + 1 + length)] {
        guard isHostByte(byte) else { return nil }
        text.append(byte)
      }
      at += 1 + length
    }
    return nil
  }

  /// Letters, digits, hyphen (RFC 1123 §2.1), and the underscore that is met in practice.
  private static func isHostByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x5f: true
    default: false
    }
  }
}
