// Owns: reading a key again: the parts of its URI, and how its query was chosen. What is compared with them is Purge's.
import Runtime

/// A key cut into what a purge looks at.
///
/// SAFETY: views into the key's bytes; whoever makes one keeps those while it is used.
struct CacheKeyParts {
  /// How the query of a key came about.
  enum QueryChoice: Equatable {
    case all
    case none
    case named([String])
  }

  let scheme: CacheScheme
  /// Empty where the host is no part of the key.
  let host: UnsafeRawBufferPointer
  let path: UnsafeRawBufferPointer
  /// With its question mark, or empty; of chosen parameters those that were there.
  let query: UnsafeRawBufferPointer
  /// Path and query together.
  let target: UnsafeRawBufferPointer
  private let rest: UnsafeRawBufferPointer

  /// - Parameter key: of a response, of an index of variants or of a variant: what stands behind the key's own parts does not matter.
  /// - Returns: nil for bytes that are no key of this version.
  init?(_ key: UnsafeRawBufferPointer) {
    guard key.count >= CacheKey.prefixBytes, key[0] == CacheKey.version else { return nil }
    func length(at: Int) -> Int { (0..<4).reduce(0) { $0 << 8 | Int(key[at + $1]) } }
    let (uriBytes, hostBytes) = (length(at: 1), length(at: 5))
    guard uriBytes <= key.count - CacheKey.prefixBytes else { return nil }
    let uri = UnsafeRawBufferPointer(rebasing: key[CacheKey.prefixBytes..<(CacheKey.prefixBytes + uriBytes)])
    let isSecure = uri.count > 4 && uri[4] == 0x73
    scheme = isSecure ? .https : .http
    let start = scheme.text.utf8CodeUnitCount
    guard hostBytes <= uriBytes - start else { return nil }
    host = UnsafeRawBufferPointer(rebasing: uri[start..<(start + hostBytes)])
    target = UnsafeRawBufferPointer(rebasing: uri[(start + hostBytes)...])
    let mark = target.firstIndex(of: 0x3F) ?? target.count
    path = UnsafeRawBufferPointer(rebasing: target[..<mark])
    query = UnsafeRawBufferPointer(rebasing: target[mark...])
    rest = UnsafeRawBufferPointer(rebasing: key[(CacheKey.prefixBytes + uriBytes)...])
  }

  /// Nil for bytes that are no key of this version.
  var queryChoice: QueryChoice? {
    var reader = ByteReader(rest)
    do throws(ByteReadError) {
      // The space, the method, whether the host counts.
      try reader.skip(Int(try reader.readUInt32()))
      try reader.skip(2)
      switch try reader.readUInt8() {
      case 0: return .all
      case 1: return QueryChoice.none
      case 2:
        var names: [String] = []
        for _ in 0..<min(Int(try reader.readUInt32()), reader.remaining) {
          names.append(String(decoding: try reader.readBytes(Int(try reader.readUInt32())), as: UTF8.self))
        }
        return .named(names)
      case _: return nil
      }
    } catch { return nil }
  }
}
