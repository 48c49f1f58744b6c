// Owns: opening the records of one direction of a stream, however the bytes come in pieces. The driver reads the socket, hands over what it
// got, and tells when the stream ends.
import Runtime

/// Opens one direction of a stream. Holds one record and its plaintext at a time, 128 KiB.
public final class StreamOpener {
  private let cipher = PacketCipher(.open)
  private var counter: UInt64 = 0
  private let bytesMax: Int
  private var bytes = 0
  /// The record that is not complete yet.
  private var record: [UInt8] = []
  private var plaintext = [UInt8](repeating: 0, count: StreamLimits.recordBytesMax)
  private var fault: StreamFault?
  /// Whether the end record was read: all that was sent is here.
  public private(set) var isEnded = false

  /// - Parameters:
  ///   - key, client, server: as for the sealer.
  ///   - role: the side that sealed, the other one.
  ///   - bytesMax: plaintext taken from the stream in all.
  public init(key: ClusterKey, client: StreamHello, server: StreamHello, from role: StreamRole, bytesMax: Int) {
    precondition(client.key == key.id && server.answers(client), "hellos of \(client.key) and \(server.key) under key \(key.id)")
    self.bytesMax = bytesMax
    let derived = DerivedKey()
    SealingKeys().streamKey(key.secret, client: client, server: server, from: role, into: derived)
    cipher.setKey(derived)
    record.reserveCapacity(StreamLimits.recordBytesMax)
  }

  /// Takes the next bytes of the stream.
  /// - Parameters:
  ///   - input: any bytes at all, records whole or in pieces.
  ///   - deliver: called for each record, in order; the view is valid inside only.
  /// - Throws: a fault; the stream is not to be read on, and every later call throws it again.
  public func receive(_ input: UnsafeRawBufferPointer, deliver: (UnsafeRawBufferPointer) -> Void) throws(StreamFault) {
    if let fault { throw fault }
    do throws(StreamFault) { try take(input, deliver) } catch {
      fault = error
      throw error
    }
  }

  /// Tells that the other side closed its direction.
  /// - Throws: `truncated` unless the end record was read, or the fault of before.
  public func finish() throws(StreamFault) {
    if let fault { throw fault }
    if !isEnded { throw .truncated }
  }

  private func take(_ input: UnsafeRawBufferPointer, _ deliver: (UnsafeRawBufferPointer) -> Void) throws(StreamFault) {
    var rest = input[...]
    while !rest.isEmpty {
      if isEnded { throw .trailing }
      var wanted = StreamFrame.headerBytes
      let frame = try record.withUnsafeBytesThrowing { bytes throws(StreamFault) in try StreamFrame.read(bytes) }
      if let frame { wanted += frame.sealedBytes }
      let piece = rest.prefix(wanted - record.count)
      record.append(contentsOf: piece)
      rest = rest.dropFirst(piece.count)
      guard let frame, record.count == wanted else { continue }
      try open(frame, deliver)
      record.removeAll(keepingCapacity: true)
    }
  }

  private func open(_ frame: StreamFrame, _ deliver: (UnsafeRawBufferPointer) -> Void) throws(StreamFault) {
    guard counter < StreamLimits.recordsMax else { throw .exhausted }
    let isAuthentic = record.withUnsafeBytes { record in
      plaintext.withUnsafeMutableBytes { target in
        let header = UnsafeRawBufferPointer(rebasing: record[..<StreamFrame.headerBytes])
        let sealed = UnsafeRawBufferPointer(rebasing: record[StreamFrame.headerBytes...])
        return cipher.open(counter: counter, associated: header, sealed: sealed, to: target)
      }
    }
    guard isAuthentic else { throw .damaged }
    counter += 1
    let count = frame.sealedBytes - PacketHeader.tagBytes
    switch frame.kind {
    case .plain:
      try account(count)
      plaintext.withUnsafeBytes { deliver(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    case .packed:
      let unpacked: [UInt8]
      do throws(PackingFault) {
        unpacked = try plaintext.withUnsafeBytesThrowing { bytes throws(PackingFault) in
          try Packing.unpack(UnsafeRawBufferPointer(rebasing: bytes[..<count]), bytesMax: StreamLimits.plaintextBytesMax)
        }
      } catch { throw .inflated }
      try account(unpacked.count)
      unpacked.withUnsafeBytes { deliver($0) }
    case .end: isEnded = true
    }
  }

  private func account(_ count: Int) throws(StreamFault) {
    guard count <= bytesMax - bytes else { throw .tooLong }
    bytes += count
  }
}

extension Array {
  /// `withUnsafeBytes` that passes a typed error on.
  fileprivate func withUnsafeBytesThrowing<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
    let result: Result<R, E> = withUnsafeBytes { bytes in
      do throws(E) { return .success(try body(bytes)) } catch { return .failure(error) }
    }
    return try result.get()
  }
}
