// Finds the slot of a 64-bit identity: open addressing with linear probing in two flat arrays, no allocation on a look-up. What lies in
// the slots is the owner's.
import Runtime

/// A map from identities to slot numbers.
struct SlotIndex: Sendable {
  private var ids: [UInt64]
  /// Slot + 1; 0 is an empty place.
  private var slots: [UInt32]
  private var mask: Int
  private(set) var count = 0

  init(minimumCapacity: Int = 16) {
    var places = 16
    while places < minimumCapacity * 2 { places *= 2 }
    ids = Array(repeating: 0, count: places)
    slots = Array(repeating: 0, count: places)
    mask = places - 1
  }

  @inline(__always)
  private func home(_ id: UInt64) -> Int { Int(truncatingIfNeeded: StableHash.avalanche(id)) & mask }

  @inline(__always)
  func find(_ id: UInt64) -> Int? {
    var place = home(id)
    while slots[place] != 0 {
      if ids[place] == id { return Int(slots[place]) - 1 }
      place = (place + 1) & mask
    }
    return nil
  }

  /// - Precondition: the identity is not there.
  mutating func insert(_ id: UInt64, _ slot: Int) {
    if (count + 1) * 2 > slots.count { grow() }
    place(id, UInt32(slot) + 1)
    count += 1
  }

  private mutating func place(_ id: UInt64, _ slot: UInt32) {
    var place = home(id)
    while slots[place] != 0 {
      precondition(ids[place] != id, "identity \(id) is already in slot \(slots[place] - 1)")
      place = (place + 1) & mask
    }
    ids[place] = id
    slots[place] = slot
  }

  mutating func remove(_ id: UInt64) {
    var hole = home(id)
    while slots[hole] != 0 && ids[hole] != id { hole = (hole + 1) & mask }
    if slots[hole] == 0 { return }
    count -= 1
    // Whoever stands behind the hole and could have stood in it moves up, so that no search ends at a hole too early.
    var next = (hole + 1) & mask
    while slots[next] != 0 {
      let distance = (next - home(ids[next])) & mask
      if distance >= (next - hole) & mask {
        ids[hole] = ids[next]
        slots[hole] = slots[next]
        hole = next
      }
      next = (next + 1) & mask
    }
    slots[hole] = 0
  }

  private mutating func grow() {
    let (oldIDs, oldSlots) = (ids, slots)
    ids = Array(repeating: 0, count: oldIDs.count * 2)
    slots = Array(repeating: 0, count: oldIDs.count * 2)
    mask = ids.count - 1
    for i in oldIDs.indices where oldSlots[i] != 0 { place(oldIDs[i], oldSlots[i]) }
  }
}
