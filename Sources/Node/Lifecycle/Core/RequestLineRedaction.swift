// Owns: how a request line may appear in a crash report: method, path and version; never a query, never a credential, never a
// byte that a terminal would obey. Runs inside a signal handler: pointers only, no allocation.

enum RequestLineRedaction {
  /// Bytes of one line in a report, its newline included.
  static let lineBytesMax = 512

  /// Writes the line without what follows `?` or `#` in its target and without the user part of an absolute target.
  /// - Parameters:
  ///   - line: the request line as it came in; everything from its first CR or LF on is left out.
  ///   - output: room for `capacity` bytes.
  /// - Returns: bytes written, the closing newline included; 0 when not even that has room.
  static func write(_ line: UnsafePointer<UInt8>, count: Int, to output: UnsafeMutablePointer<UInt8>, capacity: Int) -> Int {
    let room = (capacity < lineBytesMax ? capacity : lineBytesMax) &- 1
    guard room >= 0 else { return 0 }
    let userEnd = endOfUserPart(line, count: count)
    var written = 0
    var cut = false
    var spaces = 0
    var at = 0
    while at < count && written < room {
      let byte = line[at]
      at &+= 1
      if byte == 0x0d || byte == 0x0a { break }
      if byte == 0x20 {
        spaces &+= 1
        cut = false
      } else if cut {
        continue
      } else if spaces == 1 && (byte == 0x3f || byte == 0x23) {
        cut = true
      }
      output[written] = byte >= 0x20 && byte < 0x7f ? byte : 0x2e
      written &+= 1
      if at < userEnd && written >= 3 && spaces == 1 && endsWithAuthorityStart(output, written) {
        at = userEnd
      }
    }
    output[written] = 0x0a
    return written &+ 1
  }

  /// Index behind the `@` of an authority in the target (`http://user:secret@host/`), or 0.
  private static func endOfUserPart(_ line: UnsafePointer<UInt8>, count: Int) -> Int {
    var at = 0
    while at &+ 2 < count && !(line[at] == 0x3a && line[at &+ 1] == 0x2f && line[at &+ 2] == 0x2f) {
      if line[at] == 0x3f || line[at] == 0x0d || line[at] == 0x0a { return 0 }
      at &+= 1
    }
    at &+= 3
    var end = 0
    while at < count {
      let byte = line[at]
      at &+= 1
      if byte == 0x40 { end = at }
      if byte == 0x2f || byte == 0x3f || byte == 0x23 || byte <= 0x20 { break }
    }
    return end
  }

  @inline(__always)
  private static func endsWithAuthorityStart(_ output: UnsafeMutablePointer<UInt8>, _ written: Int) -> Bool {
    output[written &- 3] == 0x3a && output[written &- 2] == 0x2f && output[written &- 1] == 0x2f
  }
}
