// What the origin tells of a request, as JSON in httpbin's words: args, headers, data, json, origin, url.
import Foundation
import Proxy
import Runtime

enum OriginEcho {
  /// Everything about a request.
  static func anything(_ request: LocalRequest) -> JSONValue {
    let body = String(validating: request.body, as: UTF8.self)
    let data = body ?? "data:application/octet-stream;base64," + Data(request.body).base64EncodedString()
    let json = request.body.isEmpty ? nil : try? JSONValue.parse(request.body)
    return [
      "args": arguments(request.query), "data": .string(data), "headers": headers(request.fields), "json": json ?? .null,
      "method": .string(request.method), "origin": .string(request.clientAddress.hostText), "url": .string(url(request)),
    ]
  }

  /// A request without a body.
  static func get(_ request: LocalRequest) -> JSONValue {
    [
      "args": arguments(request.query), "headers": headers(request.fields), "origin": .string(request.clientAddress.hostText),
      "url": .string(url(request)),
    ]
  }

  /// The query's parameters in their order; a name that comes more than once has its values in an array.
  static func arguments(_ query: String) -> JSONValue {
    var names: [String] = []
    var values: [String: [JSONValue]] = [:]
    for pair in query.split(separator: "&") {
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = decoded(parts[0])
      if values[name] == nil { names.append(name) }
      values[name, default: []].append(.string(parts.count == 2 ? decoded(parts[1]) : ""))
    }
    return .object(
      names.map { name in
        let all = values[name] ?? []
        return JSONMember(name, all.count == 1 ? all[0] : .array(all))
      })
  }

  /// Field lines in their order, under the name first sent; several of one name are joined by commas (RFC 9110 §5.3).
  static func headers(_ fields: [(name: String, value: String)]) -> JSONValue {
    var members: [JSONMember] = []
    var values: [[String]] = []
    var places: [String: Int] = [:]
    for field in fields {
      let key = field.name.lowercased()
      if let place = places[key] {
        values[place].append(field.value)
      } else {
        places[key] = members.count
        members.append(JSONMember(field.name, .null))
        values.append([field.value])
      }
    }
    for k in members.indices { members[k].value = .string(values[k].joined(separator: ", ")) }
    return .object(members)
  }

  static func url(_ request: LocalRequest) -> String {
    (request.isSecure ? "https://" : "http://") + request.authority + request.target
  }

  /// `%41` and `+` decoded, as forms write queries; what is no escape stays, what is not UTF-8 is repaired.
  static func decoded(_ text: Substring) -> String {
    let bytes = Array(text.utf8)
    var out: [UInt8] = []
    var i = 0
    while i < bytes.count {
      if bytes[i] == UInt8(ascii: "%"), i + 2 < bytes.count, let high = hex(bytes[i + 1]), let low = hex(bytes[i + 2]) {
        out.append(high << 4 | low)
        i += 3
      } else {
        out.append(bytes[i] == UInt8(ascii: "+") ? UInt8(ascii: " ") : bytes[i])
        i += 1
      }
    }
    return String(decoding: out, as: UTF8.self)
  }

  private static func hex(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
