// The purges that records on disk are judged against when they are found, so that a purge needs no walk over the disk: each record bears
// the position up to which it knows of purges. Keeping the history over a restart is the driver's (DiskPurges).
import Runtime

/// Purges, each with its position. Of several with one meaning one line stays; what does not fit makes older records count as purged.
public struct PurgeHistory: Sendable {
  /// Lines; beyond, the older half goes, and with it whatever was stored before.
  static let linesMax = 65_536
  /// Of these, prefixes, each of which is compared with every record that is found.
  static let prefixesMax = 1_024
  /// Positions of one life of the process.
  static let lifeShift: UInt64 = 32

  /// All purges of one meaning.
  struct Line: Sendable, Equatable {
    var purge: Purge
    /// The positions of the last hard one and the last soft one; 0 for none.
    var hard: UInt64 = 0
    var soft: UInt64 = 0
    /// The stamp of the first soft one.
    var since = Int64.max
    var last: UInt64 { max(hard, soft) }
  }

  /// Tells histories apart: a record of another one is not known to be good.
  public let id: UInt64
  /// Of the last purge, or whatever else counts (`advance`).
  public private(set) var position: UInt64
  /// What knows of less is gone.
  public private(set) var floor: UInt64
  private(set) var lines: [Line] = []
  // For look-ups only.
  private var byMeaning: [[UInt8]: Int] = [:]
  private var tags: [UInt64: [Int]] = [:]
  private var paths: [UInt64: [Int]] = [:]
  private var prefixes: [Int] = []
  private var everything: [Int] = []

  public init(id: UInt64) { self.init(id: id, position: 1 << PurgeHistory.lifeShift, floor: 0) }

  init(id: UInt64, position: UInt64, floor: UInt64 = 0) {
    self.id = id
    self.position = position
    self.floor = floor
  }

  /// The number of the process's life: positions of an earlier one are below all of this.
  public var life: UInt64 { position >> PurgeHistory.lifeShift }

  mutating func beginLife() { position = (life + 1) << PurgeHistory.lifeShift }

  /// The next position, for what is no purge.
  public mutating func advance() -> UInt64 {
    position += 1
    return position
  }

  /// What knows of less than a position is gone.
  public mutating func raiseFloor(to position: UInt64) { floor = max(floor, position) }

  /// A purge has been made.
  public mutating func note(_ purge: Purge) { take(purge, at: advance()) }

  mutating func take(_ purge: Purge, at position: UInt64) {
    self.position = max(self.position, position)
    if case .all = purge.meaning, !purge.isSoft {
      floor = max(floor, position)
      keep { $0.last > position }
      return
    }
    // Of those who know of it nobody was away.
    if case .away = purge.meaning { return }
    var meaning = purge
    meaning.isSoft = false
    let name = meaning.encoded
    let index = byMeaning[name] ?? append(Line(purge: purge), name)
    if purge.isSoft {
      lines[index].soft = max(lines[index].soft, position)
      // Of two the first: windows that are too short are on the safe side.
      lines[index].since = min(lines[index].since, purge.stamp)
    } else {
      lines[index].hard = max(lines[index].hard, position)
    }
    trim()
  }

  private mutating func append(_ line: Line, _ name: [UInt8]) -> Int {
    let index = lines.count
    lines.append(line)
    byMeaning[name] = index
    switch line.purge.meaning {
    case .all: everything.append(index)
    case .away: break
    case .tag(let tag): tags[CacheTags.hash(tag), default: []].append(index)
    case .url(let target), .path(let target): paths[target.path.withUnsafeBytes { StableHash.hash($0) }, default: []].append(index)
    case .key(let key):
      let path = key.withUnsafeBytes { key in CacheKeyParts(key).map { StableHash.hash($0.path) } }
      if let path { paths[path, default: []].append(index) } else { prefixes.append(index) }
    case .prefix: prefixes.append(index)
    }
    return index
  }

  private mutating func trim() {
    let isFull = lines.count > PurgeHistory.linesMax
    guard isFull || prefixes.count > PurgeHistory.prefixesMax else { return }
    let positions = (isFull ? lines.map(\.last) : prefixes.map { lines[$0].last }).sorted()
    let middle = positions[positions.count / 2]
    floor = max(floor, middle)
    keep { $0.last > middle }
  }

  private mutating func keep(_ isKept: (Line) -> Bool) {
    let rest = lines.filter(isKept)
    lines = []
    byMeaning = [:]
    tags = [:]
    paths = [:]
    prefixes = []
    everything = []
    for line in rest {
      var meaning = line.purge
      meaning.isSoft = false
      _ = append(line, meaning.encoded)
    }
  }

  // MARK: judging

  /// What becomes of a record.
  /// - Parameters:
  ///   - key: its whole key.
  ///   - recordTags: hashes, as `CacheTags` makes them.
  ///   - position: up to which it knows of purges.
  public func force(_ key: [UInt8], tags recordTags: [UInt64], knows position: UInt64) -> PurgeForce {
    if position < floor { return .gone }
    var force = PurgeForce.none
    for index in everything { force = force.joined(effect(lines[index], position)) }
    for tag in recordTags {
      let meant = tag == CacheTags.any ? Array(tags.values.joined()) : tags[tag] ?? []
      for index in meant { force = force.joined(effect(lines[index], position)) }
    }
    if paths.isEmpty && prefixes.isEmpty { return force }
    let path = key.withUnsafeBytes { key in CacheKeyParts(key).map { StableHash.hash($0.path) } }
    // Bytes that are no key are meant by whatever purges URLs.
    let near = path.map { paths[$0] ?? [] } ?? Array(paths.values.joined())
    for index in near + prefixes {
      let effect = effect(lines[index], position)
      if effect != .none, lines[index].purge.matches(key: key, tags: recordTags) { force = force.joined(effect) }
    }
    return force
  }

  private func effect(_ line: Line, _ position: UInt64) -> PurgeForce {
    if line.hard > position { return .gone }
    return line.soft > position ? .stale(since: line.since) : .none
  }
}
