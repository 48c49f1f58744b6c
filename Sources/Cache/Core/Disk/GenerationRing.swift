// The arithmetic of the ring of generations: when a new one begins, which old ones go, which hits are worth writing again. What a
// generation is on disk is the driver's.

/// Generations of a disk tier, oldest first. New entries go to the youngest; what is too much goes with the oldest, whole, so that
/// neither eviction nor expiry writes a tombstone.
struct GenerationRing: Equatable {
  /// How many generations share the limit: a drop takes one part of that many.
  static let parts: UInt64 = 16

  struct Generation: Equatable {
    var number: UInt64
    /// Bytes written to it, near enough.
    var bytes: UInt64
    /// Seconds since 1970 after which nothing in it is of use.
    var keepUntil: UInt64
  }

  /// The bound of the whole folder, in bytes.
  let bytesMax: UInt64
  private(set) var generations: [Generation] = []

  init(bytesMax: UInt64) { self.bytesMax = bytesMax }

  /// Bytes after which a generation is full.
  var generationBytes: UInt64 { max(bytesMax / GenerationRing.parts, 1) }
  var youngest: Generation? { generations.last }
  var oldest: Generation? { generations.first }
  /// The number that the next generation bears.
  var nextNumber: UInt64 { (generations.last?.number ?? 0) &+ 1 }

  /// Takes over a generation found at opening or newly begun.
  /// - Precondition: it is younger than all others.
  mutating func append(_ generation: Generation) {
    precondition(generation.number > (generations.last?.number ?? 0), "generation \(generation.number) is not younger than \(generations)")
    generations.append(generation)
  }

  /// Bytes went into a generation.
  mutating func wrote(_ bytes: Int, to number: UInt64, keepUntil: UInt64) {
    guard let index = generations.lastIndex(where: { $0.number == number }) else { return }
    let (sum, overflow) = generations[index].bytes.addingReportingOverflow(UInt64(max(bytes, 0)))
    generations[index].bytes = overflow ? .max : sum
    // 0 is a generation in which nothing lives yet; `.max` stays, it never ends.
    generations[index].keepUntil = max(generations[index].keepUntil, keepUntil)
  }

  /// Whether a new generation is to begin.
  var needsNext: Bool { generations.last.map { $0.bytes >= generationBytes } ?? true }

  /// The oldest generation, if it must go: because the folder with what is about to be written to it passes the bound, because
  /// the device is short of room, or because all that lives in it is over. The youngest never goes.
  /// - Parameters:
  ///   - folderBytes: what the files take now.
  ///   - pendingBytes: what lies in memory only and will take room.
  ///   - isDeviceShort: the device has less free room than others shall find.
  ///   - now: seconds since 1970.
  func due(folderBytes: UInt64, pendingBytes: UInt64, isDeviceShort: Bool, now: UInt64) -> UInt64? {
    guard generations.count > 1, let oldest else { return nil }
    let (sum, overflow) = folderBytes.addingReportingOverflow(pendingBytes)
    return isDeviceShort || overflow || sum > bytesMax || oldest.keepUntil < now ? oldest.number : nil
  }

  mutating func remove(_ number: UInt64) { generations.removeAll { $0.number == number } }

  /// Whether an entry of this generation soon goes: it lies in the oldest quarter while more than half of the room is taken.
  /// - Parameter takenBytes: what the files take and what lies in memory will, as `due` counts it.
  func isLeaving(_ number: UInt64, takenBytes: UInt64) -> Bool {
    guard takenBytes > bytesMax / 2, let index = generations.firstIndex(where: { $0.number == number }) else { return false }
    return index < generations.count / 4
  }
}
