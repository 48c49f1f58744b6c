// The folder as the file system sees it: what it takes, emptying it, moving it out of the way. What is in it is RocksDB's.
import Glibc

enum DiskFolder {
  static func make(_ path: String) throws(DiskFault) {
    if mkdir(path, 0o750) != 0 && errno != EEXIST { throw fault("make folder", path) }
  }

  /// Bytes that the files in the folder take: the greater of length and allocated blocks, since preallocated room is taken too.
  static func bytes(_ path: String) -> UInt64 {
    var total: UInt64 = 0
    for name in names(path) {
      var status = stat()
      if lstat(path + "/" + name, &status) != 0 { continue }
      total += max(UInt64(max(status.st_size, 0)), UInt64(max(status.st_blocks, 0)) * 512)
    }
    return total
  }

  /// Bytes that are free on the folder's device for those who are not root; nil where the system does not say.
  static func freeBytes(_ path: String) -> UInt64? {
    var status = statvfs()
    guard statvfs(path, &status) == 0 else { return nil }
    let (bytes, overflow) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
    return overflow ? .max : bytes
  }

  /// Whether a database is in the folder.
  static func hasDatabase(_ path: String) -> Bool { access(path + "/CURRENT", F_OK) == 0 }

  /// Deletes the files in the folder. CURRENT goes first: without it nothing that is left can come back.
  static func wipe(_ path: String) throws(DiskFault) {
    if unlink(path + "/CURRENT") != 0 && errno != ENOENT { throw fault("delete", path + "/CURRENT") }
    for name in names(path) where unlink(path + "/" + name) != 0 && errno != ENOENT { throw fault("delete", path + "/" + name) }
  }

  /// Renames the folder to the next free `…-broken-<n>`, after deleting those that bear such a name.
  static func setAside(_ path: String) throws(DiskFault) -> String {
    let numbers = setAsideNumbers(path)
    for number in numbers {
      let old = setAsidePrefix(path) + String(number)
      try wipe(old)
      if rmdir(old) != 0 && errno != ENOENT { throw fault("delete", old) }
    }
    let target = setAsidePrefix(path) + String((numbers.last ?? 0) &+ 1)
    if rename(path, target) != 0 { throw fault("rename to \(target)", path) }
    return target
  }

  /// Deletes what was set aside, as far as it can be.
  static func deleteSetAside(_ path: String) {
    for number in setAsideNumbers(path) {
      let old = setAsidePrefix(path) + String(number)
      try? wipe(old)
      rmdir(old)
    }
  }

  private static func setAsidePrefix(_ path: String) -> String { path + "-broken-" }

  private static func setAsideNumbers(_ path: String) -> [UInt32] {
    let slash = path.lastIndex(of: "/")
    let parent = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let prefix = slash.map { String(setAsidePrefix(path)[path.index(after: $0)...]) } ?? setAsidePrefix(path)
    return names(parent).filter { $0.hasPrefix(prefix) }.compactMap { UInt32($0.dropFirst(prefix.count)) }.sorted()
  }

  private static func fault(_ doing: String, _ path: String) -> DiskFault {
    let code = errno
    let kind: DiskFault.Kind = code == ENOSPC || code == EDQUOT ? .full : .io
    return DiskFault(kind, "cannot \(doing) \(path): \(String(cString: strerror(code)))")
  }

  private static func names(_ path: String) -> [String] {
    guard let folder = opendir(path) else { return [] }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      // SAFETY: readdir ends d_name with a zero byte within the entry, which stays until the next call on this folder.
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: pointer.pointee)) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }
}
