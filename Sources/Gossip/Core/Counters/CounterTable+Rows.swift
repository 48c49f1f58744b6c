// Other members' shares of keys, one row per key and member: what makes a repeated batch count once. A row also says that its member uses
// the key, so that an owner tells it the totals.
import Runtime

struct ShareRow: Sendable {
  var slot: Int32
  /// The place of the member's life among `CounterMembers.lives`.
  var life: Int32
  /// The key's next row, -1 for none.
  var next: Int32
  /// The newest slice of the ring.
  var head: UInt64
  var ring = SliceRing()
  /// Its member has not been told the whole key yet.
  var isNew = true
  /// The last slice in which the member said something.
  var heard: UInt64
}

/// Slices for which a silent member is still taken to use a key: 10 s.
private let interestSlices: UInt64 = 150

extension CounterTable {
  private static func identity(_ slot: Int, _ life: Int) -> UInt64 { UInt64(slot) << 32 | UInt64(life) }

  /// The row of a member's life for a key, made if it is new; nil when there is no room.
  mutating func row(_ slot: Int, _ life: Int) -> Int? {
    let identity = CounterTable.identity(slot, life)
    if let row = rowIndex.find(identity) {
      catchUp(row)
      return row
    }
    if rowIndex.count >= limits.rowsMax { return nil }
    let head = entries[slot].head
    let fresh = ShareRow(slot: Int32(slot), life: Int32(life), next: entries[slot].telling.firstRow, head: head, heard: head)
    let row: Int
    if let reused = freeRows.popLast() {
      row = Int(reused)
      rows[row] = fresh
    } else {
      row = rows.count
      rows.append(fresh)
    }
    entries[slot].telling.firstRow = Int32(row)
    rowIndex.insert(identity, row)
    members.lives[life].rows += 1
    return row
  }

  /// A member's row for a key, brought up to the key's slices; -1 if it has none.
  mutating func rowOfMember(_ slot: Int, _ life: Int32) -> Int {
    guard let row = rowIndex.find(CounterTable.identity(slot, Int(life))) else { return -1 }
    catchUp(row)
    return row
  }

  /// Empties what the key has meanwhile folded into its base.
  mutating func catchUp(_ row: Int) {
    let head = entries[Int(rows[row].slot)].head
    let behind = min(head - rows[row].head, CounterSlice.kept)
    for slice in (head - behind)..<head { rows[row].ring[slice + 1] = 0 }
    rows[row].head = head
  }

  mutating func removeRows(of slot: Int) {
    var row = Int(entries[slot].telling.firstRow)
    while row >= 0 {
      let next = Int(rows[row].next)
      release(row)
      row = next
    }
    entries[slot].telling.firstRow = -1
  }

  private mutating func release(_ row: Int) {
    let (slot, life) = (Int(rows[row].slot), Int(rows[row].life))
    rowIndex.remove(CounterTable.identity(slot, life))
    members.lives[life].rows -= 1
    freeRows.append(Int32(row))
  }

  /// Forgets members that have not used a key for a while; their counts have long been folded.
  mutating func sweepRows(visits: Int) {
    let current = CounterSlice.of(clock)
    for _ in 0..<min(visits, entries.count) {
      rowHand = rowHand + 1 < entries.count ? rowHand + 1 : 0
      entries[rowHand].advance(to: current)
      var previous = -1
      var row = Int(entries[rowHand].telling.firstRow)
      while row >= 0 {
        let next = Int(rows[row].next)
        if rows[row].heard + interestSlices < current {
          if previous < 0 { entries[rowHand].telling.firstRow = Int32(next) } else { rows[previous].next = Int32(next) }
          release(row)
        } else {
          previous = row
        }
        row = next
      }
    }
  }
}
