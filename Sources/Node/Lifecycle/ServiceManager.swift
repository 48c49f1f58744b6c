// tidy: allow file-name: "service manager" is systemd's own word
// Owns: the few datagrams that systemd wants to hear (sd_notify(3)). Without NOTIFY_SOCKET it is silent.
import CEpoll
import Glibc

struct ServiceManager {
  private let path: [UInt8]

  /// - Parameter path: the value of NOTIFY_SOCKET; a leading `@` means the abstract name space.
  init?(path: String?) {
    guard let path, !path.isEmpty, path.utf8.count < 108 else { return nil }
    var bytes = Array(path.utf8)
    guard bytes[0] == UInt8(ascii: "/") || bytes[0] == UInt8(ascii: "@") else { return nil }
    if bytes[0] == UInt8(ascii: "@") { bytes[0] = 0 }
    self.path = bytes
  }

  /// - Parameter state: `READY=1`, `STOPPING=1`, `STATUS=…`.
  func notify(_ state: String) {
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
    let length = socklen_t(MemoryLayout<sa_family_t>.size + path.count)
    let bytes = Array(state.utf8)
    withUnsafePointer(to: &address) { pointer in
      // SAFETY: a sockaddr_un may be viewed as a sockaddr; `length` says how much of it counts.
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        // A service manager that is away must not stop the master: the answer does not matter.
        _ = sendto(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT), $0, length)
      }
    }
  }
}
