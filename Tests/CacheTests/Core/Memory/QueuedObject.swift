// Objects for the eviction queues' tests, in ordinary memory.
@testable import Cache

/// SAFETY: (@unchecked Sendable) each test uses its objects on one thread.
final class QueuedObject: EvictionNode, @unchecked Sendable {
  let key: UInt64
  let bytes: Int
  // Links own nothing, so that a long queue is not torn down by recursion: whoever queues an object keeps it.
  unowned(unsafe) var newer: QueuedObject?
  unowned(unsafe) var older: QueuedObject?
  var place = EvictionPlace.none
  var frequency: UInt8 = 0
  var isHeld = false
  let fingerprint: UInt64

  init(_ key: UInt64, bytes: Int) {
    self.key = key
    self.bytes = bytes
    var mixer = key &* 0x9E37_79B9_7F4A_7C15
    mixer = (mixer ^ (mixer >> 30)) &* 0xBF58_476D_1CE4_E5B9
    fingerprint = mixer ^ (mixer >> 27)
  }

  func hit() { if frequency < 3 { frequency += 1 } }

  static func == (left: QueuedObject, right: QueuedObject) -> Bool { left === right }
}

/// Keeps objects as long as a test runs.
final class QueuedObjects {
  private var kept: [QueuedObject] = []

  func make(_ key: UInt64, bytes: Int) -> QueuedObject {
    let object = QueuedObject(key, bytes: bytes)
    kept.append(object)
    return object
  }
}
