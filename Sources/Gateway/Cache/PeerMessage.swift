// What the caches of two nodes say to each other of a key, besides asking for it as clients do: requests with methods of their own on the
// peer link. Their keys stand in fields, as hexadecimal digits.
import Cache
import Runtime

/// What one cache tells or asks another.
enum PeerMessage: String {
  /// What is stored under the key is stale.
  case stale = "TIDEGATE-STALE"
  /// The sender has stored something that the other node should have a copy of; it asks for it while the offer waits.
  case offer = "TIDEGATE-OFFER"
  /// Give what is stored under the key, as a `CopyRecord`.
  case copy = "TIDEGATE-COPY"

  /// The key of a resource.
  static let keyField: StaticString = "tidegate-key"
  /// What follows in the key of one of its variants.
  static let variantField: StaticString = "tidegate-variant"
  /// The hash of the node that sends it.
  static let fromField: StaticString = "tidegate-from"
  /// Of an offer: which response it is (`EntryTerms.edition`).
  static let editionField: StaticString = "tidegate-edition"
  /// Of `copy`: the copy is used for a moment only, and the asking node is told if it becomes stale.
  static let leaseField: StaticString = "tidegate-lease"

  func head(_ question: PeerQuestion, key: [UInt8], _ more: [(name: StaticString, value: [UInt8])] = []) -> [UInt8] {
    var head = Array("\(rawValue) / HTTP/1.1\r\nHost: peer\r\n".utf8) + question.lines
    for (name, value) in [(PeerMessage.keyField, PeerMessage.digits(key))] + more {
      head += Array("\(name): ".utf8) + value + [13, 10]
    }
    return head + [13, 10]
  }

  // MARK: bytes as text

  static func digits(_ bytes: [UInt8]) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(2 * bytes.count)
    for byte in bytes { text += [digit(byte >> 4), digit(byte & 15)] }
    return text
  }

  static func digits(_ number: UInt64) -> [UInt8] { Array(String(number, radix: 16).utf8) }

  private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }

  /// nil where the field is missing or cannot be read.
  static func bytes(_ fields: HeadFields, _ name: StaticString) -> [UInt8]? {
    guard let text = fields.first(name), text.count % 2 == 0, !text.isEmpty else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 2)
    var high: UInt8?
    for c in text {
      guard let value = PeerMessage.value(c) else { return nil }
      if let first = high {
        bytes.append(first << 4 | value)
        high = nil
      } else {
        high = value
      }
    }
    return bytes
  }

  static func number(_ fields: HeadFields, _ name: StaticString) -> UInt64? {
    fields.first(name).flatMap { UInt64(String(decoding: $0, as: UTF8.self), radix: 16) }
  }

  private static func value(_ c: UInt8) -> UInt8? {
    c >= 0x30 && c <= 0x39 ? c - 0x30 : c >= 0x61 && c <= 0x66 ? c - 0x57 : nil
  }
}
