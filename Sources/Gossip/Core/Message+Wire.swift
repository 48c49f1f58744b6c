// Messages of membership as bytes: the bodies of a datagram's parts, and of an exchange's. What a later version adds stands behind what
// is known here and is passed over.
import Runtime

extension Message {
  /// Bytes that kind and length of a part take at most.
  public static let overheadBytes = 3
  /// Bytes that the length of a list takes at most.
  static let listBytes = 2
  /// Statements in one part at most: what fits a datagram many times over.
  static let listMax = 4_096

  public var kind: PartKind {
    switch self {
    case .ping: .ping
    case .pingRequest: .pingRequest
    case .ack: .ack
    case .nack: .nack
    case .rumours: .rumours
    case .statements: .statements
    }
  }

  /// Bytes of the part, kind and length included.
  public var encodedBytes: Int {
    var writer = ByteWriter(reserving: 64)
    encode(into: &writer)
    return writer.count + Message.overheadBytes
  }

  /// Writes the part's body.
  public func encode(into writer: inout ByteWriter) {
    switch self {
    case .ping(let number, let from, let target, let digest):
      writer.write(number)
      writer.write(from.value)
      writer.write(UInt8(target == nil ? 0 : 1))
      if let target { writer.write(target.value) }
      writer.write(digest)
    case .pingRequest(let number, let from, let target):
      writer.write(number)
      writer.write(from.value)
      writer.write(target.value)
    case .ack(let number, let from, let digest):
      writer.write(number)
      writer.write(from.value)
      writer.write(digest)
    case .nack(let number, let from):
      writer.write(number)
      writer.write(from.value)
    case .rumours(let rumours):
      writer.writeVarint(UInt64(rumours.count))
      for rumour in rumours { rumour.encode(into: &writer) }
    case .statements(let statements):
      writer.writeVarint(UInt64(statements.count))
      for statement in statements { statement.encode(into: &writer) }
    }
  }

  /// Reads a part's body; nil for a kind that is not membership's.
  /// - Throws: when the body is not what its kind promises.
  public init?(kind: UInt64, _ body: UnsafeRawBufferPointer) throws(ByteReadError) {
    guard let kind = PartKind(rawValue: kind) else { return nil }
    var reader = ByteReader(body)
    switch kind {
    case .ping:
      let number = try reader.readUInt32()
      let from = MemberID(try reader.readUInt64())
      let target = try reader.readUInt8() == 0 ? nil : MemberID(try reader.readUInt64())
      self = .ping(number: number, from: from, target: target, digest: try reader.readUInt64())
    case .pingRequest:
      self = .pingRequest(
        number: try reader.readUInt32(), from: MemberID(try reader.readUInt64()), target: MemberID(try reader.readUInt64()))
    case .ack:
      self = .ack(number: try reader.readUInt32(), from: MemberID(try reader.readUInt64()), digest: try reader.readUInt64())
    case .nack: self = .nack(number: try reader.readUInt32(), from: MemberID(try reader.readUInt64()))
    case .rumours: self = .rumours(try readList(&reader) { (r) throws(ByteReadError) in try Rumour(from: &r) })
    case .statements: self = .statements(try readList(&reader) { (r) throws(ByteReadError) in try MemberStatement(from: &r) })
    case .joinRefusal, .envelope, .counters, .acknowledgements, .question, .answer, .grant, .concurrency, .verdicts, .registerEntries,
      .purges,
      .keys,
      .factDigest, .registerSums, .logSummary, .verdictSums, .factQuestion, .factAnswer, .receipts:
      return nil
    }
  }

  /// Bytes of a rumour within its part.
  static func bytes(of rumour: Rumour) -> Int {
    let incarnation = ByteWriter.varintBytes(UInt64(rumour.version.incarnation))
    return 8 + ByteWriter.varintBytes(rumour.version.generation) + incarnation + 1 + (rumour.origin == rumour.member ? 0 : 8)
  }

  static func bytes(of statement: MemberStatement) -> Int {
    var writer = ByteWriter(reserving: 160)
    statement.encode(into: &writer)
    return writer.count
  }
}

/// A list with its length in front; none longer than what is left could hold.
private func readList<Element>(
  _ reader: inout ByteReader, _ element: (inout ByteReader) throws(ByteReadError) -> Element
) throws(ByteReadError) -> [Element] {
  let count = try reader.readVarint()
  guard count <= UInt64(Message.listMax) else { throw .notAllowed(at: reader.position) }
  var list: [Element] = []
  for _ in 0..<count { list.append(try element(&reader)) }
  return list
}

