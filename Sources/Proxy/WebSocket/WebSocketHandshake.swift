// The opening of a WebSocket connection on HTTP/1.1 (RFC 6455 §4.2), the server's side: whether a request asks for one properly, and
// the fields of the answer. Frames are in Core/WebSocket.
import COpenSSL
import Glibc

/// What becomes of a request to a WebSocket path.
public enum WebSocketHandshake: Equatable, Sendable {
  /// `101` with these fields. No subprotocol and no extension is agreed on.
  case accepted(accept: String)
  /// The request is no handshake, or one of another version: 426, which names the version that is spoken (§4.4).
  case upgradeRequired
  /// A handshake with a fault: 400 with the reason.
  case malformed(String)

  /// The version of RFC 6455.
  public static let version = "13"

  /// Reads the handshake of a request.
  ///
  /// The engine has checked `Connection: upgrade`; HTTP/2 opens WebSockets in another way (RFC 8441), which is not spoken here.
  public static func read(_ request: LocalRequest) -> WebSocketHandshake {
    let asks = request.wantsUpgrade && request.protocolName == "HTTP/1.1" && values(request, "upgrade").contains("websocket")
    guard asks else { return .upgradeRequired }
    guard request.method == "GET" else { return .malformed("a WebSocket is opened with GET") }
    guard values(request, "sec-websocket-version") == [version] else { return .upgradeRequired }
    let keys = request.fields.filter { $0.name.lowercased() == "sec-websocket-key" }
    guard keys.count == 1, isKey(keys[0].value) else {
      return .malformed("Sec-WebSocket-Key must be 16 bytes in base64, once")
    }
    return .accepted(accept: accept(key: keys[0].value))
  }

  /// The fields of a `101` answer.
  public static func fields(accept: String) -> [(name: String, value: String)] {
    [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept)]
  }

  /// `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key` (§4.2.2): base64(SHA-1(key + GUID)).
  public static func accept(key: String) -> String {
    let text = Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8)
    var digest = [UInt8](repeating: 0, count: 20)
    precondition(EVP_Digest(text, text.count, &digest, nil, EVP_sha1(), nil) == 1, "libcrypto refuses SHA-1")
    var encoded = [UInt8](repeating: 0, count: 29)  // 28 and a NUL
    let n = EVP_EncodeBlock(&encoded, digest, 20)
    return String(decoding: encoded[..<Int(n)], as: UTF8.self)
  }

  /// 16 bytes in base64 are 22 characters of the alphabet and two of padding.
  private static func isKey(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard bytes.count == 24, bytes[22] == UInt8(ascii: "="), bytes[23] == UInt8(ascii: "=") else { return false }
    var decoded = [UInt8](repeating: 0, count: 18)
    return bytes[21] != UInt8(ascii: "=") && EVP_DecodeBlock(&decoded, bytes, 24) == 18
  }

  /// The comma-separated members of a field in lower case.
  private static func values(_ request: LocalRequest, _ name: String) -> [String] {
    request.fields.filter { $0.name.lowercased() == name }.flatMap { $0.value.lowercased().split(separator: ",") }
      .map { String($0.filter { $0 != " " && $0 != "\t" }) }
  }
}
