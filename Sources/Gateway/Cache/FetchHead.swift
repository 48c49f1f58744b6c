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
    whole(request, also: question.lines)
  }

  /// The client's own head.
  static func whole(_ request: HeadFields, also lines: [UInt8] = []) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(request.bytes.count + lines.count + 2 * request.count + 4)
    text += request.startLine
    text += [13, 10]
    for i in 0..<request.count where !isOfPeers(request.name(i)) {
      text += request.name(i)
      text += [0x3a, 0x20]
      text += request.value(i)
      text += [13, 10]
    }
    text += lines
    text += [13, 10]
    return text
  }

  private static let ofPeers = ["tidegate-peer", "tidegate-client"].map { Array($0.utf8) }

  private static func isOfPeers(_ name: ArraySlice<UInt8>) -> Bool {
    (name.count == 13 || name.count == 15) && ofPeers.contains { isEqual($0, name) }
  }

  private static let dropped = ["if-none-match", "if-modified-since", "if-range", "range"].map { Array($0.utf8) } + ofPeers

  private static func isForOneCopy(_ name: ArraySlice<UInt8>) -> Bool {
    dropped.contains { isEqual($0, name) }
  }

  private static func isEqual(_ lower: [UInt8], _ name: ArraySlice<UInt8>) -> Bool {
    lower.count == name.count && zip(lower, name).allSatisfy { $0 == $1 | 0x20 }
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
