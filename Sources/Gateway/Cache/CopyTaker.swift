// Takes what another node offers: fetches the copy from it while the offer waits, so that whoever offers knows when to offer more. What is
// kept of it is said by CacheService.
import Cache
import Proxy
import Runtime

/// A copy on its way in.
///
/// Confined to its worker's thread.
final class CopyTaker: ResponseSink {
  /// Nanoseconds.
  private static let patience: UInt64 = 2_000_000_000

  private let service: CacheService
  private let key: [UInt8]
  private let variant: [UInt8]
  private let asked: Int64
  private let told: (CopyOutcome) -> Void
  /// What is done with a whole one.
  private let keep: (CopyRecord, Int64) -> CopyOutcome
  private var bytes: [UInt8] = []
  private var reserved = 0
  private var isTaking = false
  private var hasEnded = false

  /// - Parameters:
  ///   - keep: told when it was asked for; called at most once.
  ///   - told: called once, when nothing more will happen.
  init(
    _ service: CacheService, key: [UInt8], variant: [UInt8], keep: @escaping (CopyRecord, Int64) -> CopyOutcome,
    told: @escaping (CopyOutcome) -> Void
  ) {
    self.service = service
    self.key = key
    self.variant = variant
    self.keep = keep
    self.told = told
    asked = service.now
    super.init()
  }

  deinit { service.copies.release(reserved) }

  /// Asks a node for it.
  func fetch(from endpoint: UInt64, _ question: PeerQuestion, like exchange: ExchangeRef, _ worker: Worker, lease from: UInt64? = nil) {
    var more: [(name: StaticString, value: [UInt8])] = []
    if !variant.isEmpty { more.append((PeerMessage.variantField, PeerMessage.digits(variant))) }
    if let from { more += [(PeerMessage.leaseField, [0x31]), (PeerMessage.fromField, PeerMessage.digits(from))] }
    let head = PeerMessage.copy.head(question, key: key, more)
    guard let fetch = worker.fetch(head, by: service.peers, pinned: endpoint, like: exchange, self) else {
      return end(.internalError, worker)
    }
    // A node that is frozen says nothing, and keeps room here.
    worker.after(CopyTaker.patience) { [weak self] in
      guard let self, !hasEnded else { return }
      worker.cancel(fetch)
      end(.requestTimeout, worker)
    }
  }

  override func head(_ head: UnsafeRawBufferPointer, status: Int, hasBody: Bool, _ worker: Worker) -> Choice {
    guard status == 200, let length = Framing.length(HeadFields(head: head), hasBody: hasBody), length <= CopyTaker.bytesMax(service),
      service.copies.reserve(length)
    else { return .take }
    reserved = length
    isTaking = true
    bytes.reserveCapacity(length)
    return .take
  }

  private static func bytesMax(_ service: CacheService) -> Int { service.bodyBytesMax + (1 << 18) }

  override func body(_ piece: UnsafeRawBufferPointer, _ worker: Worker) {
    if isTaking && bytes.count + piece.count <= reserved { bytes += piece } else { isTaking = false }
  }

  override func end(_ fault: Fault?, _ worker: Worker) {
    if hasEnded { return }
    hasEnded = true
    defer {
      service.copies.release(reserved)
      reserved = 0
    }
    guard fault == nil, isTaking, bytes.count == reserved, let record = CopyRecord(bytes) else { return told(.refused) }
    bytes = []
    told(keep(record, asked))
  }
}
