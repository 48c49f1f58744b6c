import Runtime

@testable import Gossip

/// Keys, clocks and a sealer and opener that know each other, for the packet tests.
struct PacketFixture {
  static let wall = WallTime(secondsSinceEpoch: 1_700_000_000)
  static let cluster = ClusterTag(0xCAFE_F00D)

  /// A key that `fill` tells from others.
  static func key(_ fill: UInt8 = 0) -> ClusterKey { ClusterKey(secret: secret(fill)) }
  static func secret(_ fill: UInt8 = 0) -> KeySecret { KeySecret((0..<32).map { $0 &+ fill })! }

  static func salt(_ number: UInt64) -> PacketSalt { PacketSalt(high: 7, low: number) }

  static func sealer(_ key: ClusterKey = key(), salt number: UInt64 = 1, cluster: ClusterTag = cluster, counter: UInt64 = 0) -> Sealer {
    Sealer(ring: KeyRing(key), cluster: cluster, salt: salt(number), counter: counter)
  }

  static func opener(_ key: ClusterKey = key(), salt number: UInt64 = 6, limits: SaltTableLimits = SaltTableLimits()) -> Opener {
    Opener(ring: KeyRing(key), cluster: cluster, ownSalt: salt(number), start: wall, limits: limits)
  }
}

extension Opener {
  /// What opening a datagram comes to: its plaintext, or why it was refused.
  func outcome(
    _ datagram: [UInt8], wall: WallTime = PacketFixture.wall
  ) -> Result<[UInt8], PacketRefusal> {
    datagram.withUnsafeBytes { bytes in
      do throws(PacketRefusal) { return .success(Array(try open(bytes, wall: wall).plaintext)) } catch { return .failure(error) }
    }
  }
}

extension [UInt8] {
  /// Bytes by their hexadecimal digits.
  init(hex: String) {
    let digits = hex.utf8.map { KeyText.hexDigit($0)! }
    self = stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }

  /// Random bytes.
  static func drawn(_ count: Int, _ random: inout SeededRandom) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
  }
}
