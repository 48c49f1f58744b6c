// Owns: who listens on a taken address, for the message to the operator: /proc/net/tcp{,6} gives the inode of the socket,
// /proc/*/fd the process that holds it (proc(5)). What cannot be read, as other users' processes, is left out.
import Glibc
import Runtime

/// A process that listens where we wanted to.
public struct AddressOwner: Equatable, Sendable, CustomStringConvertible {
  public let pid: Int32
  /// The name the kernel shows (`comm`), at most 15 bytes.
  public let command: String

  public var description: String { "\(command) (pid \(pid))" }

  /// - Returns: the process that listens on the address, or on one that collides with it; nil when there is none or it is not ours
  ///   to see.
  public static func find(_ address: SocketAddress) -> AddressOwner? {
    var inodes: [UInt64] = []
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
      guard let bytes = ProcFile.read(table) else { continue }
      inodes += ListeningSockets.inodes(String(decoding: bytes, as: UTF8.self), collidingWith: address)
    }
    let wanted = Set(inodes.map { "socket:[\($0)]" })
    guard !wanted.isEmpty else { return nil }
    for pid in ProcFile.entries("/proc").compactMap({ Int32($0) }).sorted() {
      for descriptor in ProcFile.entries("/proc/\(pid)/fd") {
        guard let target = ProcFile.link("/proc/\(pid)/fd/\(descriptor)"), wanted.contains(target) else { continue }
        let command = ProcFile.read("/proc/\(pid)/comm").map { String(decoding: $0, as: UTF8.self) } ?? "a process"
        return AddressOwner(pid: pid, command: String(command.prefix { $0 != "\n" }))
      }
    }
    return nil
  }
}

/// Reads the kernel's table of TCP sockets.
enum ListeningSockets {
  /// - Parameter table: the text of /proc/net/tcp or /proc/net/tcp6.
  /// - Returns: inodes of sockets in state LISTEN whose address collides with `address`: same port, and the same host or one of both
  ///   unspecified. A wildcard IPv6 socket may take IPv4 too, so it counts against either family.
  static func inodes(_ table: String, collidingWith address: SocketAddress) -> [UInt64] {
    var found: [UInt64] = []
    for line in table.split(separator: "\n").dropFirst() {
      let fields = line.split(separator: " ", omittingEmptySubsequences: true)
      guard fields.count > 9, fields[3] == "0A", let local = local(String(fields[1])), let inode = UInt64(fields[9]) else { continue }
      guard local.port == address.port else { continue }
      let sameFamily = local.family == address.family
      let sameHost = sameFamily && local.high == address.high && local.low == address.low
      let wildcard = sameFamily && (local.isUnspecified || address.isUnspecified)
      if sameHost || wildcard || (!local.isIPv4 && local.isUnspecified) { found.append(inode) }
    }
    return found
  }

  /// `0100007F:1F90`: words in the machine's own byte order, in hexadecimal, then the port as a number.
  static func local(_ text: String) -> SocketAddress? {
    let parts = text.split(separator: ":")
    guard parts.count == 2, let port = UInt16(parts[1], radix: 16) else { return nil }
    let digits = Array(parts[0])
    var words: [UInt32] = []
    for start in stride(from: 0, to: digits.count, by: 8) {
      guard start + 8 <= digits.count, let word = UInt32(String(digits[start..<(start + 8)]), radix: 16) else { return nil }
      words.append(UInt32(bigEndian: word))
    }
    switch words.count {
    case 1: return SocketAddress(ipv4: words[0], port: port)
    case 4:
      return SocketAddress(
        ipv6High: UInt64(words[0]) << 32 | UInt64(words[1]), low: UInt64(words[2]) << 32 | UInt64(words[3]), port: port)
    default: return nil
    }
  }
}

/// Files of the proc file system, which have no size until they are read.
enum ProcFile {
  /// Bytes that are read of one file; a table longer than this is cut.
  static let bytesMax = 16 << 20

  static func read(_ path: String) -> [UInt8]? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var all: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while all.count < bytesMax {
      let count = Glibc.read(file, &chunk, chunk.count)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { break }
      all += chunk[..<count]
    }
    return all
  }

  /// Names in a folder, sorted, without `.` and `..`; empty when it cannot be read.
  static func entries(_ path: String) -> [String] {
    guard let folder = opendir(path) else { return [] }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { tuple in
        // SAFETY: d_name is a NUL-terminated array of 256 bytes inside the entry that readdir just gave.
        tuple.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  static func link(_ path: String) -> String? {
    var room = [UInt8](repeating: 0, count: 256)
    let count = room.withUnsafeMutableBytes { raw in
      raw.withMemoryRebound(to: CChar.self) { text in text.baseAddress.map { readlink(path, $0, text.count) } ?? -1 }
    }
    return count > 0 ? String(decoding: room[..<count], as: UTF8.self) : nil
  }
}
