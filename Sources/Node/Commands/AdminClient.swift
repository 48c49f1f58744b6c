// Owns the one request that a command makes to a running node's admin endpoint: blocking, with a deadline, plain or TLS. The address
// and the token come from the same configuration file that the node runs by.
import CEpoll
import COpenSSL
import Glibc
import Proxy
import Runtime

/// Asks the admin endpoint of the node that a configuration describes.
public struct AdminClient {
  public struct Answer {
    public let status: Int
    public let body: String
  }

  public struct Failure: Error, CustomStringConvertible {
    public let description: String
  }

  private let listen: HostPort
  private let token: String?
  private let certificate: String?
  private let timeoutSeconds: Int

  public init(_ configuration: Configuration, timeoutSeconds: Int = 10) {
    listen = configuration.admin.listen
    token = configuration.admin.token
    certificate = configuration.admin.tls?.certificates.first?.certificate
    self.timeoutSeconds = timeoutSeconds
  }

  /// The address that is asked: an unspecified listen address is reached by loopback.
  public var address: String {
    let host = listen.host == "0.0.0.0" ? "127.0.0.1" : listen.host == "::" ? "::1" : listen.host
    return HostPort(host: host, port: listen.port).description
  }

  public func get(_ path: String) throws(Failure) -> Answer { try ask("GET \(path) HTTP/1.1\r\n", body: nil) }
  public func post(_ path: String, json: String = "{}") throws(Failure) -> Answer { try ask("POST \(path) HTTP/1.1\r\n", body: json) }

  private func ask(_ line: String, body: String?) throws(Failure) -> Answer {
    var text = line + "Host: \(address)\r\nUser-Agent: tidegate\r\nConnection: close\r\n"
    if let token { text += "Authorization: Bearer \(token)\r\n" }
    if let body { text += "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n" }
    text += "\r\n" + (body ?? "")
    guard let target = SocketAddress(address) else { throw Failure(description: "\(address) is not an address") }
    let fd = socket(target.domain, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(fd) }
    var limit = timeval(tv_sec: timeoutSeconds, tv_usec: 0)
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    guard target.withSockaddr({ connect(fd, $0, $1) }) == 0 else {
      throw Failure(description: "nobody answers at the admin address \(address): \(String(cString: strerror(errno)))")
    }
    let bytes =
      try certificate.map { path throws(Failure) in try exchangeTLS(fd, Array(text.utf8), trust: path) }
      ?? exchange(fd, Array(text.utf8))
    return try parse(bytes)
  }

  private func exchange(_ fd: Int32, _ request: [UInt8]) -> [UInt8] {
    guard send(fd, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else { return [] }
    return readAll { recv(fd, $0, $1, 0) }
  }

  private func readAll(_ read: (UnsafeMutablePointer<UInt8>, Int) -> Int) -> [UInt8] {
    var all: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while all.count < 64 << 20 {
      let n = buffer.withUnsafeMutableBufferPointer { read($0.baseAddress!, $0.count) }
      if n <= 0 { break }
      all += buffer[0..<n]
    }
    return all
  }

  /// The node's own certificate, read from the same file, is what is trusted; its names are not asked about.
  private func exchangeTLS(_ fd: Int32, _ request: [UInt8], trust: String) throws(Failure) -> [UInt8] {
    let context: TLSClientContext
    let session: OpaquePointer
    do throws(TLSFault) {
      context = try TLSClientContext(TLSClientOptions(verify: false))
      session = try context.makeSession(serverName: listen.host)
    } catch {
      throw Failure(description: "\(error)")
    }
    defer { SSL_free(session) }
    SSL_set_fd(session, fd)
    guard SSL_connect(session) == 1 else { throw Failure(description: "\(address): \(TLSFault.ofSession(session))") }
    guard let shown = TLSSession.peerCertificate(session), let pem = try? NamedFile.read(trust, bytesMax: 1 << 20).get(),
      String(decoding: pem, as: UTF8.self).contains(shown.pem.trimmed)
    else { throw Failure(description: "\(address) shows another certificate than \(trust)") }
    guard SSL_write(session, request, Int32(request.count)) > 0 else { return [] }
    return readAll { Int(SSL_read(session, $0, Int32($1))) }
  }

  private func parse(_ bytes: [UInt8]) throws(Failure) -> Answer {
    let text = String(decoding: bytes, as: UTF8.self)
    guard text.hasPrefix("HTTP/1.1 "), let status = Int(text.dropFirst(9).prefix(3)), let end = bytes.firstIndex(ofBlankLine: ()) else {
      throw Failure(description: "no answer from the admin address \(address) within \(timeoutSeconds) s")
    }
    return Answer(status: status, body: String(decoding: bytes[end...], as: UTF8.self))
  }
}

extension String {
  fileprivate var trimmed: String {
    var text = Substring(self)
    while let last = text.last, last.isNewline { text = text.dropLast() }
    return String(text)
  }
}

extension [UInt8] {
  /// Where the body begins.
  fileprivate func firstIndex(ofBlankLine: Void) -> Int? {
    var i = 0
    while i + 3 < count {
      if self[i] == 13 && self[i + 1] == 10 && self[i + 2] == 13 && self[i + 3] == 10 { return i + 4 }
      i += 1
    }
    return nil
  }
}
