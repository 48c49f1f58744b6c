// What is to be looked at after one and the same delay: in the order in which it came, so that one timer serves all. Pure.

/// A queue whose elements are due one after the other.
struct DelayLine<Element> {
  /// Nanoseconds.
  let delay: UInt64
  private var elements: [(due: UInt64, element: Element)] = []
  private var first = 0

  init(delay: UInt64) { self.delay = delay }

  var isEmpty: Bool { first == elements.count }

  /// - Parameter now: monotonic nanoseconds, no earlier than before.
  mutating func append(_ element: Element, now: UInt64) { elements.append((now &+ delay, element)) }

  /// When the next one is due; nil where there is none.
  var due: UInt64? { isEmpty ? nil : elements[first].due }

  /// The next one, if it is due.
  mutating func pop(now: UInt64) -> Element? {
    guard !isEmpty, elements[first].due <= now else { return nil }
    defer { advance() }
    return elements[first].element
  }

  private mutating func advance() {
    first += 1
    // The taken ones go at once, in what is amortised a step each.
    if first == elements.count || first >= 64 && first * 2 >= elements.count {
      elements.removeFirst(first)
      first = 0
    }
  }
}
