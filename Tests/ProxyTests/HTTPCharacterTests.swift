// The scanners that take eight bytes a step say what the tables say, byte by byte, wherever the odd byte stands.
import Runtime
import Testing

@testable import Proxy

@Suite struct HTTPCharacterTests {
  /// The first offset whose byte lacks the class.
  private func plainScan(_ bytes: [UInt8], _ bits: UInt8) -> Int { bytes.firstIndex { characters[Int($0)] & bits == 0 } ?? bytes.count }

  private func scans(_ bytes: [UInt8]) -> (token: Int, target: Int) {
    var bytes = bytes
    return bytes.withUnsafeMutableBufferPointer { buffer in
      let p = UnsafePointer(buffer.baseAddress!)
      return (scanToken(p, 0, buffer.count, characters), scanTarget(p, 0, buffer.count, characters))
    }
  }

  @Test func everyByteAtEveryPlace() {
    for filler in Array("a-Z".utf8) {
      for place in 0..<17 {
        for byte in UInt8.min...UInt8.max {
          var bytes = [UInt8](repeating: filler, count: 18)
          bytes[place] = byte
          let found = scans(bytes)
          #expect(found.token == plainScan(bytes, CharacterClass.token), "byte \(byte) at \(place)")
          #expect(found.target == plainScan(bytes, CharacterClass.target), "byte \(byte) at \(place)")
        }
      }
    }
  }

  @Test func anyBytes() {
    var random = SeededRandom(seed: 7)
    for _ in 0..<20_000 {
      let length = 1 + Int(random.next() % 40)
      // Mostly bytes that may stand, so that the scans get far.
      let bytes = (0..<length).map { _ -> UInt8 in
        let r = random.next()
        return r & 15 == 0 ? UInt8(truncatingIfNeeded: r >> 8) : UInt8(ascii: "!") + UInt8((r >> 8) % 94)
      }
      let found = scans(bytes)
      #expect(found.token == plainScan(bytes, CharacterClass.token), "\(bytes)")
      #expect(found.target == plainScan(bytes, CharacterClass.target), "\(bytes)")
    }
  }

  private static let known: [(name: String, id: UInt8)] = [
    ("connection", FieldID.connection), ("keep-alive", FieldID.keepAlive), ("te", FieldID.te), ("upgrade", FieldID.upgrade),
    ("proxy-connection", FieldID.proxyConnection), ("transfer-encoding", FieldID.transferEncoding),
    ("http2-settings", FieldID.http2Settings), ("content-length", FieldID.contentLength), ("host", FieldID.host),
    ("x-forwarded-for", FieldID.forwardedFor), ("x-forwarded-proto", FieldID.forwardedProto),
    ("x-forwarded-host", FieldID.forwardedHost), ("x-forwarded-port", FieldID.forwardedPort), ("forwarded", FieldID.forwarded),
    ("via", FieldID.via), ("traceparent", FieldID.traceparent), ("x-request-id", FieldID.requestID), ("expect", FieldID.expect),
    ("trailer", FieldID.trailer), ("cookie", FieldID.cookie),
  ]

  private func id(_ bytes: [UInt8]) -> UInt8 { bytes.withUnsafeBufferPointer { fieldID($0.baseAddress!, $0.count) } }

  @Test func namesAreKnownInAnyCase() {
    for (name, expected) in Self.known {
      #expect(id(Array(name.utf8)) == expected, "\(name)")
      #expect(id(Array(name.uppercased().utf8)) == expected, "\(name)")
      #expect(id(Array(name.capitalized.utf8)) == expected, "\(name)")
    }
  }

  @Test func whatDiffersInOneByteIsUnknown() {
    for (name, expected) in Self.known {
      let bytes = Array(name.utf8)
      for place in bytes.indices {
        for byte in UInt8(0x21)...0x7e where characters[Int(byte)] & CharacterClass.token != 0 && byte | 0x20 != bytes[place] {
          var other = bytes
          other[place] = byte
          #expect(id(other) == 0, "\(String(decoding: other, as: UTF8.self)) is not \(expected)")
        }
      }
      #expect(id(bytes + [0x78]) == 0 && id(Array(bytes.dropLast())) == 0, "\(name)")
    }
  }
}
