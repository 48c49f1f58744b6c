// Owns: sealing the records of one direction of a stream. The hellos before them are StreamHello's, their layout is StreamFrame's; the
// socket and its deadlines are the driver's.
import Runtime

/// Seals one direction of a stream: each record under the next counter, which is not sent, so that none can be left out, repeated or moved.
public final class StreamSealer {
  private let cipher = PacketCipher(.seal)
  private var counter: UInt64 = 0
  /// Whether the end record is written.
  public private(set) var isEnded = false

  /// - Parameters:
  ///   - key: the key that both hellos name.
  ///   - client, server: the hellos, each with a salt drawn for this stream.
  ///   - role: the side that seals.
  public init(key: ClusterKey, client: StreamHello, server: StreamHello, role: StreamRole) {
    precondition(client.key == key.id && server.answers(client), "hellos of \(client.key) and \(server.key) under key \(key.id)")
    let derived = DerivedKey()
    SealingKeys().streamKey(key.secret, client: client, server: server, from: role, into: derived)
    cipher.setKey(derived)
  }

  /// Appends one record.
  /// - Parameters:
  ///   - plaintext: at most `StreamLimits.plaintextBytesMax` bytes; the reader gets them in one piece.
  ///   - packing: whether to try LZ4. Not for records with secrets in them (`Packing`).
  /// - Throws: `exhausted`, after 2^23 records.
  public func seal(_ plaintext: UnsafeRawBufferPointer, packing: Bool, into output: inout [UInt8]) throws(StreamFault) {
    precondition(!isEnded, "a record behind the end record")
    precondition(plaintext.count <= StreamLimits.plaintextBytesMax, "a record of \(plaintext.count) bytes")
    if packing, let packed = Packing.pack(plaintext) {
      let result: Result<Void, StreamFault> = packed.withUnsafeBytes { bytes in
        do throws(StreamFault) { return .success(try append(.packed, bytes, &output)) } catch { return .failure(error) }
      }
      return try result.get()
    }
    try append(.plain, plaintext, &output)
  }

  /// Appends the end record, without which the reader takes the stream for cut off.
  public func end(into output: inout [UInt8]) throws(StreamFault) {
    precondition(!isEnded, "two end records")
    try append(.end, UnsafeRawBufferPointer(start: nil, count: 0), &output)
    isEnded = true
  }

  private func append(_ kind: StreamFrame.Kind, _ plaintext: UnsafeRawBufferPointer, _ output: inout [UInt8]) throws(StreamFault) {
    guard counter < StreamLimits.recordsMax else { throw .exhausted }
    let frame = StreamFrame(kind, plaintextBytes: plaintext.count)
    let mark = output.count
    output.append(contentsOf: repeatElement(0, count: StreamFrame.headerBytes + frame.sealedBytes))
    output.withUnsafeMutableBytes { bytes in
      let record = UnsafeMutableRawBufferPointer(rebasing: bytes[mark...])
      frame.write(to: record)
      let header = UnsafeRawBufferPointer(rebasing: record[..<StreamFrame.headerBytes])
      let sealed = UnsafeMutableRawBufferPointer(rebasing: record[StreamFrame.headerBytes...])
      cipher.seal(counter: counter, associated: header, plaintext: plaintext, to: sealed)
    }
    counter += 1
  }
}
