// What a healthy HTTP answer looks like, whatever version brought it: its status, and a text that its body holds.
import Glibc
import Runtime

struct ExpectedResponse {
  /// A body is read this far; what comes behind is not looked at.
  static let bodyBytesMax = 65536

  private let statuses: [ClosedRange<Int>]
  private let text: [UInt8]
  private var status = 0
  private var body: [UInt8] = []
  private var isFound: Bool

  init(_ options: HealthCheckOptions) {
    statuses = options.statuses
    text = options.body
    isFound = text.isEmpty
  }

  /// - Returns: the outcome when the status alone decides.
  mutating func take(status: Int) -> HealthOutcome? {
    self.status = status
    return statuses.contains { $0.contains(status) } ? nil : .failed("status \(status)")
  }

  /// Takes a part of the body.
  /// - Returns: the outcome when no more of it is to be read.
  mutating func take(_ p: UnsafePointer<UInt8>, _ n: Int) -> HealthOutcome? {
    let before = body.count
    body.append(contentsOf: UnsafeBufferPointer(start: p, count: min(n, Self.bodyBytesMax - before)))
    if !isFound { isFound = find(from: max(0, before - text.count + 1)) }
    return body.count == Self.bodyBytesMax ? end() : nil
  }

  /// The body is complete, or as much as is read of it.
  func end() -> HealthOutcome {
    isFound ? .passed("status \(status)") : .failed("status \(status), but the body lacks the expected text")
  }

  private func find(from start: Int) -> Bool {
    body.withUnsafeBytes { bytes in
      text.withUnsafeBytes { wanted in
        var at = start
        while at + wanted.count <= bytes.count {
          if memcmp(bytes.baseAddress! + at, wanted.baseAddress!, wanted.count) == 0 { return true }
          at += 1
        }
        return false
      }
    }
  }
}
