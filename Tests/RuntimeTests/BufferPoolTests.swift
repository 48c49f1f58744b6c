import Glibc
import Runtime
import Testing

@Suite("Buffer pool and byte queue")
struct BufferPoolTests {
  @Test(
    "a buffer has the size of its class",
    arguments: [
      (0, 512), (1, 512), (512, 512), (513, 2048), (2048, 2048), (2049, 8192), (8193, 32_768), (32_769, 131_072), (131_073, 524_288),
      (524_289, 2_097_152), (2_097_152, 2_097_152), (2_097_153, 2_097_153), (10_000_001, 10_000_001),
    ])
  func classes(wanted: Int, capacity: Int) {
    let pool = BufferPool()
    let (buffer, got) = pool.take(wanted)
    #expect(got == capacity && pool.lentBytes == capacity)
    memset(buffer, 0xa5, got)
    pool.give(buffer, got)
    #expect(pool.lentBytes == 0)
  }

  @Test("a buffer that was given back is lent again, the last one first")
  func reuse() {
    let pool = BufferPool()
    let first = pool.take(600)
    let second = pool.take(600)
    #expect(first.0 != second.0)
    pool.give(first.0, first.1)
    pool.give(second.0, second.1)
    #expect(pool.take(2048).0 == second.0)
    #expect(pool.take(513).0 == first.0)
    let small = pool.take(1)
    #expect(small.0 != first.0 && small.0 != second.0)
    for (buffer, capacity) in [first, second, small] { pool.give(buffer, capacity) }
    #expect(pool.lentBytes == 0)
  }

  @Test("each class keeps no more than it may")
  func kept() {
    let pool = BufferPool(keptBytesMax: 1024)
    let buffers = (0..<3).map { _ in pool.take(512) }
    for (buffer, capacity) in buffers { pool.give(buffer, capacity) }
    // Two stay; the third went back to malloc, so the two come first.
    #expect(pool.take(512).0 == buffers[1].0)
    #expect(pool.take(512).0 == buffers[0].0)
    pool.give(buffers[0].0, 512)
    pool.give(buffers[1].0, 512)
  }

  /// The bytes of a queue.
  private func contents(_ queue: ByteQueue) -> [UInt8] {
    queue.isEmpty ? [] : Array(UnsafeBufferPointer(start: queue.start, count: queue.count))
  }

  @Test("a queue gives its bytes in order, and its buffer back")
  func queue() {
    let pool = BufferPool()
    var queue = ByteQueue()
    #expect(queue.isEmpty && queue.count == 0)
    queue.append([1, 2, 3], 3, pool)
    queue.append([], 0, pool)
    let room = queue.reserve(2, pool)
    room[0] = 4
    room[1] = 5
    #expect(contents(queue) == [1, 2, 3], "room is not content")
    queue.extend(2)
    queue.consume(2)
    #expect(contents(queue) == [3, 4, 5] && pool.lentBytes == 512)
    queue.clear()
    #expect(queue.isEmpty && pool.lentBytes == 512, "it keeps its buffer")
    queue.append([9], 1, pool)
    #expect(contents(queue) == [9])
    queue.release(pool)
    queue.release(pool)
    #expect(queue.isEmpty && pool.lentBytes == 0)
  }

  @Test("a queue that is filled and emptied for ever does not grow")
  func steady() {
    let pool = BufferPool()
    var queue = ByteQueue()
    var next: UInt8 = 0
    var expected: UInt8 = 0
    for _ in 0..<20_000 {
      queue.append([next, next &+ 1, next &+ 2], 3, pool)
      next &+= 3
      while queue.count > 200 {
        #expect(queue.start[0] == expected)
        queue.consume(1)
        expected &+= 1
      }
    }
    #expect(pool.lentBytes == 512)
    queue.release(pool)
  }

  @Test("random queues agree with arrays, and the pool has everything back", arguments: 1...12 as ClosedRange<UInt64>)
  func randomQueues(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let pool = BufferPool(keptBytesMax: 1 << Int(10 + random.below(10)))
    var queues = [ByteQueue](repeating: ByteQueue(), count: 4)
    var models = [[UInt8]](repeating: [], count: 4)
    for _ in 0..<3000 {
      let k = Int(random.below(4))
      switch random.below(10) {
      case 0...3:
        let bytes = (0..<random.below(random.below(20) == 0 ? 9000 : 300)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        queues[k].append(bytes, bytes.count, pool)
        models[k] += bytes
      case 4:
        let room = Int(1 + random.below(700))
        let used = Int(random.below(UInt64(room) + 1))
        let start = queues[k].reserve(room, pool)
        for i in 0..<used { start[i] = UInt8(truncatingIfNeeded: i &* 31) }
        queues[k].extend(used)
        models[k] += (0..<used).map { UInt8(truncatingIfNeeded: $0 &* 31) }
      case 5...8:
        let n = Int(random.below(UInt64(models[k].count) + 1))
        if n > 0 {
          queues[k].consume(n)
          models[k].removeFirst(n)
        }
      default:
        if random.below(2) == 0 { queues[k].clear() } else { queues[k].release(pool) }
        models[k] = []
      }
      #expect(queues[k].count == models[k].count && queues[k].isEmpty == models[k].isEmpty)
      #expect(contents(queues[k]) == models[k])
    }
    for k in 0..<4 { queues[k].release(pool) }
    #expect(pool.lentBytes == 0)
  }
}
