// A body on its way from disk to one client, chunk by chunk: the next is read when the client has taken the one before.
import Cache
import Proxy
import Runtime

/// Sends a range of a body.
///
/// SAFETY: (@unchecked Sendable) confined to its worker's thread; the disk's completions only post to that worker.
final class DiskStreaming: @unchecked Sendable {
  private let reply: LocalReply
  private let worker: Worker
  private let first: [UInt8]
  private let rest: DiskCursor
  /// What is still to be sent.
  private var range: Range<Int>

  /// - Parameter range: within the body.
  init(_ reply: LocalReply, first: [UInt8], rest: DiskCursor, range: Range<Int>) {
    self.reply = reply
    worker = reply.worker
    self.first = first
    self.rest = rest
    self.range = range
    rest.seek(to: range.lowerBound)
  }

  /// - Parameter head: status line and field lines, without framing.
  func begin(_ head: [UInt8]) {
    head.withUnsafeBytes { reply.begin($0, length: range.count) }
    if range.lowerBound < first.count { write(first, from: 0) }
    proceed()
  }

  private func proceed() {
    guard reply.isOpen else { return }
    if range.isEmpty { return reply.finish() }
    if reply.isBlocked { return reply.whenWritable { [self] in proceed() } }
    let worker = worker
    rest.next { [self] chunk in worker.post { [self] _ in take(chunk) } }
  }

  private func take(_ chunk: DiskChunk) {
    guard reply.isOpen else { return }
    switch chunk {
    case .bytes(let bytes):
      write(bytes, from: range.lowerBound / rest.chunkBytes * rest.chunkBytes)
      proceed()
    // The length has been told, so that the client sees that it is short.
    case .end, .broken: reply.fail(.upstreamReset)
    }
  }

  /// - Parameter start: where in the body the bytes begin.
  private func write(_ bytes: [UInt8], from start: Int) {
    let end = min(range.upperBound, start + bytes.count)
    let part = bytes[(range.lowerBound - start)..<(end - start)]
    part.withUnsafeBytes { reply.write($0) }
    range = end..<range.upperBound
  }
}
