// What one node says to another in a request on the peer link, besides the client's own head: for whom it asks, and whom it means to ask.
// A node that is not meant, or does not serve the same, says 421, and who asked goes elsewhere; nobody passes a question on.
import Cache
import Proxy
import Runtime

/// The line that makes a client's request a question to another node.
struct PeerQuestion: Equatable {
  static let field: StaticString = "tidegate-peer"

  /// The hash of the node that is meant.
  var to: UInt64
  /// The hash of the definitions that the asking node serves: one that serves others would make another key, or ask another origin.
  var definitions: UInt64
  var client: SocketAddress
  var isSecure: Bool
  var listenerPort: UInt16
  /// Only for what that node has stored: it fetches nothing for it.
  var isForStored = false

  /// `1 <to> <definitions> <scheme> <port> <client>`; with 2 in the place of 1 it is for what is stored
  var line: [UInt8] {
    let (node, hash) = (String(to, radix: 16), String(definitions, radix: 16))
    return Array("Tidegate-Peer: \(isForStored ? 2 : 1) \(node) \(hash) \(isSecure ? "https" : "http") \(listenerPort) \(client)\r\n".utf8)
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
    let lines = fields.all(PeerQuestion.field)
    guard lines.count == 1 else { return nil }
    let words = String(decoding: lines[0], as: UTF8.self).split(separator: " ")
    guard words.count == 6, words[0] == "1" || words[0] == "2", let to = UInt64(words[1], radix: 16),
      let definitions = UInt64(words[2], radix: 16),
      words[3] == "https" || words[3] == "http", let port = UInt16(words[4]), let client = SocketAddress(String(words[5]))
    else { return nil }
    self.init(to: to, definitions: definitions, client: client, isSecure: words[3] == "https", listenerPort: port)
    isForStored = words[0] == "2"
  }

  var origin: FetchOrigin { FetchOrigin(client: client, isSecure: isSecure, listenerPort: listenerPort) }
}
