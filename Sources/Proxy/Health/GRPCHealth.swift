// The messages of grpc.health.v1.Health/Check (gRPC Health Checking Protocol) in the gRPC framing over HTTP/2: five bytes of flag and
// length, then protobuf. Written by hand for two fields; the answer comes from the network and reading it never traps.

enum GRPCHealth {
  static let path = "/grpc.health.v1.Health/Check"
  /// Bytes of an answer that are read; a health answer has two.
  static let answerBytesMax = 4096
  private static let prefixBytes = 5

  /// `HealthCheckRequest { string service = 1 }`, framed. An empty name asks about the server as a whole.
  static func request(service: String) -> [UInt8] {
    var message: [UInt8] = []
    let name = Array(service.utf8)
    if !name.isEmpty { message = [0x0a] + varint(UInt64(name.count)) + name }
    let n = UInt32(message.count)
    return [0, UInt8(n >> 24), UInt8(n >> 16 & 0xff), UInt8(n >> 8 & 0xff), UInt8(n & 0xff)] + message
  }

  /// `HealthCheckResponse { ServingStatus status = 1 }`, framed.
  /// - Returns: the outcome for the status; a field that is absent has the value 0.
  static func outcome(_ bytes: [UInt8]) -> HealthOutcome {
    guard bytes.count >= prefixBytes else { return .failed("the gRPC answer holds no message") }
    guard bytes[0] == 0 else { return .failed("the gRPC answer is compressed, which nobody asked for") }
    let length = bytes[1..<prefixBytes].reduce(0) { $0 << 8 | Int($1) }
    guard length == bytes.count - prefixBytes, let status = status(bytes[prefixBytes...]) else {
      return .failed("the gRPC answer cannot be read")
    }
    switch status {
    case 0: return .failed("gRPC health UNKNOWN")
    case 1: return .passed("gRPC health SERVING")
    case 2: return .failed("gRPC health NOT_SERVING")
    case 3: return .failed("gRPC health SERVICE_UNKNOWN")
    default: return .failed("gRPC health \(status)")
    }
  }

  /// Words for the status codes of gRPC itself.
  static func word(_ code: Int) -> String {
    let words = [
      "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
      "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
      "UNAUTHENTICATED",
    ]
    return words.indices.contains(code) ? words[code] : "\(code)"
  }

  private static func status(_ message: ArraySlice<UInt8>) -> UInt64? {
    var rest = message
    var status: UInt64 = 0
    while !rest.isEmpty {
      guard let key = takeVarint(&rest) else { return nil }
      switch key & 7 {
      case 0:
        guard let value = takeVarint(&rest) else { return nil }
        if key >> 3 == 1 { status = value }  // the last of several counts
      case 1:
        guard rest.count >= 8 else { return nil }
        rest = rest.dropFirst(8)
      case 2:
        guard let length = takeVarint(&rest), length <= UInt64(rest.count) else { return nil }
        rest = rest.dropFirst(Int(length))
      case 5:
        guard rest.count >= 4 else { return nil }
        rest = rest.dropFirst(4)
      default: return nil
      }
    }
    return status
  }

  private static func varint(_ number: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = number
    while rest >= 0x80 {
      bytes.append(UInt8(rest & 0x7f) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }

  private static func takeVarint(_ bytes: inout ArraySlice<UInt8>) -> UInt64? {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 64, by: 7) {
      guard let byte = bytes.popFirst() else { return nil }
      value |= UInt64(byte & 0x7f) << shift
      if byte & 0x80 == 0 { return value }
    }
    return nil
  }
}
