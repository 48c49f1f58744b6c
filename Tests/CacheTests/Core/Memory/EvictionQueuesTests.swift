import Runtime
import Testing

@testable import Cache

@Suite struct EvictionQueuesTests {
  private let objects = QueuedObjects()

  /// Ten objects of 100 bytes fit; one of them is on trial when full.
  private func queues() -> EvictionQueues<QueuedObject> { EvictionQueues(bytesMax: 1000, ghostCells: 64) }

  private func drain(_ queues: inout EvictionQueues<QueuedObject>) -> [UInt64] {
    var gone: [UInt64] = []
    while let victim = queues.evictIfFull() { gone.append(victim.key) }
    return gone
  }

  @Test func whatFitsStays() {
    var queues = queues()
    for key in 0..<10 { queues.insert(objects.make(UInt64(key), bytes: 100)) }
    #expect(drain(&queues).isEmpty && queues.bytes == 1000 && queues.count == 10)
  }

  @Test func whatNobodyAsksForGoesInTheOrderItCame() {
    var queues = queues()
    for key in 0..<10 { queues.insert(objects.make(UInt64(key), bytes: 100)) }
    var gone: [UInt64] = []
    for key in 10..<20 {
      queues.insert(objects.make(UInt64(key), bytes: 100))
      gone += drain(&queues)
    }
    #expect(gone == Array(0..<10) && queues.main.count == 0)
    #expect(queues.counts.evictedSmall == 10)
  }

  @Test("so many hits on trial prove an object", arguments: [(0, false), (1, false), (2, true), (3, true), (9, true)])
  func promotion(hits: Int, isProved: Bool) {
    var queues = queues()
    let object = objects.make(0, bytes: 100)
    queues.insert(object)
    for _ in 0..<hits { object.hit() }
    for key in 1...10 { queues.insert(objects.make(UInt64(key), bytes: 100)) }
    let gone = drain(&queues)
    #expect(gone == [isProved ? 1 : 0])
    #expect(object.place == (isProved ? .main : .none))
  }

  @Test func whatComesBackSoonIsProvedAtOnce() {
    var queues = queues()
    for key in 0..<11 { queues.insert(objects.make(UInt64(key), bytes: 100)) }
    #expect(drain(&queues) == [0])
    let again = objects.make(0, bytes: 100)
    queues.insert(again)
    #expect(again.place == .main && queues.counts.returned == 1)
    let other = objects.make(99, bytes: 100)
    queues.insert(other)
    #expect(other.place == .small)
  }

  @Test func aScanPassesBesideWhatIsProved() {
    var queues = queues()
    let proved = (0..<9).map { objects.make(UInt64($0), bytes: 100) }
    for object in proved {
      queues.insert(object)
      for _ in 0..<2 { object.hit() }
    }
    for key in 100..<1100 {
      queues.insert(objects.make(UInt64(key), bytes: 100))
      _ = drain(&queues)
    }
    #expect(proved.allSatisfy { $0.place == .main })
  }

  @Test func aNewerObjectKeepsWhatTheOlderHasProved() {
    var queues = queues()
    let (old, trial) = (objects.make(0, bytes: 100), objects.make(1, bytes: 100))
    queues.insert(old)
    for _ in 0..<3 { old.hit() }
    for key in 2...11 { queues.insert(objects.make(UInt64(key), bytes: 100)) }
    _ = drain(&queues)
    old.hit()
    queues.insert(trial)
    let (new, newTrial) = (objects.make(0, bytes: 50), objects.make(1, bytes: 150))
    queues.replace(old, with: new)
    queues.replace(trial, with: newTrial)
    #expect(old.place == .none && new.place == .main && new.frequency == 1)
    #expect(trial.place == .none && newTrial.place == .small)
  }

  @Test func whatIsHeldIsPassedOverWhileOthersCanGo() {
    var queues = queues()
    let held = objects.make(0, bytes: 100)
    held.isHeld = true
    queues.insert(held)
    for key in 1...500 {
      queues.insert(objects.make(UInt64(key), bytes: 100))
      _ = drain(&queues)
    }
    #expect(held.place == .main)
  }

  @Test func roomIsMadeEvenWhenAllAreHeldOrHot() {
    var queues = EvictionQueues<QueuedObject>(bytesMax: 1000, ghostCells: 16)
    for key in 0..<2000 {
      let object = objects.make(UInt64(key), bytes: 1)
      object.isHeld = true
      queues.insert(object)
      object.frequency = 3
      _ = drain(&queues)
      #expect(queues.bytes <= 1000)
    }
  }

  @Test("under any requests bytes and count are those of the objects, and within the bound", arguments: 1...8)
  func accounting(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var queues = EvictionQueues<QueuedObject>(bytesMax: 5000, ghostCells: 64)
    var stored: [UInt64: QueuedObject] = [:]
    for _ in 0..<5000 {
      let key = random.below(200)
      switch (stored[key], random.below(10)) {
      case (let object?, 0):
        queues.remove(object)
        stored[key] = nil
      case (let object?, 1):
        let new = objects.make(key, bytes: 1 + Int(random.below(300)))
        queues.replace(object, with: new)
        stored[key] = new
      case (let object?, _): object.hit()
      case (nil, _):
        let object = objects.make(key, bytes: 1 + Int(random.below(300)))
        stored[key] = object
        queues.insert(object)
        object.isHeld = random.below(8) == 0
      }
      for gone in drain(&queues) { stored[gone] = nil }
      let bytes = stored.values.reduce(0) { $0 + $1.bytes }
      #expect(queues.bytes == bytes && bytes <= 5000 && queues.count == stored.count)
      #expect(stored.values.allSatisfy { $0.place != .none })
    }
  }
}
