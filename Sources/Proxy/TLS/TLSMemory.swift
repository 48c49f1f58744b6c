// libssl's allocator. It gives a connection's record buffers back as soon as they are empty (SSL_MODE_RELEASE_BUFFERS: an idle connection
// keeps none), so every record takes and gives blocks of some 17 KiB, which the C library splits and joins each time. Here they wait on
// a list of the thread; everything else is the C library's.
import COpenSSL
import Glibc

/// Memory functions for the whole process.
///
/// SAFETY: a block on a list belongs to that list's thread alone, and its first word is the list's; `key` is written once, before
/// libssl is used and other threads exist.
public enum TLSMemory {
  /// libssl asks for its record buffers in sizes between these (SSL3_RT_MAX_PLAIN_LENGTH and what a record adds).
  private static let recordBytesMin = 16 * 1024
  private static let recordBytesMax = 18 * 1024
  /// Blocks that one thread keeps: a worker has one or two in use at a time.
  private static let keptMax = 8

  private struct List {
    var first: UnsafeMutableRawPointer?
    var count = 0
  }

  // SAFETY: written by `install` alone, before other threads exist.
  nonisolated(unsafe) private static var key: pthread_key_t = 0

  /// To be called once, before anything of libssl or libcrypto is: afterwards they refuse, and keep the C library's.
  public static func install() {
    guard pthread_key_create(&key, { TLSMemory.release($0) }) == 0 else { return }
    CRYPTO_set_mem_functions({ n, _, _ in TLSMemory.take(n) }, { p, n, _, _ in realloc(p, n) }, { p, _, _ in TLSMemory.give(p) })
  }

  private static func take(_ n: Int) -> UnsafeMutableRawPointer? {
    if n < recordBytesMin || n > recordBytesMax { return malloc(n) }
    if let list = pthread_getspecific(key)?.assumingMemoryBound(to: List.self), let p = list.pointee.first {
      list.pointee.first = p.load(as: UnsafeMutableRawPointer?.self)
      list.pointee.count &-= 1
      return p
    }
    return malloc(recordBytesMax)
  }

  private static func give(_ p: UnsafeMutableRawPointer?) {
    guard let p else { return }
    // Whoever asked for it, a block of this size serves for a record.
    let size = malloc_usable_size(p)
    if size >= recordBytesMax && size < recordBytesMax + 64, let list = threadList(), list.pointee.count < keptMax {
      p.storeBytes(of: list.pointee.first, as: UnsafeMutableRawPointer?.self)
      list.pointee.first = p
      list.pointee.count &+= 1
    } else {
      free(p)
    }
  }

  private static func threadList() -> UnsafeMutablePointer<List>? {
    if let list = pthread_getspecific(key) { return list.assumingMemoryBound(to: List.self) }
    let list = UnsafeMutablePointer<List>.allocate(capacity: 1)
    list.initialize(to: List())
    if pthread_setspecific(key, list) == 0 { return list }
    list.deallocate()
    return nil
  }

  /// A thread has ended.
  private static func release(_ memory: UnsafeMutableRawPointer?) {
    guard let list = memory?.assumingMemoryBound(to: List.self) else { return }
    while let p = list.pointee.first {
      list.pointee.first = p.load(as: UnsafeMutableRawPointer?.self)
      free(p)
    }
    list.deallocate()
  }
}
