// Owns: the master's log: one JSON line a state change, on standard error.
import CEpoll
import Glibc

enum MasterLog {
  enum Level: String {
    case info, warn, error
  }

  /// - Parameters:
  ///   - event: a short sentence without variable parts.
  ///   - fields: names and texts, in the order in which they are to appear.
  static func line(_ level: Level, _ event: String, _ fields: [(String, String)] = []) {
    let time = CrashReport.timestamp(tg_now(CLOCK_REALTIME))
    var text = "{\"time\":\"\(time)\",\"level\":\"\(level.rawValue)\",\"from\":\"master\",\"message\":\(quoted(event))"
    for (name, value) in fields { text += ",\(quoted(name)):\(quoted(value))" }
    _ = CrashReport.writeAll(STDERR_FILENO, Array((text + "}\n").utf8))
  }

  static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      default:
        if scalar.value < 0x20 || scalar.value == 0x7f {
          let digits = String(scalar.value, radix: 16)
          result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        } else {
          result.unicodeScalars.append(scalar)
        }
      }
    }
    return result + "\""
  }
}
