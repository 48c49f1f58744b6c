// Owns: compiled regular expressions and their matching, within limits. The memory is PCRE2's; how expressions are written is
// ECMAPattern's.
import CPCRE2

/// An expression that PCRE2 has compiled, to machine code where the system allows it.
// SAFETY: @unchecked Sendable: PCRE2 only reads a compiled expression when it matches (pcre2api, "Multithreading"); it is freed in
// deinit, when the last reference is gone.
final class SchemaPattern: @unchecked Sendable {
  let text: String
  fileprivate let code: OpaquePointer

  init(_ text: String) throws(ECMAPatternError) {
    let translated = try ECMAPattern.translated(text)
    let options = PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_MATCH_UNSET_BACKREF | PCRE2_NEVER_BACKSLASH_C
    var error: Int32 = 0
    var offset = 0
    // SAFETY: PCRE2 reads the bytes only during the call, and as many as it is told.
    let code = translated.utf8.span.withUnsafeBufferPointer { pcre2_compile_8($0.baseAddress, $0.count, options, &error, &offset, nil) }
    guard let code else { throw ECMAPatternError(offset: 0, reason: Self.reason(error)) }
    // Where there is no memory that may be executed, the interpreter does.
    _ = pcre2_jit_compile_8(code, PCRE2_JIT_COMPLETE)
    self.text = text
    self.code = code
  }

  deinit { pcre2_code_free_8(code) }

  private static func reason(_ error: Int32) -> String {
    var buffer = [UInt8](repeating: 0, count: 256)
    // SAFETY: PCRE2 writes no more than the buffer's length, a 0 at the end included.
    let count = buffer.withUnsafeMutableBufferPointer { pcre2_get_error_message_8(error, $0.baseAddress, $0.count) }
    return count > 0 ? String(decoding: buffer.prefix(Int(count)), as: UTF8.self) : "PCRE2 refuses it (\(error))"
  }
}

/// What matching needs besides the expression; for one validation, on one thread.
final class PatternMatcher {
  enum Outcome { case matches, differs, exhausted }

  private let data: OpaquePointer
  private let context: OpaquePointer

  /// Steps back that a match may take, and so many more for each byte of the text: what is linear in the text goes through.
  private static let stepsBase = 100_000
  private static let stepsPerByte = 32
  /// KiB of memory that one match may take.
  private static let heapMax: UInt32 = 32 << 10

  /// Nil where there is no memory.
  init?() {
    guard let data = pcre2_match_data_create_8(1, nil) else { return nil }
    guard let context = pcre2_match_context_create_8(nil) else {
      pcre2_match_data_free_8(data)
      return nil
    }
    pcre2_set_heap_limit_8(context, Self.heapMax)
    self.data = data
    self.context = context
  }

  deinit {
    pcre2_match_context_free_8(context)
    pcre2_match_data_free_8(data)
  }

  /// Whether the expression matches somewhere in the text.
  func match(_ pattern: SchemaPattern, _ text: String) -> Outcome {
    let span = text.utf8.span
    let steps = Self.stepsBase + Self.stepsPerByte * min(span.count, 1 << 24)
    pcre2_set_match_limit_8(context, UInt32(truncatingIfNeeded: steps))
    // SAFETY: PCRE2 reads the bytes only during the call. They are a String's, and so UTF-8, which PCRE2_NO_UTF_CHECK relies on.
    var result = span.withUnsafeBufferPointer { bytes in
      pcre2_match_8(pattern.code, bytes.baseAddress, bytes.count, 0, PCRE2_NO_UTF_CHECK, data, context)
    }
    if result == PCRE2_ERROR_JIT_STACKLIMIT {
      result = span.withUnsafeBufferPointer { bytes in
        pcre2_match_8(pattern.code, bytes.baseAddress, bytes.count, 0, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data, context)
      }
    }
    if result >= 0 { return .matches }
    return result == PCRE2_ERROR_NOMATCH ? .differs : .exhausted
  }
}
