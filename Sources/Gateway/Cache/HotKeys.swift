// Which keys of other nodes a worker asks for often. A table of fixed size in which what is asked for often stays and the rest makes room,
// as in the frequent-items sketches of Misra and Gries (1982); a key that is missed now costs a question more, and nothing else. Pure.

struct HotKeys {
  /// Questions for a key in one window that make it hot.
  static let countMin = 8
  static let windowMilliseconds: Int64 = 250
  private static let slotCount = 512

  private struct Slot {
    var key: UInt64 = 0
    var count = 0
    var begun: Int64 = .min
  }

  private var slots: [Slot] = []

  /// A key is asked for.
  /// - Parameter key: its hash.
  /// - Returns: whether it is hot.
  mutating func note(_ key: UInt64, now: Int64) -> Bool {
    if slots.isEmpty { slots = Array(repeating: Slot(), count: HotKeys.slotCount) }
    let at = Int(truncatingIfNeeded: key % UInt64(HotKeys.slotCount))
    let isOver = slots[at].begun > now || now &- slots[at].begun >= HotKeys.windowMilliseconds
    if slots[at].key != key {
      // Somebody else's: it is worn down before it goes.
      if !isOver && slots[at].count > 1 {
        slots[at].count -= 1
        return false
      }
      slots[at] = Slot(key: key, count: 1, begun: now)
    } else if isOver {
      // What was hot a moment ago is taken for hot until it proves otherwise.
      let wasHot = slots[at].count >= HotKeys.countMin && now &- slots[at].begun < 4 * HotKeys.windowMilliseconds
      slots[at] = Slot(key: key, count: wasHot ? HotKeys.countMin / 2 : 1, begun: now)
    } else {
      slots[at].count += 1
    }
    return slots[at].count >= HotKeys.countMin
  }
}
