// The scanners that take many bytes a step say what the tables say, byte by byte, wherever the odd byte stands.
import Runtime
import Testing

@testable import Proxy

@Suite struct HTTPCharacterTests {
  /// The first offset whose byte lacks the class.
  private func plainScan(_ bytes: [UInt8], _ bits: UInt8) -> Int { bytes.firstIndex { characters[Int($0)] & bits == 0 } ?? bytes.count }

  /// The first offset from `start` on whose byte may not stand in a value.
  private func plainValue(_ bytes: [UInt8], from start: Int) -> Int {
    bytes[start...].firstIndex { ($0 < 0x20 && $0 != 9) || $0 == 0x7f } ?? bytes.count
  }

  private func scans(_ bytes: [UInt8], from start: Int = 0) -> (token: Int, target: Int, value: Int) {
    bytes.withUnsafeBufferPointer { buffer in
      let p = buffer.baseAddress!
      return (
        scanToken(p, start, buffer.count, characters), scanTarget(p, start, buffer.count, characters), scanValue(p, start, buffer.count)
      )
    }
  }

  @Test func everyByteAtEveryPlace() {
    for filler in Array("a-Z".utf8) {
      for place in 0..<34 {
        for byte in UInt8.min...UInt8.max {
          var bytes = [UInt8](repeating: filler, count: 35)
          bytes[place] = byte
          let found = scans(bytes)
          #expect(found.token == plainScan(bytes, CharacterClass.token), "byte \(byte) at \(place)")
          #expect(found.target == plainScan(bytes, CharacterClass.target), "byte \(byte) at \(place)")
          #expect(found.value == plainValue(bytes, from: 0), "byte \(byte) at \(place)")
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

  @Test func valuesFromAnyPlace() {
    var random = SeededRandom(seed: 9)
    for _ in 0..<20_000 {
      let length = 1 + Int(random.next() % 60)
      let start = Int(random.next() % UInt64(length))
      let bytes = (0..<length).map { _ -> UInt8 in
        let r = random.next()
        return r & 15 == 0 ? UInt8(truncatingIfNeeded: r >> 8) & 0x1f : r & 15 == 1 ? 9 : UInt8(truncatingIfNeeded: r >> 8) | 0x80
      }
      #expect(scans(bytes, from: start).value == plainValue(bytes, from: start), "\(bytes) from \(start)")
    }
  }

  @Test func digitsOfNumbers() {
    var random = SeededRandom(seed: 11)
    for value in [0, 9, 10, .max, 0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210] + (0..<1_000).map({ _ in random.next() }) {
      let text = String(unsafeUninitializedCapacity: 16) { putHex($0.baseAddress!, 0, value) }
      let plain = String(value, radix: 16)
      #expect(text == String(repeating: "0", count: 16 - plain.count) + plain)
    }
  }

  private static let known: [(name: String, id: UInt8)] = [
    ("connection", FieldID.connection), ("keep-alive", FieldID.keepAlive), ("te", FieldID.te), ("upgrade", FieldID.upgrade),
    ("proxy-connection", FieldID.proxyConnection), ("transfer-encoding", FieldID.transferEncoding),
    ("http2-settings", FieldID.http2Settings), ("content-length", FieldID.contentLength), ("host", FieldID.host),
    ("x-forwarded-for", FieldID.forwardedFor), ("x-forwarded-proto", FieldID.forwardedProto),
    ("x-forwarded-host", FieldID.forwardedHost), ("x-forwarded-port", FieldID.forwardedPort), ("forwarded", FieldID.forwarded),
    ("via", FieldID.via), ("traceparent", FieldID.traceparent), ("tidegate-peer", FieldID.peer), ("tidegate-key", FieldID.peer),
    ("tidegate-client", FieldID.peer),
    ("x-request-id", FieldID.requestID), ("expect", FieldID.expect),
    ("trailer", FieldID.trailer), ("cookie", FieldID.cookie), ("cache-control", FieldID.caching), ("authorization", FieldID.caching),
    ("if-none-match", FieldID.caching), ("if-modified-since", FieldID.caching), ("if-unmodified-since", FieldID.caching),
    ("if-match", FieldID.caching), ("if-range", FieldID.caching), ("range", FieldID.caching), ("pragma", FieldID.caching),
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
