// A queue as an array and a head: taking is O(1) on average.

struct DiskFifo<Element> {
  private var elements: [Element?] = []
  private var head = 0

  var count: Int { elements.count - head }
  var isEmpty: Bool { count == 0 }
  var first: Element? { isEmpty ? nil : elements[head] }

  mutating func append(_ element: Element) { elements.append(element) }

  mutating func takeFirst() -> Element? {
    guard head < elements.count else { return nil }
    let element = elements[head]
    elements[head] = nil
    head += 1
    if head == elements.count || head > 1024 && head * 2 > elements.count {
      elements.removeFirst(head)
      head = 0
    }
    return element
  }

  /// Takes out all that match, in order.
  mutating func take(where matches: (Element) -> Bool) -> [Element] {
    var taken: [Element] = []
    var kept: [Element?] = []
    for index in head..<elements.count {
      guard let element = elements[index] else { continue }
      if matches(element) { taken.append(element) } else { kept.append(element) }
    }
    elements = kept
    head = 0
    return taken
  }

  mutating func takeAll() -> [Element] { take { _ in true } }

  /// Those that wait, in order.
  func peekAll() -> [Element] { elements[head...].compactMap { $0 } }
}
