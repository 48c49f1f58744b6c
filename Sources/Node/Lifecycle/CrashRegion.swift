// Owns: the piece of memory in which a dying serving process leaves its last words. The master makes it before each start and reads it
// after a death; the server maps it and only ever writes memory there, which a signal handler may do.
import CEpoll
import Glibc

/// A sealed memfd: eight bytes of length, eight reserved, then text.
enum CrashRegion {
  static let bytes = 128 << 10
  static let headerBytes = 16
  static var textBytesMax: Int { bytes - headerBytes }

  /// - Returns: a close-on-exec descriptor, or -1 with errno set.
  static func create() -> Int32 {
    let descriptor = memfd_create("tidegate-crash", UInt32(MFD_CLOEXEC | MFD_ALLOW_SEALING))
    guard descriptor >= 0 else { return -1 }
    // Sealed in its size: whatever a broken process writes, the file cannot grow, nor shrink under a mapping.
    guard ftruncate(descriptor, off_t(bytes)) == 0, fcntl(descriptor, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) == 0 else {
      close(descriptor)
      return -1
    }
    return descriptor
  }

  /// - Returns: the mapping of the whole region, or nil when the descriptor is not one.
  static func map(_ descriptor: Int32) -> UnsafeMutableRawPointer? {
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_size == off_t(bytes) else { return nil }
    let memory = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
    return memory == MAP_FAILED ? nil : memory
  }

  /// What a dead process left; empty when it left nothing. Bytes that no terminal should obey become dots.
  static func text(_ descriptor: Int32) -> String {
    var length: UInt64 = 0
    guard pread(descriptor, &length, 8, 0) == 8, length > 0 else { return "" }
    var bytes = [UInt8](repeating: 0, count: min(Int(clamping: length), textBytesMax))
    let count = pread(descriptor, &bytes, bytes.count, off_t(headerBytes))
    guard count > 0 else { return "" }
    return String(decoding: bytes[..<count].map { $0 == 0x0a || ($0 >= 0x20 && $0 < 0x7f) ? $0 : 0x2e }, as: UTF8.self)
  }
}
