// The note beside the generations: of which layout they are, how often the database was opened, when full generations are over.
import Runtime

/// What a database says of itself. Integers big-endian: version (1), epoch (8), count (2), then number (8) and seconds since 1970 (8) each.
struct LayoutNote: Equatable {
  static let version: UInt8 = 1
  static let key = "layout"

  /// Counts openings; storings are numbered from it on.
  var epoch: UInt64
  /// Until when something lives in a full generation, by its number; one that is missing lives on.
  var keepUntil: [UInt64: UInt64]

  enum Decoded: Equatable {
    case note(LayoutNote)
    case version(UInt8)
    case damaged
  }

  func encode() -> [UInt8] {
    var writer = ByteWriter()
    writer.write(LayoutNote.version)
    writer.write(epoch)
    writer.write(UInt16(clamping: keepUntil.count))
    for (number, seconds) in keepUntil.sorted(by: { $0.key < $1.key }).prefix(Int(UInt16.max)) {
      writer.write(number)
      writer.write(seconds)
    }
    return writer.bytes
  }

  static func decode(_ bytes: [UInt8]) -> Decoded {
    bytes.withUnsafeBytes { bytes in
      var reader = ByteReader(bytes)
      do {
        let version = try reader.readUInt8()
        if version != LayoutNote.version { return .version(version) }
        var note = LayoutNote(epoch: try reader.readUInt64(), keepUntil: [:])
        for _ in 0..<(try reader.readUInt16()) { note.keepUntil[try reader.readUInt64()] = try reader.readUInt64() }
        try reader.expectEnd()
        return .note(note)
      } catch {
        return .damaged
      }
    }
  }
}
