// How a request compares with the one that a response was fetched for.
import Cache

extension Variance {
  /// The values of a request that the response varies by; nothing where it does not.
  func key(of request: HeadFields) -> [UInt8] {
    switch self {
    case .none, .any: []
    case .fields(let names): Variance.key(names, request)
    }
  }

  /// Whether a response fetched for the values `variant` is one for the request too.
  func isMatch(_ request: HeadFields, _ variant: [UInt8]) -> Bool {
    switch self {
    case .none: true
    case .any: false
    case .fields(let names): Variance.key(names, request) == variant
    }
  }
}
