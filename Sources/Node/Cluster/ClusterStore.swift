// Owns: the file in which a node keeps its shared facts over a restart.
import CEpoll
import Dispatch
import Glibc
import Gossip
import Runtime

/// Writes states one after the other on a queue of its own: nothing that gossips waits for a disk.
final class ClusterStore: Sendable {
  private static let bytesMax = 64 << 20

  let path: String
  private let log: NodeLog
  private let queue = DispatchQueue(label: "cluster state")
  private let hasFailed = Locked(false)

  /// - Parameter folder: the node's data folder, which is there.
  init(folder: String, log: NodeLog) {
    path = folder + "/cluster-state"
    self.log = log
  }

  /// What was kept; nil for nothing. What cannot be read is said and left behind: the others tell what this node has forgotten.
  func read() -> FactState? {
    guard access(path, F_OK) == 0 else { return nil }
    switch NamedFile.read(path, bytesMax: ClusterStore.bytesMax) {
    case .failure(let refusal):
      log.warning("the cluster state cannot be read; starting without it", ["file": .string(path), "reason": .string(refusal.reason)])
      return nil
    case .success(let bytes):
      if let state = try? FactState(bytes) { return state }
      log.warning("the cluster state is damaged; starting without it", ["file": .string(path)])
      return nil
    }
  }

  /// Keeps a state, soon.
  func keep(_ state: FactState) {
    queue.async { [self] in
      if NamedFile.replace(path, state.bytes) {
        hasFailed.withLock { $0 = false }
        return
      }
      let cause = String(cString: strerror(errno))
      let isNews = hasFailed.withLock { failed in
        defer { failed = true }
        return !failed
      }
      if isNews { log.error("the cluster state cannot be written", ["file": .string(path), "reason": .string(cause)]) }
    }
  }

  /// Waits until everything is kept.
  func flush() { queue.sync {} }
}
