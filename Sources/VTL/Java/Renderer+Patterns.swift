// Owns: the methods of `java.lang.String` that take regular expressions: which parts they match is JavaRegex's, what becomes of them is
// here (`java.util.regex.Matcher.appendReplacement`, `java.util.regex.Pattern.split`).

extension Renderer {
  func invokePattern(_ method: Method, _ text: ArraySlice<UInt8>, _ arguments: Arguments) throws(RenderFault) -> Value {
    guard arguments.count > 0 else { return .null }
    let regex = try regex(arguments)
    switch method {
    case .matches: return .bool(try match(regex, text, from: 0, whole: true, arguments) != nil)
    case .split:
      let limit = arguments.count > 1 ? Self.place(arguments[1]) ?? 0 : 0
      return .list(ListObject(try split(text, regex, limit, arguments)))
    default:
      guard arguments.count > 1 else { return .null }
      let replacement = try self.text(of: arguments[1], at: arguments.offset)
      return .text(try replace(text, regex, replacement, isFirstOnly: method == .replaceFirst, arguments)[...])
    }
  }

  private func regex(_ arguments: Arguments) throws(RenderFault) -> JavaRegex {
    if case .regex(let regex) = arguments.call.prepared { return regex }
    let pattern = try text(of: arguments[0], at: arguments.offset)
    try count(pattern.count + 16, at: arguments.offset)
    do {
      return try JavaRegex(pattern, stepsMax: limits.regexStepsMax)
    } catch {
      let shown = String(decoding: pattern.prefix(200), as: UTF8.self)
      throw RenderFault(.expression, at: arguments.offset, "'\(shown)' is no regular expression: \(error.reason)")
    }
  }

  private func match(
    _ regex: JavaRegex, _ text: ArraySlice<UInt8>, from start: Int, whole: Bool = false, _ arguments: Arguments
  ) throws(RenderFault) -> JavaRegex.Match? {
    try count(8, at: arguments.offset)
    let result = text.withUnsafeBufferPointer { bytes -> Result<JavaRegex.Match?, JavaRegex.Exhausted> in
      Result { () throws(JavaRegex.Exhausted) in try regex.match(in: bytes, from: start, whole: whole) }
    }
    switch result {
    case .success(let match): return match
    case .failure:
      throw RenderFault(.tooManySteps, at: arguments.offset, "matching takes more than \(limits.regexStepsMax) attempts")
    }
  }

  /// Where to look on behind a match: an empty one would be found again and again.
  private func next(behind range: Range<Int>, in text: ArraySlice<UInt8>) -> Int {
    guard range.isEmpty else { return range.upperBound }
    var next = range.upperBound + 1
    while next < text.count, text[text.startIndex + next] & 0xC0 == 0x80 { next += 1 }
    return next
  }

  private func slice(_ text: ArraySlice<UInt8>, _ range: Range<Int>) -> ArraySlice<UInt8> {
    text[text.startIndex + range.lowerBound..<text.startIndex + range.upperBound]
  }

  private func replace(
    _ text: ArraySlice<UInt8>, _ regex: JavaRegex, _ replacement: ArraySlice<UInt8>, isFirstOnly: Bool, _ arguments: Arguments
  ) throws(RenderFault) -> [UInt8] {
    let parts = try replacementParts(replacement, regex, arguments)
    var result: [UInt8] = []
    var plain = 0
    var start = 0
    while start <= text.count, let match = try match(regex, text, from: start, arguments) {
      result.append(contentsOf: slice(text, plain..<match.range.lowerBound))
      for part in parts {
        switch part {
        case .text(let text): result.append(contentsOf: text)
        case .group(let group):
          if group < match.groups.count, let range = match.groups[group] { result.append(contentsOf: slice(text, range)) }
        }
      }
      if result.count > limits.outputBytesMax { throw fault(.tooMuch, at: arguments.offset) }
      try count(replacement.count / 64, at: arguments.offset)
      plain = match.range.upperBound
      start = next(behind: match.range, in: text)
      if isFirstOnly { break }
    }
    result.append(contentsOf: slice(text, plain..<text.count))
    try count(result.count / 64, at: arguments.offset)
    return result
  }

  private enum ReplacementPart {
    case text(ArraySlice<UInt8>)
    case group(Int)
  }

  /// `$1`, `${name}` and `\` in a replacement.
  private func replacementParts(
    _ replacement: ArraySlice<UInt8>, _ regex: JavaRegex, _ arguments: Arguments
  ) throws(RenderFault) -> [ReplacementPart] {
    guard replacement.contains(where: { $0 == UInt8(ascii: "$") || $0 == UInt8(ascii: "\\") }) else { return [.text(replacement)] }
    var parts: [ReplacementPart] = []
    var cursor = replacement.startIndex
    while cursor < replacement.endIndex {
      let byte = replacement[cursor]
      cursor += 1
      if byte == UInt8(ascii: "\\") {
        guard cursor < replacement.endIndex else { throw arguments.fault("a character is missing behind the last backslash") }
        parts.append(.text(replacement[cursor..<cursor + 1]))
        cursor += 1
      } else if byte == UInt8(ascii: "$") {
        parts.append(.group(try group(replacement, &cursor, regex, arguments)))
      } else {
        parts.append(.text(replacement[cursor - 1..<cursor]))
      }
    }
    return parts
  }

  private func group(
    _ replacement: ArraySlice<UInt8>, _ cursor: inout Int, _ regex: JavaRegex, _ arguments: Arguments
  ) throws(RenderFault) -> Int {
    if cursor < replacement.endIndex, replacement[cursor] == UInt8(ascii: "{") {
      guard let end = replacement[cursor...].firstIndex(of: UInt8(ascii: "}")) else { throw arguments.fault("'${' has no '}'") }
      let name = String(decoding: replacement[cursor + 1..<end], as: UTF8.self)
      guard let group = regex.group(named: name) else { throw arguments.fault("there is no group \(name)") }
      cursor = end + 1
      return group
    }
    guard cursor < replacement.endIndex, Spelling.isDigit(replacement[cursor]) else {
      throw arguments.fault("'$' stands for a group, and needs its number; a dollar sign is written \\$")
    }
    var group = Int(replacement[cursor] - UInt8(ascii: "0"))
    guard group <= regex.groupCount else { throw arguments.fault("there is no group \(group)") }
    cursor += 1
    // As many digits as make the number of a group.
    while cursor < replacement.endIndex, Spelling.isDigit(replacement[cursor]) {
      let longer = group * 10 + Int(replacement[cursor] - UInt8(ascii: "0"))
      if longer > regex.groupCount { break }
      group = longer
      cursor += 1
    }
    return group
  }

  private func split(
    _ text: ArraySlice<UInt8>, _ regex: JavaRegex, _ limit: Int, _ arguments: Arguments
  ) throws(RenderFault) -> [Value] {
    var parts: [ArraySlice<UInt8>] = []
    var plain = 0
    var start = 0
    while start <= text.count, limit <= 0 || parts.count < limit - 1, let match = try match(regex, text, from: start, arguments) {
      start = next(behind: match.range, in: text)
      // An empty match at the beginning makes no empty part (since Java 8), and one at the end splits nothing.
      if match.range.isEmpty, match.range.lowerBound == 0 || match.range.lowerBound >= text.count { continue }
      parts.append(slice(text, plain..<match.range.lowerBound))
      plain = match.range.upperBound
    }
    if parts.isEmpty { return [.text(text)] }
    parts.append(slice(text, plain..<text.count))
    if limit == 0 {
      while parts.last?.isEmpty == true { parts.removeLast() }
    }
    return parts.map { .text($0) }
  }
}
