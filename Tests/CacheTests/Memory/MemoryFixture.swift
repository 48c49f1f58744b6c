// Keys, bodies that name their key, and a tier with one reader.
import Runtime

@testable import Cache

enum MemoryFixture {
  static func key(_ number: UInt64) -> [UInt8] { Array("GET example.test/objects/\(number)".utf8) }

  static func hash(_ number: UInt64) -> EntryHash {
    EntryHash(high: StableHash.avalanche(number &+ 1), low: StableHash.avalanche(number ^ 0x5555_5555_5555_5555))
  }

  /// A body that only this key and version has: the word at each place follows from both and the place.
  static func body(_ number: UInt64, version: UInt64 = 0, words: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(8 * (words + 1))
    withUnsafeBytes(of: version) { bytes.append(contentsOf: $0) }
    for place in 0..<words { withUnsafeBytes(of: word(number, version, place)) { bytes.append(contentsOf: $0) } }
    return bytes
  }

  private static func word(_ number: UInt64, _ version: UInt64, _ place: Int) -> UInt64 {
    StableHash.avalanche(number &* 0x9E37_79B9_7F4A_7C15 &+ version &* 31 &+ UInt64(place))
  }

  /// Whether a body is whole and the key's.
  static func isWhole(_ body: UnsafeRawBufferPointer, of number: UInt64) -> Bool {
    guard body.count >= 8, body.count % 8 == 0 else { return false }
    let version = body.loadUnaligned(as: UInt64.self)
    return (1..<body.count / 8).allSatisfy { body.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self) == word(number, version, $0 - 1) }
  }
}

extension MemoryTier {
  @discardableResult
  func store(_ number: UInt64, version: UInt64 = 0, words: Int = 16, tags: [UInt64] = [], hash: EntryHash? = nil) -> MemoryOutcome {
    let (key, body) = (MemoryFixture.key(number), MemoryFixture.body(number, version: version, words: words))
    let head = Array("HTTP/1.1 200 OK\r\n".utf8)
    return key.withUnsafeBytes { key in
      head.withUnsafeBytes { head in
        body.withUnsafeBytes { body in
          let half = body.count / 2
          let pieces = [UnsafeRawBufferPointer(rebasing: body[..<half]), UnsafeRawBufferPointer(rebasing: body[half...])]
          let parts = EntryParts(key: key, head: head, body: pieces, terms: EntryTerms(freshUntil: Int64(number)), tags: tags)
          return insert(hash ?? MemoryFixture.hash(number), parts)
        }
      }
    }
  }

  @discardableResult
  func drop(_ number: UInt64) -> Bool { MemoryFixture.key(number).withUnsafeBytes { remove(MemoryFixture.hash(number), $0) } }
}

extension MemoryReader {
  func find(_ number: UInt64, hash: EntryHash? = nil) -> MemoryEntry? {
    MemoryFixture.key(number).withUnsafeBytes { find(hash ?? MemoryFixture.hash(number), $0) }
  }

  /// The version of a key's body, if it is stored; nil too when the body is not whole.
  func version(_ number: UInt64) -> UInt64? {
    guard let entry = find(number), MemoryFixture.isWhole(entry.body, of: number) else { return nil }
    return entry.body.loadUnaligned(as: UInt64.self)
  }
}
