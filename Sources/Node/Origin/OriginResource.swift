// Which of the origin's resources a path names, with its number read and bounded. What they answer is OriginApplication's.

/// Bounds of what one may ask the origin for.
struct OriginLimits: Sendable, Equatable {
  var delayNanosecondsMax: UInt64 = 60_000_000_000
  var bytesMax = 1 << 30
  var linesMax = 100_000
  /// Delta-seconds that every cache understands (RFC 9111 §1.2.2).
  var cacheSecondsMax = 1 << 31 - 1
}

enum OriginResource: Equatable, Sendable {
  case index
  case get
  case anything
  case headers
  case health
  case socket
  case status(Int)
  /// Nanoseconds.
  case delay(UInt64)
  case bytes(Int)
  case stream(Int)
  /// Seconds that it may be cached.
  case cache(Int)
  case unknown
  /// A resource of ours with a number that it does not take, and what it takes.
  case refused(String)

  /// - Parameter path: as sent, without its query.
  static func of(_ path: String, _ limits: OriginLimits = OriginLimits()) -> OriginResource {
    switch path {
    case "/": return .index
    case "/get": return .get
    case "/headers": return .headers
    case "/health": return .health
    case "/ws": return .socket
    case "/anything": return .anything
    default: break
    }
    if path.hasPrefix("/anything/") { return .anything }
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0].isEmpty, !parts[2].isEmpty else { return .unknown }
    let text = parts[2]
    switch parts[1] {
    case "status": return number(text, 200...599, "a final status").map { .status($0) }
    case "bytes": return number(text, 0...limits.bytesMax, "a number of bytes").map { .bytes($0) }
    case "stream": return number(text, 0...limits.linesMax, "a number of lines").map { .stream($0) }
    case "cache": return number(text, 0...limits.cacheSecondsMax, "a number of seconds").map { .cache($0) }
    case "delay": return delay(text, limits)
    default: return .unknown
    }
  }

  /// Methods that it takes; nil: any.
  var methods: [String]? {
    switch self {
    case .anything, .status, .delay, .unknown, .refused: nil
    case .socket: ["GET"]
    case .index, .get, .headers, .health, .bytes, .stream, .cache: ["GET", "HEAD"]
    }
  }

  private enum Number {
    case read(Int)
    case refused(String)

    func map(_ make: (Int) -> OriginResource) -> OriginResource {
      switch self {
      case .read(let value): make(value)
      case .refused(let reason): .refused(reason)
      }
    }
  }

  private static func number(_ text: Substring, _ range: ClosedRange<Int>, _ what: String) -> Number {
    guard text.utf8.allSatisfy(isDigit), let value = Int(text), range.contains(value) else {
      return .refused("\(what) is a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return .read(value)
  }

  /// Seconds as digits, with or without a fraction; no exponents, no names of numbers.
  private static func delay(_ text: Substring, _ limits: OriginLimits) -> OriginResource {
    let most = Double(limits.delayNanosecondsMax) / 1e9
    let dots = text.utf8.count { $0 == UInt8(ascii: ".") }
    let isPlain = dots <= 1 && text.utf8.allSatisfy { isDigit($0) || $0 == UInt8(ascii: ".") }
    guard isPlain, let seconds = Double(text), seconds <= most else {
      return .refused("a delay is a number of seconds from 0 to \(Int(most)), such as 2 or 0.25")
    }
    return .delay(UInt64(seconds * 1e9))
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }
}
