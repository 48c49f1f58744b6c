// Owns: what a pure heart may not call: a clock, randomness of its own, threads and waiting, the world outside.

/// A word that a heart does without.
private enum Banned: Sendable {
  /// The word wherever it stands.
  case word(String)
  /// The word as a call, on nothing: `print(`, not `writer.print(` and not `func print(`.
  case call(String)
  /// The word as a member: `.random`; not with `using:` on the same line, which hands the generator in.
  case drawn(String)
  /// Every word that begins so.
  case prefix(String)

  func matches(_ word: SourceText.Word, after previous: SourceText.Word?, in line: SourceText.Line) -> Bool {
    switch self {
    case .word(let text): word.text == text
    case .call(let text):
      word.text == text && word.after == UInt8(ascii: "(") && word.before != UInt8(ascii: ".") && previous?.text != "func"
    case .drawn(let text):
      word.text == text && word.before == UInt8(ascii: ".") && !line.words.contains { $0.text == "using" && $0.after == UInt8(ascii: ":") }
    case .prefix(let text): word.text.hasPrefix(text)
    }
  }
}

extension TidyRule {
  static let hearts: [TidyRule] = [
    heart(
      "heart-clock", "Take `now` as an argument; the driver reads the clock once a turn.",
      [
        .word("clock_gettime"), .word("gettimeofday"), .word("ContinuousClock"), .word("SuspendingClock"), .word("TimeSource"),
        .call("Date"), .call("time"), .call("localtime_r"), .call("gmtime_r"),
      ]),
    heart(
      "heart-randomness", "Take a seeded generator as an argument, so that one seed replays the whole run.",
      [
        .word("SystemRandomNumberGenerator"), .word("getrandom"), .word("getentropy"), .word("arc4random"), .call("rand"), .call("UUID"),
        .drawn("random"), .drawn("randomElement"), .drawn("shuffle"), .drawn("shuffled"),
      ]),
    heart(
      "heart-waiting", "Make waiting a state: return an effect, and take the answer as an event.",
      [
        .word("await"), .word("async"), .word("Task"), .word("TaskGroup"), .word("DispatchQueue"), .word("Thread"), .word("Mutex"),
        .word("NSLock"), .prefix("pthread_"), .call("sleep"), .call("usleep"), .call("nanosleep"), .call("poll"),
      ]),
    heart(
      "heart-world", "Return what is to be done as a value, and let the driver do it.",
      [
        .word("FileManager"), .word("getenv"), .word("CommandLine"), .word("ProcessInfo"), .word("fopen"), .word("stderr"), .word("stdout"),
        .call("print"), .call("debugPrint"), .call("dump"), .call("readLine"), .call("fputs"), .call("socket"), .call("recv"),
        .call("recvfrom"), .call("sendto"), .prefix("epoll_"),
      ]),
  ]

  private static func heart(_ name: String, _ instead: String, _ banned: [Banned]) -> TidyRule {
    TidyRule(name: name, instead: instead) { file in
      guard file.isHeart else { return [] }
      return file.source.lines.enumerated().flatMap { index, line in
        line.words.indices.filter { at in
          let previous = at > 0 ? line.words[at - 1] : nil
          return banned.contains { $0.matches(line.words[at], after: previous, in: line) }
        }.map { TidyFault(line: index + 1, found: "'\(line.words[$0].text)' in a heart") }
      }
    }
  }
}
