// What is to happen when, in the order of time; of what happens at one time, in the order in which it was planned.

/// A priority queue of moments.
struct EventHeap<Event> {
  private struct Entry {
    var time: UInt64
    var number: UInt64
    var event: Event
  }

  private var entries: [Entry] = []
  private var planned: UInt64 = 0

  var nextTime: UInt64? { entries.first?.time }

  mutating func add(_ event: Event, at time: UInt64) {
    planned += 1
    entries.append(Entry(time: time, number: planned, event: event))
    var i = entries.count - 1
    while i > 0 {
      let parent = (i - 1) / 2
      if !isBefore(i, parent) { break }
      entries.swapAt(i, parent)
      i = parent
    }
  }

  mutating func takeFirst() -> (time: UInt64, event: Event)? {
    guard let first = entries.first else { return nil }
    let last = entries.removeLast()
    if entries.isEmpty { return (first.time, first.event) }
    entries[0] = last
    var i = 0
    while true {
      var least = i
      for child in [2 * i + 1, 2 * i + 2] where child < entries.count && isBefore(child, least) { least = child }
      if least == i { return (first.time, first.event) }
      entries.swapAt(i, least)
      i = least
    }
  }

  private func isBefore(_ a: Int, _ b: Int) -> Bool {
    (entries[a].time, entries[a].number) < (entries[b].time, entries[b].number)
  }
}
