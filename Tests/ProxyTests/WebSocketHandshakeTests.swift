import Runtime
import Testing

@testable import Proxy

@Suite("Opening a WebSocket")
struct WebSocketHandshakeTests {
  static let key = "dGhlIHNhbXBsZSBub25jZQ=="

  static func request(
    method: String = "GET", protocolName: String = "HTTP/1.1", wantsUpgrade: Bool = true,
    _ changes: [String: String?] = [:], adding more: [(name: String, value: String)] = []
  ) -> LocalRequest {
    var fields = [
      (name: "Upgrade", value: "websocket"), (name: "Sec-WebSocket-Key", value: key), (name: "Sec-WebSocket-Version", value: "13"),
    ]
    fields = fields.compactMap { field in
      guard let change = changes[field.name] else { return field }
      return change.map { (name: field.name, value: $0) }
    }
    return LocalRequest(
      method: method, target: "/ws", path: "/ws", query: "", authority: "x", fields: fields + more, body: [],
      clientAddress: SocketAddress(ipv4: 0x7f00_0001, port: 1), protocolName: protocolName, isSecure: false,
      wantsUpgrade: wantsUpgrade, clientSubject: nil)
  }

  @Test("the example of RFC 6455 §1.3")
  func example() {
    #expect(WebSocketHandshake.accept(key: Self.key) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    #expect(WebSocketHandshake.read(Self.request()) == .accepted(accept: "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
  }

  @Test("names of protocols know no case, and websocket may be one of several")
  func names() {
    for value in ["WebSocket", "h2c, websocket", "websocket ,x"] {
      guard case .accepted = WebSocketHandshake.read(Self.request(["Upgrade": value])) else { Issue.record("\(value)"); continue }
    }
  }

  @Test("what is no handshake of this version is told to upgrade")
  func upgradeRequired() {
    for request in [
      Self.request(wantsUpgrade: false), Self.request(protocolName: "HTTP/2.0"), Self.request(protocolName: "HTTP/1.0"),
      Self.request(["Upgrade": "h2c"]), Self.request(["Upgrade": nil]), Self.request(["Sec-WebSocket-Version": "8"]),
      Self.request(["Sec-WebSocket-Version": nil]), Self.request(["Sec-WebSocket-Version": "13, 8"]),
    ] {
      #expect(WebSocketHandshake.read(request) == .upgradeRequired)
    }
  }

  @Test("a key is 16 bytes in base64, once; the method is GET")
  func malformed() {
    var requests = [Self.request(method: "POST"), Self.request(adding: [(name: "sec-websocket-key", value: Self.key)])]
    for key in ["", "abcd", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZ!==", "dGhlIHNhbXBsZSBub25jZQAA", "dGhlIHNhbXBsZSBub25j===="] {
      requests.append(Self.request(["Sec-WebSocket-Key": key]))
    }
    requests.append(Self.request(["Sec-WebSocket-Key": nil]))
    for request in requests {
      guard case .malformed = WebSocketHandshake.read(request) else { Issue.record("\(request)"); continue }
    }
  }
}
