// Buffers of one loop: size classes with free lists, so that a connection or an exchange borrows memory only while it has bytes to
// keep, and the steady path never reaches malloc. ByteQueue is the one growable queue built on them.
import Glibc

public typealias Bytes = UnsafeMutablePointer<UInt8>

/// Free lists of buffers of 512 B, 2 KiB, 8 KiB, … 2 MiB; larger ones go to malloc.
///
/// SAFETY: one thread owns a pool; a buffer goes back to the pool that it came from, with the capacity that `take` gave.
public final class BufferPool {
  private static let classes = 7
  private static let smallest = 512
  /// Kept per class at the most, in bytes; the rest is given back to malloc.
  private let keptBytesMax: Int
  private let free: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  private let kept: UnsafeMutablePointer<Int>
  /// Bytes lent out at this moment.
  public private(set) var lentBytes = 0

  public init(keptBytesMax: Int = 4 << 20) {
    self.keptBytesMax = keptBytesMax
    free = .allocate(capacity: BufferPool.classes)
    free.initialize(repeating: nil, count: BufferPool.classes)
    kept = .allocate(capacity: BufferPool.classes)
    kept.initialize(repeating: 0, count: BufferPool.classes)
  }

  deinit {
    for c in 0..<BufferPool.classes {
      while let p = free[c] {
        free[c] = p.load(as: UnsafeMutableRawPointer?.self)
        Glibc.free(p)
      }
    }
    free.deallocate()
    kept.deallocate()
  }

  @inline(__always)
  private static func sizeClass(_ n: Int) -> Int {
    var c = 0
    var size = smallest
    while size < n && c < classes {
      size <<= 2
      c &+= 1
    }
    return c
  }

  /// A buffer of at least `n` bytes and its true capacity.
  public func take(_ n: Int) -> (Bytes, Int) {
    let c = BufferPool.sizeClass(n)
    guard c < BufferPool.classes else {
      lentBytes &+= n
      return (malloc(n)!.assumingMemoryBound(to: UInt8.self), n)
    }
    let size = BufferPool.smallest << (2 &* c)
    lentBytes &+= size
    if let p = free[c] {
      free[c] = p.load(as: UnsafeMutableRawPointer?.self)
      kept[c] &-= size
      return (p.assumingMemoryBound(to: UInt8.self), size)
    }
    return (malloc(size)!.assumingMemoryBound(to: UInt8.self), size)
  }

  /// Gives a buffer back.
  public func give(_ p: Bytes, _ capacity: Int) {
    lentBytes &-= capacity
    let c = BufferPool.sizeClass(capacity)
    guard c < BufferPool.classes, BufferPool.smallest << (2 &* c) == capacity, kept[c] &+ capacity <= keptBytesMax else {
      Glibc.free(p)
      return
    }
    let raw = UnsafeMutableRawPointer(p)
    raw.storeBytes(of: free[c], as: UnsafeMutableRawPointer?.self)
    free[c] = raw
    kept[c] &+= capacity
  }
}

/// Bytes in order that were not written, or not parsed, yet. Holds no memory while empty, once `release` was called.
public struct ByteQueue {
  @usableFromInline var base: Bytes?
  @usableFromInline var offset: UInt32 = 0
  public private(set) var count: Int = 0
  @usableFromInline var capacity = 0

  public init() {}

  @inline(__always) public var isEmpty: Bool { count == 0 }
  /// The first byte; valid until the next change, and only while not empty.
  @inline(__always) public var start: Bytes { base! + Int(offset) }

  /// Adds a copy of `n` bytes at the end.
  public mutating func append(_ p: UnsafePointer<UInt8>, _ n: Int, _ pool: BufferPool) {
    guard n > 0 else { return }
    reserve(n, pool)
    memcpy(base! + Int(offset) + count, p, n)
    count &+= n
  }

  /// Makes room for `n` more bytes and returns where they go; `extend(n)` counts them in.
  @discardableResult
  public mutating func reserve(_ n: Int, _ pool: BufferPool) -> Bytes {
    if Int(offset) + count + n > capacity {
      if count + n <= capacity && Int(offset) >= capacity / 2 {
        memmove(base!, base! + Int(offset), count)
      } else {
        let wanted = count + n > 512 && capacity > 0 ? max(count + n, capacity * 2) : count + n
        let (fresh, size) = pool.take(wanted)
        if let old = base {
          memcpy(fresh, old + Int(offset), count)
          pool.give(old, capacity)
        }
        base = fresh
        capacity = size
      }
      offset = 0
    }
    return base! + Int(offset) + count
  }

  @inline(__always) public mutating func extend(_ n: Int) { count &+= n }

  /// Drops the first `n` bytes.
  @inline(__always)
  public mutating func consume(_ n: Int) {
    count &-= n
    offset = count == 0 ? 0 : offset &+ UInt32(truncatingIfNeeded: n)
  }

  /// Empties the queue but keeps its buffer.
  @inline(__always)
  public mutating func clear() {
    count = 0
    offset = 0
  }

  /// Empties the queue and gives its buffer back.
  @inline(__always)
  public mutating func release(_ pool: BufferPool) {
    if let p = base {
      pool.give(p, capacity)
      base = nil
    }
    capacity = 0
    count = 0
    offset = 0
  }
}
