// Owns: cutting field values into list elements and elements into name and argument (RFC 9110 §5.6.1, §5.6.4, RFC 9111 §5.2). Which names
// mean something is left to the readers of the fields.

/// Reading of comma-separated lists whose elements may hold quoted strings.
enum ListSyntax {
  /// Most elements of one field that are looked at.
  static let elementsMax = 256

  /// The elements of a list, white space trimmed, empty ones left out.
  /// - Returns: nil where a quoted string does not end or there are more than `elementsMax`: whoever goes on from there would guess.
  static func elements(_ value: ArraySlice<UInt8>) -> [ArraySlice<UInt8>]? {
    var found: [ArraySlice<UInt8>] = []
    var start = value.startIndex
    var at = start
    while true {
      if at == value.endIndex || value[at] == 0x2C {
        let element = Octets.trimmed(value[start..<at])
        if !element.isEmpty { found.append(element) }
        if at == value.endIndex { return found.count <= elementsMax ? found : nil }
        at += 1
        start = at
      } else if value[at] == 0x22 {
        guard let end = quotedEnd(value, at) else { return nil }
        at = end
      } else {
        at += 1
      }
    }
  }

  /// The elements of a list of tokens over several lines, in lower case; nil where one is no token.
  static func tokens(_ lines: [ArraySlice<UInt8>]) -> [[UInt8]]? {
    var found: [[UInt8]] = []
    for line in lines {
      guard let parts = elements(line), parts.allSatisfy({ Octets.isToken($0) }) else { return nil }
      found += parts.map { Octets.lowered($0) }
      if found.count > elementsMax { return nil }
    }
    return found
  }

  /// The position behind a quoted string that begins at `start`; nil where it does not end.
  static func quotedEnd(_ value: ArraySlice<UInt8>, _ start: Int) -> Int? {
    var at = start + 1
    while at < value.endIndex {
      if value[at] == 0x22 { return at + 1 }
      at += value[at] == 0x5C ? 2 : 1
    }
    return nil
  }

  /// The content of a quoted string, its escapes undone; nil for what is not exactly one.
  static func unquoted(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    guard text.count >= 2, text.first == 0x22, quotedEnd(text, text.startIndex) == text.endIndex else { return nil }
    var content: [UInt8] = []
    var at = text.startIndex + 1
    while at < text.endIndex - 1 {
      if text[at] == 0x5C { at += 1 }
      content.append(text[at])
      at += 1
    }
    return content
  }
}

/// One directive as it was sent.
struct Directive {
  enum Argument: Equatable {
    case none
    /// A token.
    case text([UInt8])
    /// The content of a quoted string.
    case quoted([UInt8])
    /// Something stands there that the grammar does not allow. It may make a response stricter, never looser.
    case malformed
  }

  /// In its case as sent; possibly empty.
  let name: ArraySlice<UInt8>
  let argument: Argument

  /// - Parameter element: one element of a directive list.
  init(_ element: ArraySlice<UInt8>) {
    let end = element.firstIndex { !Octets.isToken($0) } ?? element.endIndex
    name = element[element.startIndex..<end]
    if end == element.endIndex {
      argument = .none
    } else if element[end] != 0x3D {
      argument = .malformed
    } else {
      let rest = element[(end + 1)...]
      if Octets.isToken(rest) {
        argument = .text(Array(rest))
      } else {
        argument = ListSyntax.unquoted(rest).map { .quoted($0) } ?? .malformed
      }
    }
  }

  init(name: ArraySlice<UInt8>, argument: Argument) {
    self.name = name
    self.argument = argument
  }

  func named(_ literal: StaticString) -> Bool { Octets.equals(name, literal) }

  /// The argument as delta-seconds; 0, the strictest value, where it is none (RFC 9111 §4.2.1).
  var seconds: Int64 { validSeconds ?? 0 }

  /// As a token or in quotes: recipients ought to accept both (§5.2).
  var validSeconds: Int64? {
    switch argument {
    case .text(let text), .quoted(let text): Octets.deltaSeconds(text[...])
    case .none, .malformed: nil
    }
  }

  /// The argument as a list of field names in lower case; nil where it is missing, empty, not quoted or holds something else: it then
  /// means the whole response, the stricter reading.
  var fieldNames: [[UInt8]]? {
    guard case .quoted(let text) = argument, let names = ListSyntax.tokens([text[...]]), !names.isEmpty else { return nil }
    return names
  }
}
