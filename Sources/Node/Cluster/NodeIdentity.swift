// Owns: who this node is, for life: an identity and a generation that grows with every start, in a file of the data folder.
import CEpoll
import Foundation
import Glibc
import Gossip
import Runtime

/// A node's identity and the lock on it: no two processes run under one.
final class NodeIdentity {
  let id: MemberID
  let generation: UInt64
  private let lock: Int32

  /// Why there is no identity, as a sentence.
  struct Fault: Error, CustomStringConvertible {
    let description: String
  }

  /// Reads the identity, or makes one, and begins its next generation.
  ///
  /// The generation is the greater of the last one plus one and the wall clock in milliseconds: it grows also when the file was lost with
  /// its folder, or the clock was set back.
  /// - Parameters:
  ///   - folder: the node's data folder; made where it is missing.
  ///   - fresh: 64 random bits, used where there is no identity yet.
  init(folder: String, fresh: UInt64, wall: WallTime) throws(Fault) {
    do { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) } catch {
      throw Fault(description: "the data folder \(folder) cannot be made: \(error.localizedDescription)")
    }
    lock = open(folder + "/identity.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard lock >= 0 else { throw Fault(description: "\(folder)/identity.lock: \(String(cString: strerror(errno)))") }
    guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
      close(lock)
      throw Fault(
        description: "the data folder \(folder) belongs to another node that runs; give each node a folder of its own (node.data)")
    }
    let path = folder + "/identity"
    let known = NodeIdentity.read(path)
    if known == nil && access(path, F_OK) == 0 {
      close(lock)
      throw Fault(description: "\(path) cannot be read; remove it to give this node a new identity")
    }
    id = known?.id ?? MemberID(fresh)
    generation = max((known?.generation ?? 0) + 1, wall.nanoseconds / 1_000_000)
    let text = "id \(id)\ngeneration \(generation)\n"
    guard NamedFile.replace(path, Array(text.utf8)) else {
      let cause = String(cString: strerror(errno))
      close(lock)
      throw Fault(description: "\(path) cannot be written: \(cause)")
    }
  }

  deinit { close(lock) }

  private static func read(_ path: String) -> (id: MemberID, generation: UInt64)? {
    guard let bytes = try? NamedFile.read(path, bytesMax: 4_096).get() else { return nil }
    var values: [Substring: Substring] = [:]
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count == 2 { values[words[0]] = words[1] }
    }
    guard let id = values["id"].flatMap({ UInt64($0, radix: 16) }), let generation = values["generation"].flatMap({ UInt64($0) }),
      generation < 1 << 62
    else { return nil }
    return (MemberID(id), generation)
  }
}
