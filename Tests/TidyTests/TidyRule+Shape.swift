// Owns: the rules about the shape of files: size, width, names, how they begin, what may not be left in them, how tests wait.

/// How large a file may be.
enum TidyLimits {
  static let linesMax = 400
  static let columnsMax = 140
}

extension TidyRule {
  static let shape: [TidyRule] = [
    TidyRule(
      name: "file-length",
      instead: "Split the file by idea, as `Type+Part.swift`; where it is one idea still, say why in a comment that allows it."
    ) { file in
      let count = file.source.lines.count
      return count <= TidyLimits.linesMax ? [] : [TidyFault(line: 0, found: "\(count) lines, \(TidyLimits.linesMax) at most")]
    },
    TidyRule(
      name: "line-length", instead: "Break the line; `make format` breaks code by itself."
    ) { file in
      file.source.lines.enumerated().filter { $1.raw.count > TidyLimits.columnsMax }.map {
        TidyFault(line: $0 + 1, found: "\($1.raw.count) columns, \(TidyLimits.columnsMax) at most")
      }
    },
    TidyRule(
      name: "opening-comment",
      instead: "Open the file with a comment: what it owns, and what it leaves to whom."
    ) { file in
      guard file.isSource else { return [] }
      let first = file.source.lines.first { !$0.raw.allSatisfy(\.isWhitespace) }
      return first?.raw.hasPrefix("//") == true ? [] : [TidyFault(line: 0, found: "no comment at the top")]
    },
    TidyRule(
      name: "file-name",
      instead: "Name the file after its main type, and the type after what it is in the field's own words."
    ) { file in
      let empty = ["Util", "Utils", "Utilities", "Helper", "Helpers", "Manager", "Common", "Misc"]
      guard let word = empty.first(where: { file.stem.hasSuffix($0) || file.stem.hasPrefix("\($0)+") }) else { return [] }
      return [TidyFault(line: 0, found: "'\(word)' says nothing")]
    },
    TidyRule(
      name: "marker", instead: "Do it now, or open an issue; the tree holds no notes for later."
    ) { file in
      let markers: Set<String> = ["TODO", "FIXME", "XXX", "HACK"]
      return file.source.lines.enumerated().compactMap { index, line in
        let word = SourceText.words(Array(line.comment.utf8)).first { markers.contains($0.text) }
        return word.map { TidyFault(line: index + 1, found: $0.text) }
      }
    },
    TidyRule(
      name: "bare-sleep",
      instead: "Wait for an event with a deadline, or drive the clock by hand; a sleep is slow where it works and wrong where it does not."
    ) { file in
      guard file.isTest else { return [] }
      let sleeps: Set<String> = ["sleep", "usleep", "nanosleep"]
      return file.source.lines.enumerated().filter { _, line in
        line.words.contains { sleeps.contains($0.text) && $0.after == UInt8(ascii: "(") }
      }.map { TidyFault(line: $0.offset + 1, found: "a sleep in a test") }
    },
    TidyRule(
      name: "tidy-comment",
      instead: "Write `// tidy: allow <rule>: <reason>` with the name of a rule and a reason that convinces a stranger."
    ) { file in
      file.source.lines.enumerated().compactMap { index, line in
        guard let allowance = TidyAllowance(line.comment) else { return nil }
        let isGood = names.contains(allowance.rule) && allowance.reason.count >= 10
        return isGood ? nil : TidyFault(line: index + 1, found: "'\(allowance.rule)' because '\(allowance.reason)'")
      }
    },
  ]

  /// The names that a comment may lift, `tidy-comment` itself not among them.
  private static var names: Set<String> { Set((rooms + hearts + safety).map(\.name) + liftableShapes) }
  private static let liftableShapes = ["file-length", "line-length", "opening-comment", "file-name", "marker", "bare-sleep"]
}
