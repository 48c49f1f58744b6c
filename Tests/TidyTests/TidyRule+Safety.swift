// Owns: where a sentence must say why unsafe code is safe.

import Foundation

extension TidyRule {
  static let safety: [TidyRule] = [
    TidyRule(
      name: "unchecked-safety",
      instead: "Say in a `SAFETY:` comment, at most four lines above, which rule keeps threads apart here; or use a type that is checked."
    ) { file in
      guard file.isSource else { return [] }
      let lines = file.source.lines
      return lines.indices.filter { isUnchecked(lines[$0]) && !isExplained($0, lines) }.map {
        TidyFault(line: $0 + 1, found: lines[$0].code.trimmingCharacters(in: .whitespaces))
      }
    },
    TidyRule(
      name: "memory-safety",
      instead: "Say in a `SAFETY:` comment in this file who frees the memory and what bounds every access; or use a type that owns it."
    ) { file in
      guard file.isSource, !file.source.lines.contains(where: { $0.comment.contains("SAFETY:") }) else { return [] }
      let raw: Set<String> = ["unsafeBitCast", "Unmanaged", "assumingMemoryBound", "bindMemory", "deallocate"]
      let first = file.source.lines.enumerated().first { _, line in line.words.contains { raw.contains($0.text) } }
      return first.map { [TidyFault(line: $0.offset + 1, found: "memory by hand, and no SAFETY: in the file")] } ?? []
    },
  ]

  private static func isUnchecked(_ line: SourceText.Line) -> Bool {
    line.code.contains("@unchecked Sendable") || line.code.contains("nonisolated(unsafe)")
  }

  /// Whether `SAFETY:` stands on the line or at most four above it; unchecked lines in a row share one sentence.
  private static func isExplained(_ index: Int, _ lines: [SourceText.Line]) -> Bool {
    var first = index
    while first > 0, isUnchecked(lines[first - 1]) { first -= 1 }
    return lines[max(0, first - 4)...index].contains { $0.comment.contains("SAFETY:") }
  }
}
