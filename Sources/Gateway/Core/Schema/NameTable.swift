// Owns: a set of names that is fixed when a schema is compiled, and the look-up of one by its bytes, without allocating.
import Runtime

/// Names, each with the index at which it was given. Open addressing; at most half of the places are taken, so that a look-up looks at
/// few, and at how many does not depend on the request: whoever chose the names chose the collisions.
struct NameTable: Sendable {
  private struct Entry {
    var hash: UInt64
    var start: Int32
    var count: Int32
    var index: Int32
  }

  private var entries: [Entry]
  private var bytes: [UInt8] = []
  private let mask: Int

  /// - Parameter names: of equal ones the first counts.
  init(_ names: [String]) {
    var places = 2
    while places < names.count * 2 { places *= 2 }
    mask = places - 1
    entries = Array(repeating: Entry(hash: 0, start: 0, count: 0, index: -1), count: places)
    for (index, name) in names.enumerated() where self.index(of: name) < 0 {
      let hash = Self.hash(name.utf8.span)
      var place = Int(truncatingIfNeeded: hash) & mask
      while entries[place].index >= 0 { place = (place + 1) & mask }
      entries[place] = Entry(hash: hash, start: Int32(bytes.count), count: Int32(name.utf8.count), index: Int32(index))
      bytes.append(contentsOf: name.utf8)
    }
  }

  /// - Returns: the index of the name in the list that the table was made of, or -1.
  func index(of name: String) -> Int {
    let text = name.utf8.span
    let hash = Self.hash(text)
    var place = Int(truncatingIfNeeded: hash) & mask
    while true {
      let entry = entries[place]
      if entry.index < 0 { return -1 }
      if entry.hash == hash, Int(entry.count) == text.count, isSame(text, Int(entry.start)) { return Int(entry.index) }
      place = (place + 1) & mask
    }
  }

  private func isSame(_ text: Span<UInt8>, _ start: Int) -> Bool {
    for offset in 0..<text.count where bytes[start + offset] != text[offset] { return false }
    return true
  }

  // SAFETY: the hash reads the span's own memory, only during the call.
  private static func hash(_ text: Span<UInt8>) -> UInt64 {
    text.withUnsafeBufferPointer { StableHash.hash(UnsafeRawBufferPointer($0)) }
  }
}
