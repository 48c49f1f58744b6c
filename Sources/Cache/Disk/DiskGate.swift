// Who may use the open database: lookups share it, the writer has it alone while generations come and go. Never held across a wait.
import Glibc

/// What lookups see.
struct DiskShelf {
  var database: DiskDatabase?
  /// Youngest first, the order of a lookup: the first record found is the key's newest.
  var generations: [DiskGeneration] = []
  /// Of these, the ones whose hits are to be written again.
  var leaving: Set<UInt64> = []
}

/// A shelf behind a lock that many may read.
// SAFETY: (@unchecked Sendable) the shelf is reached under the lock alone; both allocations live as long as this.
final class DiskGate: @unchecked Sendable {
  private let lock: UnsafeMutablePointer<pthread_rwlock_t>
  private let shelf: UnsafeMutablePointer<DiskShelf>

  init() {
    lock = .allocate(capacity: 1)
    lock.initialize(to: pthread_rwlock_t())
    var attributes = pthread_rwlockattr_t()
    pthread_rwlockattr_init(&attributes)
    // Lookups that follow each other closely would else keep the writer out for ever.
    pthread_rwlockattr_setkind_np(&attributes, Int32(PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP))
    pthread_rwlock_init(lock, &attributes)
    pthread_rwlockattr_destroy(&attributes)
    shelf = .allocate(capacity: 1)
    shelf.initialize(to: DiskShelf())
  }

  deinit {
    pthread_rwlock_destroy(lock)
    lock.deallocate()
    shelf.deinitialize(count: 1)
    shelf.deallocate()
  }

  /// Calls `body` while nobody changes the shelf.
  func shared<Result, Failure: Error>(_ body: (DiskShelf) throws(Failure) -> Result) throws(Failure) -> Result {
    pthread_rwlock_rdlock(lock)
    defer { pthread_rwlock_unlock(lock) }
    return try body(shelf.pointee)
  }

  /// Calls `body` while nobody else looks.
  func alone<Result>(_ body: (inout DiskShelf) -> Result) -> Result {
    pthread_rwlock_wrlock(lock)
    defer { pthread_rwlock_unlock(lock) }
    return body(&shelf.pointee)
  }
}
