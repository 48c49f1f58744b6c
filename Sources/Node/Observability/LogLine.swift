// Owns: the one format of the node's own log, for whichever process speaks: a JSON object a line, with time, level, who speaks,
// message and then the message's own fields. Where the line goes is NodeLog's and MasterLog's.
import Runtime

enum LogLine {
  /// Bytes of a line, its newline included: what a pipe takes in one piece (PIPE_BUF), so that lines of several processes never mix.
  static let bytesMax = 4096
  /// Bytes of one text among the fields; longer ones are cut.
  static let textBytesMax = 1024

  /// - Parameters:
  ///   - level: `debug`, `info`, `warn` or `error`.
  ///   - from: who speaks, such as `master` or `node`.
  ///   - message: a short sentence without variable parts.
  ///   - fields: in the order in which they are to appear; those that do not fit are left out, and `"cut":true` says so.
  static func bytes(
    _ time: WallTime, level: StaticString, from: String, _ message: String, _ fields: some Sequence<(key: String, value: JSONValue)>
  ) -> [UInt8] {
    var line = JSONWriter()
    line.write(raw: "{\"time\":")
    line.write(quoted: time.rfc3339)
    line.write(raw: ",\"level\":\"")
    line.write(raw: level)
    line.write(raw: "\",\"from\":")
    line.write(quoted: from)
    line.write(raw: ",\"message\":")
    line.write(.string(cut(message)))
    var result = line.bytes
    let end: StaticString = ",\"cut\":true}\n"
    var isCut = false
    for (key, value) in fields {
      var field = JSONWriter()
      field.write(raw: ",")
      field.write(quoted: key)
      field.write(raw: ":")
      field.write(cut(value))
      if result.count + field.bytes.count + end.utf8CodeUnitCount > bytesMax { isCut = true } else { result += field.bytes }
    }
    result += Array((isCut ? end.description : "}\n").utf8)
    return result
  }

  private static func cut(_ value: JSONValue) -> JSONValue {
    guard case .string(let text) = value else { return value }
    return .string(cut(text))
  }

  private static func cut(_ text: String) -> String {
    guard text.utf8.count > textBytesMax else { return text }
    return String(decoding: text.utf8.prefix(textBytesMax), as: UTF8.self) + "…"
  }
}
