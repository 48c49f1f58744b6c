// libnghttp2's allocator: free lists of one worker, so that the steady path of HTTP/2 reaches malloc rarely.
import CNghttp2
import Glibc

/// Size classes of 32 B … 16 KiB, each block led by its class.
///
/// SAFETY: one thread owns it; it outlives every session that was made with it.
final class HTTP2Memory {
  private static let classes = 10
  private static let smallest = 32
  private static let header = 16
  private static let keptMax = 512
  private let free: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  private let kept: UnsafeMutablePointer<Int>
  let callbacks: UnsafeMutablePointer<nghttp2_mem>

  init() {
    free = .allocate(capacity: HTTP2Memory.classes)
    free.initialize(repeating: nil, count: HTTP2Memory.classes)
    kept = .allocate(capacity: HTTP2Memory.classes)
    kept.initialize(repeating: 0, count: HTTP2Memory.classes)
    callbacks = .allocate(capacity: 1)
    callbacks.initialize(to: nghttp2_mem())
    callbacks.pointee.mem_user_data = Unmanaged.passUnretained(self).toOpaque()
    callbacks.pointee.malloc = { n, me in HTTP2Memory.of(me).take(n) }
    callbacks.pointee.free = { p, me in HTTP2Memory.of(me).give(p) }
    callbacks.pointee.calloc = { n, size, me in
      let (total, overflow) = n.multipliedReportingOverflow(by: size)
      guard !overflow, let p = HTTP2Memory.of(me).take(total) else { return nil }
      memset(p, 0, total)
      return p
    }
    callbacks.pointee.realloc = { p, n, me in HTTP2Memory.of(me).resize(p, n) }
  }

  deinit {
    for c in 0..<HTTP2Memory.classes {
      while let p = free[c] {
        free[c] = p.load(as: UnsafeMutableRawPointer?.self)
        Glibc.free(p)
      }
    }
    free.deallocate()
    kept.deallocate()
    callbacks.deallocate()
  }

  @inline(__always)
  private static func of(_ me: UnsafeMutableRawPointer?) -> HTTP2Memory {
    Unmanaged<HTTP2Memory>.fromOpaque(me!).takeUnretainedValue()
  }

  private func take(_ n: Int) -> UnsafeMutableRawPointer? {
    var c = 0
    var size = HTTP2Memory.smallest
    while size < n && c < HTTP2Memory.classes {
      size <<= 1
      c &+= 1
    }
    let block: UnsafeMutableRawPointer
    if c < HTTP2Memory.classes, let p = free[c] {
      free[c] = p.load(as: UnsafeMutableRawPointer?.self)
      kept[c] &-= 1
      block = p
    } else {
      guard let p = malloc(HTTP2Memory.header + (c < HTTP2Memory.classes ? size : n)) else { return nil }
      block = p
    }
    block.storeBytes(of: c, as: Int.self)
    block.storeBytes(of: c < HTTP2Memory.classes ? size : n, toByteOffset: 8, as: Int.self)
    return block + HTTP2Memory.header
  }

  private func give(_ p: UnsafeMutableRawPointer?) {
    guard let p else { return }
    let block = p - HTTP2Memory.header
    let c = block.load(as: Int.self)
    guard c < HTTP2Memory.classes, kept[c] < HTTP2Memory.keptMax else { return Glibc.free(block) }
    block.storeBytes(of: free[c], as: UnsafeMutableRawPointer?.self)
    free[c] = block
    kept[c] &+= 1
  }

  private func resize(_ p: UnsafeMutableRawPointer?, _ n: Int) -> UnsafeMutableRawPointer? {
    guard let p else { return take(n) }
    let size = (p - HTTP2Memory.header).load(fromByteOffset: 8, as: Int.self)
    if n <= size { return p }
    guard let fresh = take(n) else { return nil }
    memcpy(fresh, p, size)
    give(p)
    return fresh
  }
}