extension Rumour {
  /// The state's byte says as well whether the member speaks for itself, which spares eight bytes.
  private static let ownWord: UInt8 = 0x80

  public func encode(into writer: inout ByteWriter) {
    writer.write(member.value)
    writer.writeVarint(version.generation)
    writer.writeVarint(UInt64(version.incarnation))
    writer.write(state.rawValue | (origin == member ? Rumour.ownWord : 0))
    if origin != member { writer.write(origin.value) }
  }

  public init(from reader: inout ByteReader) throws(ByteReadError) {
    member = MemberID(try reader.readUInt64())
    let generation = try reader.readVarint()
    guard let incarnation = UInt32(exactly: try reader.readVarint()) else { throw .notAllowed(at: reader.position) }
    version = MemberVersion(generation: generation, incarnation: incarnation)
    let byte = try reader.readUInt8()
    guard let state = MemberState(rawValue: byte & ~Rumour.ownWord) else { throw .notAllowed(at: reader.position) }
    self.state = state
    origin = byte & Rumour.ownWord != 0 ? member : MemberID(try reader.readUInt64())
  }
}

extension MemberStatement {
  public func encode(into writer: inout ByteWriter) {
    rumour.encode(into: &writer)
    var body = ByteWriter(reserving: 128)
    record.encode(into: &body)
    writer.writeLengthPrefixed(body.bytes)
  }

  public init(from reader: inout ByteReader) throws(ByteReadError) {
    rumour = try Rumour(from: &reader)
    var body = ByteReader(try reader.readLengthPrefixed(limit: MemberRecord.encodedBytesMax))
    record = try MemberRecord(from: &body)
  }
}

extension MemberRecord {
  /// What this version writes is under 256 bytes; later ones may add.
  static let encodedBytesMax = 1_024
  private static let hasClient: UInt8 = 1
  private static let hasAdmin: UInt8 = 2
  private static let drains: UInt8 = 4

  public func encode(into writer: inout ByteWriter) {
    writer.write(constants.oldest)
    writer.write(constants.newest)
    writer.write(constants.agreed)
    let flags = (client != nil ? MemberRecord.hasClient : 0) | (admin != nil ? MemberRecord.hasAdmin : 0)
    writer.write(flags | (isDraining ? MemberRecord.drains : 0))
    peer.encode(into: &writer)
    client?.encode(into: &writer)
    admin?.encode(into: &writer)
    writer.write(weightPercent)
    writer.write(revision)
    writer.write(string: name)
    writer.write(string: zone)
    writer.write(string: build)
  }

  public init(from reader: inout ByteReader) throws(ByteReadError) {
    let constants = WireConstants(oldest: try reader.readUInt8(), newest: try reader.readUInt8(), agreed: try reader.readUInt64())
    let flags = try reader.readUInt8()
    let peer = try SocketAddress(from: &reader)
    let client = flags & MemberRecord.hasClient != 0 ? try SocketAddress(from: &reader) : nil
    let admin = flags & MemberRecord.hasAdmin != 0 ? try SocketAddress(from: &reader) : nil
    let weight = try reader.readUInt16()
    let revision = try reader.readUInt64()
    self.init(
      name: try reader.readString(limit: 64), peer: peer, client: client, admin: admin, zone: try reader.readString(limit: 32),
      weightPercent: weight, build: try reader.readString(limit: 32), isDraining: flags & MemberRecord.drains != 0, revision: revision,
      constants: constants)
  }
}

extension SocketAddress {
  /// Family, port, and four or twenty bytes of address.
  func encode(into writer: inout ByteWriter) {
    writer.write(UInt8(isIPv4 ? 4 : 6))
    writer.write(port)
    if isIPv4 { return writer.write(ipv4) }
    writer.write(high)
    writer.write(low)
    writer.write(scope)
  }

  init(from reader: inout ByteReader) throws(ByteReadError) {
    let family = try reader.readUInt8()
    let port = try reader.readUInt16()
    switch family {
    case 4: self.init(ipv4: try reader.readUInt32(), port: port)
    case 6: self.init(ipv6High: try reader.readUInt64(), low: try reader.readUInt64(), port: port, scope: try reader.readUInt32())
    case _: throw .notAllowed(at: reader.position)
    }
  }
}
