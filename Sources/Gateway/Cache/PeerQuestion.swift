// What one node says to another in a request on the peer link, besides the client's own head: for whom it asks, and whom it means to ask.
// A node that is not meant, or does not serve the same, says 421, and who asked goes elsewhere; nobody passes a question on.
import Cache
import Proxy
import Runtime

/// The lines that make a client's request a question to another node.
struct PeerQuestion: Equatable {
  static let field: StaticString = "tidegate-peer"
  static let clientField: StaticString = "tidegate-client"
  /// Of an answer: several clients are to ask one by one.
  static let aloneField: StaticString = "tidegate-alone"

  /// The hash of the node that is meant.
  var to: UInt64
  /// The hash of the definitions that the asking node serves: one that serves others would make another key, or ask another origin.
  var definitions: UInt64
  var client: SocketAddress
  var isSecure: Bool
  var listenerPort: UInt16
  /// What is wanted, by the digit that says so.
  enum Kind: UInt8 {
    /// The answer to one client.
    case one = 0x31
    /// What that node has stored: it fetches nothing for it.
    case stored = 0x32
    /// An answer for several clients: where there is none, they ask one by one.
    case several = 0x33
  }

  var kind = Kind.one

  /// Two lines: `1 <to> <definitions> <s for HTTPS, p for HTTP> <port>`, the same for many requests, with the digit of its kind in
  /// the place of 1; and the client.
  var lines: [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(96 + SocketAddress.textBytesMax)
    text += "Tidegate-Peer: ".utf8
    text.append(kind.rawValue)
    PeerQuestion.put(to, &text)
    PeerQuestion.put(definitions, &text)
    text += [0x20, isSecure ? 0x73 : 0x70]
    PeerQuestion.put(UInt64(listenerPort), &text)
    text += "\r\nTidegate-Client: ".utf8
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: SocketAddress.textBytesMax) { room in
      text += UnsafeBufferPointer(rebasing: room[..<client.write(to: room.baseAddress!)])
    }
    text += [13, 10]
    return text
  }

  /// A blank and a number in hexadecimal.
  private static func put(_ value: UInt64, _ text: inout [UInt8]) {
    text.append(0x20)
    var shift = max(0, (63 - value.leadingZeroBitCount) / 4 * 4)
    while shift >= 0 {
      let digit = UInt8(truncatingIfNeeded: value >> UInt64(shift) & 15)
      text.append(digit < 10 ? 0x30 + digit : 0x57 + digit)
      shift -= 4
    }
  }

  init(to: UInt64, definitions: UInt64, client: SocketAddress, isSecure: Bool, listenerPort: UInt16) {
    self.to = to
    self.definitions = definitions
    self.client = client
    self.isSecure = isSecure
    self.listenerPort = listenerPort
  }

  /// nil where the request does not have exactly one that can be read.
  init?(_ fields: HeadFields) {
    let (lines, clients) = (fields.all(PeerQuestion.field), fields.all(PeerQuestion.clientField))
    guard lines.count == 1, clients.count == 1 else { return nil }
    self.init(line: lines[0], client: clients[0])
  }

  /// From the values of its two lines; nil where they cannot be read.
  init?(line: ArraySlice<UInt8>, client: ArraySlice<UInt8>) {
    var words = Words(rest: line)
    let digit = words.next()
    guard digit.count == 1, let kind = digit.first.flatMap(Kind.init), let to = words.number(), let definitions = words.number() else {
      return nil
    }
    // `s` is HTTPS: what is said with every request is short.
    let scheme = words.next()
    guard scheme.count == 1, scheme.first == 0x73 || scheme.first == 0x70, let port = words.number().flatMap({ UInt16(exactly: $0) }),
      words.rest.isEmpty,
      let client = SocketAddress(text: client)
    else { return nil }
    self.init(to: to, definitions: definitions, client: client, isSecure: scheme.first == 0x73, listenerPort: port)
    self.kind = kind
  }

  /// Reads words that single blanks divide.
  private struct Words {
    var rest: ArraySlice<UInt8>

    mutating func next() -> ArraySlice<UInt8> {
      let end = rest.firstIndex(of: 0x20) ?? rest.endIndex
      defer { rest = end < rest.endIndex ? rest[(end + 1)...] : rest[end...] }
      return rest[..<end]
    }

    /// In hexadecimal, of 16 digits at most, in lower case.
    mutating func number() -> UInt64? {
      let digits = next()
      if digits.isEmpty || digits.count > 16 { return nil }
      var value: UInt64 = 0
      for c in digits {
        if c &- 0x30 < 10 {
          value = value << 4 | UInt64(c &- 0x30)
        } else if c &- 0x61 < 6 {
          value = value << 4 | UInt64(c &- 0x57)
        } else {
          return nil
        }
      }
      return value
    }
  }

  var origin: FetchOrigin { FetchOrigin(client: client, isSecure: isSecure, listenerPort: listenerPort) }
}
