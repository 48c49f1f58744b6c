// A question's place among those of its worker, and who goes on when it has been answered, has failed, or has taken its time.
import Proxy
import Runtime

/// The place of a question that others may wait for.
struct QuestionTicket {
  let service: CacheService
  let key: QuestionTable<CacheRequest>.Key
  let number: UInt64

  /// How long a question keeps others waiting, nanoseconds: a hit at the owner takes less; a fetch takes longer, and the owner then has
  /// them wait for one another.
  static let patience: UInt64 = 2_000_000

  /// Takes a place, or waits in another's.
  /// - Returns: nil where the request waits.
  static func take(_ request: CacheRequest, definitions: UInt64) -> QuestionTicket? {
    let (service, worker) = (request.service, request.worker)
    let key = QuestionTable<CacheRequest>.Key(key: request.key, definitions: definitions, keyHash: request.keyHash)
    guard let number = service.part(of: worker).questions.enter(key, request) else { return nil }
    let ticket = QuestionTicket(service: service, key: key, number: number)
    ticket.limit(worker)
    return ticket
  }

  private func limit(_ worker: Worker) { service.part(of: worker).tickets.add(self, worker) }

  /// The question has an answer, or has failed: those who wait go on, in a turn of their own.
  /// - Parameter isShared: whether their answer may be one for all, as far as this one tells.
  func end(_ worker: Worker, isShared: @autoclosure () -> Bool) {
    guard service.part(of: worker).questions.isAwaited(key, number) else { return release(worker, isShared: true) }
    let isShared = isShared()
    worker.after(1) { release(worker, isShared: isShared) }
  }

  /// Who waits for it goes on, if it is still the last one.
  func release(_ worker: Worker, isShared: Bool) {
    guard let next = service.part(of: worker).questions.release(key, number) else { return }
    let ticket = QuestionTicket(service: service, key: key, number: next.number)
    let askers = next.askers.filter(\.reply.isOpen)
    if askers.isEmpty { return ticket.release(worker, isShared: true) }
    ticket.limit(worker)
    if isShared && askers.count > 1 { return SharedQuestion(askers, ticket).send() }
    askers[0].ticket = ticket
    for asker in askers { asker.askFirst() }
  }
}
