// The head of a fetch: the leader's, without what was meant for its own copy alone, and with the conditions that validate what is stored.
import Cache
import Runtime

enum FetchHead {
  /// - Parameters:
  ///   - request: the leader's head.
  ///   - stored: what is to be validated.
  static func make(_ request: HeadFields, validating stored: HeadFields?) -> [UInt8] {
    // What is kept comes of a GET, whoever asks: the answer to a HEAD has no body that could be.
    let isHead = request.startLine.starts(with: Array("HEAD ".utf8))
    var text = (isHead ? Array("GET".utf8) + request.startLine.dropFirst(4) : Array(request.startLine)) + [13, 10]
    for i in 0..<request.count where !isForOneCopy(request.name(i)) {
      text += request.name(i)
      text += [0x3a, 0x20]
      text += request.value(i)
      text += [13, 10]
    }
    if let stored { text += Validation.conditions(of: stored) }
    return text + [13, 10]
  }

  /// The client's own head, as a question to another node.
  static func asking(_ request: HeadFields, _ question: PeerQuestion) -> [UInt8] {
    whole(request, also: question.line)
  }

  /// The client's own head.
  static func whole(_ request: HeadFields, also lines: [UInt8] = []) -> [UInt8] {
    var text = Array(request.startLine) + [13, 10]
    for i in 0..<request.count where !isOfPeers(request.name(i)) {
      text += request.name(i)
      text += [0x3a, 0x20]
      text += request.value(i)
      text += [13, 10]
    }
    return text + lines + [13, 10]
  }

  private static func isOfPeers(_ name: ArraySlice<UInt8>) -> Bool {
    name.count == 13 && zip(name, "tidegate-peer".utf8).allSatisfy { $0 | 0x20 == $1 }
  }

  private static let dropped = ["if-none-match", "if-modified-since", "if-range", "range", "tidegate-peer"].map { Array($0.utf8) }

  private static func isForOneCopy(_ name: ArraySlice<UInt8>) -> Bool {
    dropped.contains { $0.count == name.count && zip($0, name).allSatisfy { $0 == $1 | 0x20 } }
  }
}

enum Framing {
  /// The length of a response's body, where its head says it.
  static func length(_ response: HeadFields, hasBody: Bool) -> Int? {
    if !hasBody { return 0 }
    guard let text = response.first("content-length"), !text.isEmpty, text.count < 18 else { return nil }
    var length = 0
    for c in text {
      guard c >= 0x30 && c <= 0x39 else { return nil }
      length = length * 10 + Int(c - 0x30)
    }
    return length
  }
}
