// When requests were admitted, in memory that two processes share: what a node wrote before it was killed stays readable. Who writes is
// the node's load, who counts is the parent.
import CEpoll
import Glibc
import Synchronization

/// Wall times of admissions and a few figures beside them, written by one process and read by another when that one has ended.
///
/// SAFETY: (@unchecked Sendable) `words` are `count` words of a mapping that lasts until `deinit`, and every access is bounded by `count`.
/// Admissions take their places from an atomic counter, so that no two threads write one word; each figure has one writer.
final class AdmissionLog: @unchecked Sendable {
  /// What stands before the admissions, one word each.
  enum Figure: Int, CaseIterable {
    /// Requests that were made.
    case offered
    /// Nanoseconds by which the latest request was later than planned.
    case lateness
    /// Datagrams that the node sent in `measured` nanoseconds.
    case datagrams
    case measured
  }

  static let descriptorOfChild: Int32 = 3
  let descriptor: Int32
  private let words: UnsafeMutablePointer<UInt64>
  private let count: Int
  private let used = Atomic<Int>(Figure.allCases.count)

  /// Makes one that a child can inherit.
  /// - Parameter capacity: admissions at most.
  init(capacity: Int) throws {
    let descriptor = memfd_create("admissions", MFD_CLOEXEC)
    guard descriptor >= 0, ftruncate(descriptor, (capacity + Figure.allCases.count) * 8) == 0 else {
      throw RealFault("no memory to share for \(capacity) admissions: \(String(cString: strerror(errno)))")
    }
    (self.descriptor, count) = (descriptor, capacity + Figure.allCases.count)
    words = try AdmissionLog.map(descriptor, count)
  }

  /// The one that the parent made.
  init(inherited descriptor: Int32) throws {
    var information = stat()
    guard fstat(descriptor, &information) == 0, information.st_size > Figure.allCases.count * 8 else {
      throw RealFault("descriptor \(descriptor) holds no admissions: only `simulate real` starts this")
    }
    (self.descriptor, count) = (descriptor, Int(information.st_size) / 8)
    words = try AdmissionLog.map(descriptor, count)
  }

  deinit {
    munmap(words, count * 8)
    close(descriptor)
  }

  private static func map(_ descriptor: Int32, _ count: Int) throws -> UnsafeMutablePointer<UInt64> {
    let memory = mmap(nil, count * 8, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
    guard let memory, memory != MAP_FAILED else { throw RealFault("mmap: \(String(cString: strerror(errno)))") }
    return memory.bindMemory(to: UInt64.self, capacity: count)
  }

  /// Takes note of an admission at a wall time above 0. Any thread.
  func admit(at wall: UInt64) {
    let place = used.add(1, ordering: .relaxed).oldValue
    precondition(place < count, "more than \(count) admissions: more were admitted than could be offered")
    words[place] = wall
  }

  subscript(figure: Figure) -> UInt64 {
    get { words[figure.rawValue] }
    set { words[figure.rawValue] = newValue }
  }

  /// Adds the admissions to those of `windows`, of which the first begins at `start`.
  func add(to windows: inout [Int], from start: UInt64, length: UInt64) {
    for place in Figure.allCases.count..<count where words[place] >= start {
      let window = Int((words[place] - start) / length)
      if window < windows.count { windows[window] += 1 }
    }
  }
}

/// What keeps a measurement on real processes from being taken.
struct RealFault: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
