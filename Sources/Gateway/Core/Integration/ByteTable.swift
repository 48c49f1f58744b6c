// Owns a table of names that is built once and asked for bytes in any case, without a copy of them.

/// Names and what stands under each. Names that differ only in case are one, and the first of them counts.
struct ByteTable<Value: Sendable>: Sendable {
  private struct Entry: Sendable {
    let hash: UInt32
    /// In lower case.
    let name: [UInt8]
    let value: Value
  }

  private var entries: [Entry] = []
  /// Open addressing, at most half full, so that an empty slot (-1) ends every probe.
  private var slots: [Int32]

  init(_ pairs: [(name: String, value: Value)]) {
    var count = 2
    while count < pairs.count * 2 { count *= 2 }
    slots = [Int32](repeating: -1, count: count)
    for (name, value) in pairs {
      let bytes = Array(name.utf8)
      if self[bytes[...]] != nil { continue }
      let hash = ByteTable.hash(bytes[...])
      var slot = Int(hash) & (count - 1)
      while slots[slot] >= 0 { slot = (slot + 1) & (count - 1) }
      slots[slot] = Int32(entries.count)
      entries.append(Entry(hash: hash, name: bytes.map(ASCII.lowercased), value: value))
    }
  }

  var isEmpty: Bool { entries.isEmpty }

  subscript(name: ArraySlice<UInt8>) -> Value? {
    let hash = ByteTable.hash(name)
    var slot = Int(hash) & (slots.count - 1)
    while slots[slot] >= 0 {
      let entry = entries[Int(slots[slot])]
      if entry.hash == hash && ASCII.equalsIgnoringCase(entry.name[...], name) { return entry.value }
      slot = (slot + 1) & (slots.count - 1)
    }
    return nil
  }

  /// FNV-1a over the name in lower case. Only the operator chooses what is stored under it, so it needs no secret.
  private static func hash(_ name: ArraySlice<UInt8>) -> UInt32 {
    name.reduce(2_166_136_261) { ($0 ^ UInt32(ASCII.lowercased($1))) &* 16_777_619 }
  }
}
