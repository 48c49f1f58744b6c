// Owns: the words that the master and the serving process say to each other, and their bytes: one message per SOCK_SEQPACKET
// datagram, a verb and its arguments in ASCII, so that strace shows the talk as it is. Descriptors travel beside the bytes
// (ControlSocket). Both ends are the same binary, so the protocol carries no version.

/// Bounds of the control protocol.
enum ControlLimits {
  /// Bytes of one message; longer error texts and paths are cut or refused.
  static let messageBytesMax = 4096
  /// Descriptors in one message: the kernel's own bound is 253 (SCM_MAX_FD).
  static let descriptorsPerMessageMax = 64
  /// Listening sockets for one address; one a worker is what is asked for.
  static let socketsPerAddressMax = 1024
  static let addressesMax = 256
}

/// What the serving process asks of the master.
enum ControlRequest: Equatable, Sendable {
  /// At least `count` listening sockets for the address; answered by sockets or a failure.
  case listen(address: String, count: Int)
  /// The master may close the address; answered by done.
  case unlisten(address: String)
  /// The configuration in the one descriptor that comes along is the last good one; answered by done.
  case keep
  /// Hand back what was kept; answered by sockets with one or no descriptor.
  case kept
  /// Serving has begun; answered by done.
  case ready
  /// One line for the service manager; not answered.
  case status(String)
  /// Folder of this node's data, where crash reports go; not answered.
  case data(path: String)
}

/// What the master tells the serving process unasked.
public enum MasterCommand: Equatable, Sendable {
  /// Read the configuration again (SIGHUP).
  case reload
  /// Stop accepting, finish what runs, exit (SIGTERM, SIGINT).
  case drain
  /// Open the log files anew (SIGUSR1).
  case reopen
  /// The control socket ended: nobody supervises this process any more, it should leave.
  case masterGone
}

/// Why the master could not do what was asked.
public enum ControlFailureKind: String, Sendable, CaseIterable {
  /// Another process holds the address.
  case inUse = "in-use"
  /// The address is not one of this machine's.
  case notHere = "not-here"
  /// Ports below 1024 need a privilege.
  case forbidden
  /// The text is not `IPv4:port` or `[IPv6]:port`, or a bound was passed.
  case malformed
  /// Any other refusal of the kernel.
  case system
  /// The master did not answer as agreed.
  case link
}

/// What the master sends.
enum ControlReply: Equatable, Sendable {
  case done
  /// `count` descriptors come with this message, `more` follow in further ones.
  case sockets(count: Int, more: Int)
  case failure(ControlFailureKind, String)
  case command(MasterCommand)
}

extension ControlRequest {
  var encoded: [UInt8] {
    switch self {
    case .listen(let address, let count): ControlText.line("listen \(count)", address)
    case .unlisten(let address): ControlText.line("unlisten", address)
    case .keep: ControlText.line("keep", nil)
    case .kept: ControlText.line("kept", nil)
    case .ready: ControlText.line("ready", nil)
    case .status(let text): ControlText.line("status", text)
    case .data(let path): ControlText.line("data", path)
    }
  }

  /// - Returns: nil for what is no request; the master answers `malformed` and goes on.
  init?(_ bytes: [UInt8]) {
    guard let (verb, rest) = ControlText.split(bytes) else { return nil }
    switch (verb, rest) {
    case ("listen", .some(let rest)):
      guard let (digits, address) = ControlText.split(Array(rest.utf8)), let address, !address.isEmpty,
        let count = ControlText.number(digits), (1...ControlLimits.socketsPerAddressMax).contains(count)
      else { return nil }
      self = .listen(address: address, count: count)
    case ("unlisten", .some(let address)) where !address.isEmpty: self = .unlisten(address: address)
    case ("keep", nil): self = .keep
    case ("kept", nil): self = .kept
    case ("ready", nil): self = .ready
    case ("status", .some(let text)): self = .status(text)
    case ("data", .some(let path)) where !path.isEmpty: self = .data(path: path)
    default: return nil  // Any other text is what this initialiser is there to refuse.
    }
  }
}

extension ControlReply {
  var encoded: [UInt8] {
    switch self {
    case .done: ControlText.line("done", nil)
    case .sockets(let count, let more): ControlText.line("sockets \(count)", String(more))
    case .failure(let kind, let text): ControlText.line("failure \(kind.rawValue)", text)
    case .command(.reload): ControlText.line("reload", nil)
    case .command(.drain): ControlText.line("drain", nil)
    case .command(.reopen): ControlText.line("reopen", nil)
    case .command(.masterGone): ControlText.line("gone", nil)
    }
  }

  init?(_ bytes: [UInt8]) {
    guard let (verb, rest) = ControlText.split(bytes) else { return nil }
    switch (verb, rest) {
    case ("done", nil): self = .done
    case ("sockets", .some(let rest)):
      guard let (first, second) = ControlText.split(Array(rest.utf8)), let second,
        let count = ControlText.number(first), count <= ControlLimits.descriptorsPerMessageMax,
        let more = ControlText.number(second), more <= ControlLimits.socketsPerAddressMax
      else { return nil }
      self = .sockets(count: count, more: more)
    case ("failure", .some(let rest)):
      guard let (word, text) = ControlText.split(Array(rest.utf8)), let kind = ControlFailureKind(rawValue: word) else { return nil }
      self = .failure(kind, text ?? "")
    case ("reload", nil): self = .command(.reload)
    case ("drain", nil): self = .command(.drain)
    case ("reopen", nil): self = .command(.reopen)
    case ("gone", nil): self = .command(.masterGone)
    default: return nil  // Any other text is what this initialiser is there to refuse.
    }
  }
}

enum ControlText {
  /// A verb and the rest of the line, cut to the bound of a message at a character's edge.
  static func line(_ verb: String, _ rest: String?) -> [UInt8] {
    var bytes = Array(verb.utf8)
    guard let rest else { return bytes }
    bytes.append(UInt8(ascii: " "))
    let text = Array(rest.utf8)
    var end = min(text.count, ControlLimits.messageBytesMax - bytes.count)
    while end > 0 && end < text.count && text[end] & 0xc0 == 0x80 { end -= 1 }
    return bytes + text[..<end]
  }

  static func split(_ bytes: [UInt8]) -> (verb: String, rest: String?)? {
    guard !bytes.isEmpty, bytes.count <= ControlLimits.messageBytesMax else { return nil }
    guard let text = String(validating: bytes, as: UTF8.self) else { return nil }
    guard let space = text.utf8.firstIndex(of: UInt8(ascii: " ")) else { return (text, nil) }
    return (String(text[..<space]), String(text[text.utf8.index(after: space)...]))
  }

  static func number(_ digits: String) -> Int? {
    guard (1...6).contains(digits.utf8.count), digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
    return Int(digits)
  }
}
