// Which certificate answers to which server name (RFC 6066 §3): exact names before wildcards, the first certificate for the rest.
// Knows names only; the contexts behind the indexes are the server context's.

/// Server names to certificate indexes.
struct TLSNameTable: Sendable {
  private var exact: [String: Int] = [:]
  /// Keyed by what follows "*."; a wildcard stands for exactly one label (RFC 6125 §6.4.3).
  private var wildcard: [String: Int] = [:]

  /// - Parameter certificates: the names of each certificate, in order of preference: where two bear one name the earlier wins.
  init(_ certificates: [[String]]) {
    for (index, names) in certificates.enumerated() {
      for name in names {
        let name = Self.normalized(name)
        if name.hasPrefix("*.") {
          let parent = String(name.dropFirst(2))
          if wildcard[parent] == nil { wildcard[parent] = index }
        } else if exact[name] == nil {
          exact[name] = index
        }
      }
    }
  }

  /// The certificate for a name, or nil when none bears it.
  func index(of serverName: String) -> Int? {
    let name = Self.normalized(serverName)
    if let index = exact[name] { return index }
    if wildcard.isEmpty { return nil }
    guard let dot = name.firstIndex(of: "."), dot != name.startIndex else { return nil }
    return wildcard[String(name[name.index(after: dot)...])]
  }

  /// ASCII lower case, without the root's dot.
  private static func normalized(_ name: String) -> String {
    var bytes = Array(name.utf8)
    if bytes.last == UInt8(ascii: ".") { bytes.removeLast() }
    for i in bytes.indices where bytes[i] >= UInt8(ascii: "A") && bytes[i] <= UInt8(ascii: "Z") { bytes[i] |= 0x20 }
    return String(decoding: bytes, as: UTF8.self)
  }
}
