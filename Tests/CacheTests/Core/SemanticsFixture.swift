import Runtime

@testable import Cache

/// Times and heads that the tables share. Requests take 40 ms and arrive at `arrival`.
enum Fixture {
  /// 2026-01-01 00:00:00 GMT, a Thursday, in seconds.
  static let epoch: Int64 = 1_767_225_600
  static let arrival: Int64 = epoch * 1000
  static let sent: Int64 = arrival - 40

  /// An HTTP date so many seconds from the arrival.
  static func date(_ offset: Int64) -> String { WallTime(secondsSinceEpoch: UInt64(epoch + offset)).imfFixdate }

  static func request(_ fields: [(String, String)] = [], method: String = "GET") -> HeadFields {
    HeadFields(startLine: "\(method) /thing HTTP/1.1", [("Host", "a.example")] + fields)
  }

  /// A response head; `{n}` stands for the date n seconds from the arrival.
  static func response(_ fields: [(String, String)], status: Int = 200) -> HeadFields {
    HeadFields(startLine: "HTTP/1.1 \(status) Fine", fields.map { ($0.0, expanded($0.1)) })
  }

  static func expanded(_ value: String) -> String {
    guard let open = value.firstIndex(of: "{"), let close = value.firstIndex(of: "}"), open < close,
      let offset = Int64(value[value.index(after: open)..<close])
    else { return value }
    return value[..<open] + date(offset) + value[value.index(after: close)...]
  }

  static func judge(
    _ fields: [(String, String)], status: Int = 200, asked: [(String, String)] = [], rules: CacheRules = CacheRules(),
    method: CacheMethod = .get
  ) -> StoreJudgement {
    Storing.judge(
      method: method, request: request(asked), response: response(fields, status: status), rules: rules, requestTime: sent,
      responseTime: arrival)
  }

  static func terms(_ judgement: StoreJudgement) -> CacheTerms? {
    if case .store(let terms) = judgement { terms } else { nil }
  }

  static func text(_ bytes: some Sequence<UInt8>) -> String { String(decoding: Array(bytes), as: UTF8.self) }
}

extension ArraySlice where Element == UInt8 {
  init(_ text: String) { self = Array(text.utf8)[...] }
}

extension Array where Element == UInt8 {
  init(text: String) { self = Array(text.utf8) }
}
