// Owns how files are found and looked at before anything relies on them, and how they are replaced.
import Glibc
import Runtime

enum NamedFile {
  /// What is expected of a file.
  enum Kind {
    /// It may be made later.
    case path
    case certificate, privateKey, ticketKey

    /// Nil for a text that names no file.
    init?(_ form: TextForm) {
      switch form {
      case .path, .accessLog: self = .path
      case .certificate: self = .certificate
      case .privateKey: self = .privateKey
      case .ticketKey: self = .ticketKey
      case .any, .nonEmpty, .name, .listenAddress, .peerAddress, .seed, .endpoint, .network, .hostPattern, .hostName, .authority,
        .urlPath, .fieldName, .fieldValue, .retryCondition, .status, .routeKey, .base64Key:
        return nil
      }
    }
  }

  /// Longest file that is read.
  static let bytesMax = 1 << 20

  /// `name` relative to the folder of the configuration `file`.
  static func resolve(_ name: String, besides file: String) -> String {
    guard !name.hasPrefix("/"), let slash = file.lastIndex(of: "/") else { return name }
    return file[...slash] + name
  }

  /// Why the file is not what is expected, or nil.
  static func refusal(of path: String, _ kind: Kind) -> String? {
    let marker: String
    switch kind {
    case .path: return nil
    case .certificate: marker = "-----BEGIN CERTIFICATE-----"
    case .privateKey: marker = "PRIVATE KEY-----"
    case .ticketKey: marker = ""
    }
    switch read(path, bytesMax: bytesMax) {
    case .failure(let refusal): return "`\(Shown.text(path))` \(refusal.reason)"
    case .success(let bytes):
      if case .ticketKey = kind { return bytes.count == 80 ? nil : "`\(Shown.text(path))` holds \(bytes.count) bytes; a ticket key has 80" }
      return String(decoding: bytes, as: UTF8.self).contains(marker)
        ? nil : "`\(Shown.text(path))` holds no PEM \(kind == .certificate ? "certificate" : "private key")"
    }
  }

  /// The bytes of a regular file; never blocks on a pipe or a device.
  static func read(_ path: String, bytesMax: Int) -> Result<[UInt8], Quantities.Refusal> {
    let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else { return .failure(.init("cannot be read: \(String(cString: strerror(errno)))")) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return .failure(.init("is not a regular file")) }
    let tooLong = Quantities.Refusal("is longer than \(Quantities.written(bytesMax))")
    guard status.st_size <= bytesMax else { return .failure(tooLong) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { return .failure(.init("cannot be read: \(String(cString: strerror(errno)))")) }
      if count == 0 { return .success(bytes) }
      bytes += chunk[..<count]
      guard bytes.count <= bytesMax else { return .failure(tooLong) }
    }
  }

  /// Writes a file so that it is the old one or the new one, whatever happens meanwhile.
  static func replace(_ path: String, _ bytes: [UInt8]) -> Bool {
    let fresh = path + ".new"
    let file = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard file >= 0 else { return false }
    let written = writeAll(file, bytes) && fsync(file) == 0
    close(file)
    return written && rename(fresh, path) == 0
  }

  private static func writeAll(_ file: Int32, _ bytes: [UInt8]) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
      // SAFETY: the slice outlives the call, which reads within its bounds.
      let count = rest.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      if count <= 0 { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }
}
