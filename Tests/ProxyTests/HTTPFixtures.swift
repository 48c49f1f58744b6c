// Bytes, parsed heads and the vectors of Tests/Vectors/http1 for the tests of the HTTP/1 heart.
import Glibc
import Runtime

@testable import Proxy

/// Lends `body` the bytes in memory of their own, of exactly their length.
func withBytes<R>(_ bytes: some Collection<UInt8>, _ body: (Bytes, Int) throws -> R) rethrows -> R {
  let copy = Bytes.allocate(capacity: max(bytes.count, 1))
  defer { copy.deallocate() }
  _ = UnsafeMutableBufferPointer(start: copy, count: bytes.count).initialize(from: bytes)
  return try body(copy, bytes.count)
}

func withBytes<R>(_ text: String, _ body: (Bytes, Int) throws -> R) rethrows -> R { try withBytes(Array(text.utf8), body) }

/// Runs `write` on `room` bytes and returns those that it says to have written.
func written(room: Int = 4096, _ write: (Bytes) -> Int) -> String {
  withBytes([UInt8](repeating: 0xee, count: room)) { p, _ in text(p, 0, write(p)) }
}

func text(_ p: UnsafePointer<UInt8>, _ start: Int, _ count: Int) -> String {
  String(decoding: UnsafeBufferPointer(start: p + start, count: count), as: UTF8.self)
}

/// What a test asks of a parsed head, as values that outlive its bytes.
struct ParsedHead {
  enum Kind: Sendable { case request, response, trailers }

  /// What the parser returned.
  let verdict: Int
  let head: MessageHead
  let target: String
  let path: String
  let query: String
  let authority: String
  let fields: [(name: String, value: String, id: UInt8)]
  let startLine: String

  var fault: HeadFault? { HeadFault(rawValue: verdict) }

  init(_ kind: Kind, _ bytes: some Collection<UInt8>, limits: HeadLimits = HeadLimits()) {
    var head = MessageHead()
    defer { head.deallocate() }
    self = withBytes(bytes) { p, n in
      let verdict =
        switch kind {
        case .request: head.parseRequest(p, n, limits)
        case .response: head.parseResponse(p, n, limits)
        case .trailers: head.parseTrailers(p, n, limits)
        }
      return ParsedHead(verdict, head, p)
    }
  }

  init(request: String, limits: HeadLimits = HeadLimits()) { self.init(.request, Array(request.utf8), limits: limits) }
  init(response: String, limits: HeadLimits = HeadLimits()) { self.init(.response, Array(response.utf8), limits: limits) }

  /// The offsets of `head` are good for numbers and flags only: its field table is gone.
  private init(_ verdict: Int, _ head: MessageHead, _ p: Bytes) {
    self.verdict = verdict
    self.head = head
    guard verdict > 0 else {
      (target, path, query, authority, fields, startLine) = ("", "", "", "", [], "")
      return
    }
    target = text(p, head.target, head.targetCount)
    path = text(p, head.path, head.pathCount)
    query = text(p, head.path + head.pathCount, head.queryCount)
    authority = text(p, head.authority, head.authorityCount)
    startLine = text(p, head.start, head.lineEnd - head.start)
    fields = (0..<head.count).map { k in
      let field = head.fields[k]
      return (text(p, Int(field.name), Int(field.nameCount)), text(p, Int(field.value), Int(field.valueCount)), field.id)
    }
  }

  /// The values of a field, joined.
  func value(_ name: String) -> String? {
    let values = fields.filter { $0.name.lowercased() == name }.map(\.value)
    return values.isEmpty ? nil : values.joined(separator: ", ")
  }
}

/// A request of Tests/Vectors/http1.
struct HTTPVector: Sendable {
  let name: String
  let raw: [UInt8]
  let statuses: [Int]
  let stage: String
  let json: JSONValue

  func text(_ key: String) -> String { json[key]?.stringValue ?? "" }

  /// The value that a field must have, as text: in the vectors a character is a byte.
  func field(_ name: String) -> String? {
    (json["fields"]?[name]?.stringValue).map { String(decoding: HTTPVector.latin1($0), as: UTF8.self) }
  }

  static let malformed = load("malformed.json")
  static let wellformed = load("wellformed.json")

  private static func load(_ name: String) -> [HTTPVector] {
    let folder = #filePath.split(separator: "/").dropLast(2).map { "/" + $0 }.joined()
    guard let file = fopen("\(folder)/Vectors/http1/\(name)", "r") else {
      preconditionFailure("\(folder)/Vectors/http1/\(name) is missing")
    }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 65_536)
    while case let count = fread(&part, 1, part.count, file), count > 0 { bytes += part[..<count] }
    guard let cases = (try? JSONValue.parse(bytes))?.arrayValue else { preconditionFailure("\(name) is no array") }
    return cases.map(HTTPVector.init)
  }

  private init(_ json: JSONValue) {
    self.json = json
    name = json["name"]?.stringValue ?? ""
    stage = json["stage"]?.stringValue ?? "head"
    statuses = (json["status"]?.arrayValue ?? [json["status"] ?? .null]).compactMap { $0.intValue.map(Int.init) }
    let parts = json["parts"]?.arrayValue ?? [json["raw"] ?? .null]
    raw = parts.flatMap { part in
      if let text = part.stringValue { return HTTPVector.latin1(text) }
      let unit = HTTPVector.latin1(part["repeat"]?.stringValue ?? "")
      return [[UInt8]](repeating: unit, count: Int(part["times"]?.intValue ?? 0)).flatMap { $0 }
    }
  }

  /// A character is a byte.
  private static func latin1(_ text: String) -> [UInt8] { text.unicodeScalars.map { UInt8($0.value) } }
}
