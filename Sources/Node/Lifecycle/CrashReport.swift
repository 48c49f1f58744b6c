// Owns: crash reports on disk: one text file for each death of the serving process, the newest kept. Their content comes from
// CrashRegion and Master.
import Glibc

enum CrashReport {
  /// Reports that are kept; older ones are removed.
  static let keptMax = 10

  /// `20260131T101502.123Z-4711.txt`: sorts by time.
  static func fileName(wallNanoseconds: UInt64, pid: Int32) -> String {
    "\(timestamp(wallNanoseconds, compact: true))-\(pid).txt"
  }

  /// ISO 8601 in UTC with milliseconds; `compact` without separators that file names dislike.
  static func timestamp(_ wallNanoseconds: UInt64, compact: Bool = false) -> String {
    var seconds = time_t(wallNanoseconds / 1_000_000_000)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
    let thousandths = wallNanoseconds / 1_000_000 % 1000
    let tail = String("00\(thousandths)".suffix(3))
    let dash = compact ? "" : "-"
    let colon = compact ? "" : ":"
    return "\(parts.tm_year + 1900)\(dash)\(two(parts.tm_mon + 1))\(dash)\(two(parts.tm_mday))T"
      + "\(two(parts.tm_hour))\(colon)\(two(parts.tm_min))\(colon)\(two(parts.tm_sec)).\(tail)Z"
  }

  /// Names beyond the newest `keptMax`, of those that look like reports; anything else in the folder is left alone.
  static func superfluous(_ names: [String]) -> [String] {
    let reports = names.filter { $0.hasSuffix("Z.txt") || ($0.hasSuffix(".txt") && $0.contains("Z-")) }.sorted()
    return Array(reports.dropLast(keptMax))
  }

  /// Writes one report and removes superfluous ones. Files are for the owner's eyes: paths of requests stand in them.
  /// - Returns: the file's path, or nil with errno set.
  static func write(_ text: String, folder: String, wallNanoseconds: UInt64, pid: Int32) -> String? {
    guard makeFolder(folder) else { return nil }
    let path = "\(folder)/\(fileName(wallNanoseconds: wallNanoseconds, pid: pid))"
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard file >= 0 else { return nil }
    defer { close(file) }
    guard writeAll(file, Array(text.utf8)) else { return nil }
    for name in superfluous(ProcFile.entries(folder)) { unlink("\(folder)/\(name)") }
    return path
  }

  private static func makeFolder(_ path: String) -> Bool {
    var prefix = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      prefix += prefix.isEmpty || prefix == "/" ? String(part) : "/\(part)"
      if mkdir(prefix, 0o700) != 0 && errno != EEXIST && errno != EISDIR { return false }
    }
    return true
  }

  static func writeAll(_ file: Int32, _ bytes: [UInt8]) -> Bool {
    var at = 0
    while at < bytes.count {
      let count = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress.map { $0 + at }, bytes.count - at) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return false }
      at += count
    }
    return true
  }
}
