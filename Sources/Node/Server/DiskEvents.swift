// Owns: where the cache's disk tier lies, and what the log says of it.
import Cache
import Foundation
import Gateway
import Runtime

extension CacheDisk {
  /// nil: nothing is kept on disk.
  init?(_ configuration: Configuration) throws {
    guard let bytes = configuration.cache.diskBytes, bytes > 0 else { return nil }
    try FileManager.default.createDirectory(atPath: configuration.node.data, withIntermediateDirectories: true)
    self.init(folder: configuration.node.data + "/cache", bytes: UInt64(bytes))
  }
}

enum DiskEvents {
  static func writer(to log: NodeLog) -> @Sendable (DiskReport) -> Void {
    { report in
      switch report {
      case .on(let isEmpty): log.info("the cache's disk tier is on", ["empty": .bool(isEmpty)])
      case .off(let fault, let wait):
        log.error(
          "the cache's disk tier is off; requests go on without it",
          ["reason": .string(fault.description), "retry_after_seconds": JSONValue(Double(wait) / 1e9)])
      case .setAside(let path, let fault):
        log.error(
          "files of the cache's disk tier cannot be used and were set aside",
          ["folder": .string(path), "reason": .string(fault.description)])
      }
    }
  }
}
