// Questions to owners and answers to askers: each is consumed once, however often it comes, and none waits longer than its patience.
import Runtime

/// Questions that are out and answers that may have to be given again.
struct CounterQuestions: Sendable {
  struct Waiting: Sendable {
    var question: CounterQuestion
    var to: MemberID
    var askedAt: UInt64
    var repeatAt: UInt64
    /// When the next in rank is asked instead.
    var standInAt: UInt64
    /// When this node decides if nobody is left to be asked; and in any case.
    var deadline: UInt64
    var lastDeadline: UInt64
    /// A part of the asker's patience, nanoseconds.
    var tenth: UInt64
  }

  private struct Asked: Hashable {
    var member: MemberID
    var generation: UInt64
    var id: UInt64
  }

  /// Questions at once; beyond, the local estimate decides at once.
  static let waitingMax = 4_096
  /// Answers that are remembered: at the owners' rates, longer than any question is repeated.
  static let answersMax = 8_192

  /// Oldest first.
  var waiting: [Waiting] = []
  private(set) var nextID: UInt64 = 1
  private var answers: [(asked: Asked, answer: CounterAnswer)] = []
  private var oldest = 0
  // For look-ups only.
  private var places: [Asked: Int] = [:]

  /// Questions whose answers are late: how late says whether a member is far or gone.
  private var overdue: [(id: UInt64, to: MemberID, askedAt: UInt64)] = []
  private static let overdueMax = 64

  mutating func noteOverdue(_ waiting: Waiting) {
    if overdue.count >= CounterQuestions.overdueMax { overdue.removeFirst() }
    overdue.append((waiting.question.id, waiting.to, waiting.askedAt))
  }

  mutating func takeOverdue(_ id: UInt64, from member: MemberID) -> UInt64? {
    overdue.firstIndex { $0.id == id && $0.to == member }.map { overdue.remove(at: $0).askedAt }
  }

  var nextDeadline: UInt64 { waiting.reduce(.max) { min($0, $1.repeatAt, $1.standInAt, $1.deadline) } }

  mutating func newID() -> UInt64 {
    defer { nextID &+= 1 }
    return nextID
  }

  func answer(to id: UInt64, of asker: CounterMember) -> CounterAnswer? {
    places[Asked(member: asker.id, generation: asker.generation, id: id)].map { answers[$0].answer }
  }

  mutating func remember(_ answer: CounterAnswer, to asker: MemberID, _ generation: UInt64) {
    let asked = Asked(member: asker, generation: generation, id: answer.id)
    if places[asked] != nil { return }
    if answers.count < CounterQuestions.answersMax {
      places[asked] = answers.count
      answers.append((asked, answer))
    } else {
      places[answers[oldest].asked] = nil
      places[asked] = oldest
      answers[oldest] = (asked, answer)
      oldest = (oldest + 1) % CounterQuestions.answersMax
    }
  }
}

extension CounterExchange {
  /// Asks a key's owner, as `consume` said to.
  /// - Parameters:
  ///   - owner: from `CounterDecision.Verdict.ask`.
  ///   - patience: nanoseconds. After 3/10 of it the question is repeated, after 6/10 the next in rank is asked, and so on, up to five
  ///     times the patience; where nobody is left to be asked the local estimate decides. Who decided and whose answers were lost counts
  ///     one request too many: that is why the question is repeated first.
  /// - Returns: the question's id, which comes back with `.decided`, and what to do now.
  public mutating func ask(
    _ owner: MemberID, _ key: UInt64, cost: UInt32, policy: CounterPolicy, patience: UInt64, _ store: inout some CounterStore, now: UInt64
  ) -> (id: UInt64, effects: [CounterEffect]) {
    let question = CounterQuestion(id: questions.newID(), key: key, cost: cost, policy: policy)
    // Questions get half of the bytes at most: the other half tells what all have to know.
    if questions.waiting.count >= CounterQuestions.waitingMax || tokens < Int(limits.bytesPerSecond / 20)
      || isTooFar(owner, patience, now)
    {
      return (question.id, [.decided(id: question.id, decideHere(question, .local, &store, now))])
    }
    let tenth = patience / 10
    questions.waiting.append(
      CounterQuestions.Waiting(
        question: question, to: owner, askedAt: now, repeatAt: now + tenth * 3, standInAt: now + tenth * 6, deadline: now + tenth * 10,
        lastDeadline: now + tenth * 50, tenth: tenth))
    return (question.id, [send(question, to: owner)])
  }

  private mutating func noteTrip(of id: MemberID, _ sample: UInt64) {
    guard let peer = peer(id) else { return }
    peers[peer].answerTrip = peers[peer].answerTrip == 0 ? sample : (peers[peer].answerTrip * 7 + sample) / 8
  }

  /// Whether a member's answers take so long that its stand-in would be asked as well, and both would count. Tried again from time to time.
  private mutating func isTooFar(_ owner: MemberID, _ patience: UInt64, _ now: UInt64) -> Bool {
    guard let peer = peer(owner) else { return false }
    let limit = patience / 10 * 6
    if peers[peer].answerTrip > limit, now < peers[peer].askedAt + CounterExchange.askAgainAfter { return true }
    peers[peer].askedAt = now
    return false
  }

  private mutating func send(_ question: CounterQuestion, to owner: MemberID) -> CounterEffect {
    var writer = ByteWriter(limit: limits.bodyBytesMax)
    question.encode(into: &writer)
    statistics.questionsSent &+= 1
    tokens -= writer.count + limits.datagramOverhead
    return .send(to: owner, .question, writer.bytes)
  }

  private func decideHere(
    _ question: CounterQuestion, _ mode: CounterMode, _ store: inout some CounterStore, _ now: UInt64
  ) -> CounterDecision {
    store.noteAnswer(question.key, nil, now: now)
    return store.consume(question.key, cost: question.cost, policy: question.policy, now: now, mode: mode)
  }

  mutating func advanceQuestions(_ store: inout some CounterStore, _ now: UInt64, _ effects: inout [CounterEffect]) {
    var left: [CounterQuestions.Waiting] = []
    for var waiting in questions.waiting {
      if let decision = advance(&waiting, &store, now, &effects) {
        effects.append(.decided(id: waiting.question.id, decision))
      } else {
        left.append(waiting)
      }
    }
    questions.waiting = left
  }

  /// - Returns: what this node decides, once it has waited long enough.
  private mutating func advance(
    _ waiting: inout CounterQuestions.Waiting, _ store: inout some CounterStore, _ now: UInt64, _ effects: inout [CounterEffect]
  ) -> CounterDecision? {
    if waiting.standInAt <= now {
      waiting.repeatAt = .max
      waiting.standInAt = .max
      doubt(waiting.to, &store, now)
      questions.noteOverdue(waiting)
      switch store.standIn(for: waiting.to, waiting.question.key) {
      case .thisNode: return decideHere(waiting.question, .local, &store, now)
      case .ask(let other) where now < waiting.lastDeadline:
        (waiting.to, waiting.askedAt) = (other, now)
        waiting.repeatAt = now + waiting.tenth * 3
        waiting.standInAt = now + waiting.tenth * 6
        waiting.deadline = waiting.standInAt
        effects.append(send(waiting.question, to: other))
      case .ask, .nobody: break
      }
    } else if waiting.repeatAt <= now {
      waiting.repeatAt = .max
      effects.append(send(waiting.question, to: waiting.to))
    }
    guard waiting.deadline <= now else { return nil }
    statistics.questionsUnanswered &+= 1
    return decideHere(waiting.question, .unanswered, &store, now)
  }

  /// Who leaves a question unanswered and has not been heard of since is stood in for, and tried again after a while.
  private mutating func doubt(_ id: MemberID, _ store: inout some CounterStore, _ now: UInt64) {
    guard let peer = peer(id), peers[peer].lastHeard + CounterExchange.repeatAfter <= now else { return }
    settleAgain(peer, &store, now)
  }

  mutating func answer(
    _ question: CounterQuestion, _ sender: CounterMember, _ store: inout some CounterStore, _ now: UInt64, _ effects: inout [CounterEffect]
  ) {
    if answerTokens <= 0 {
      statistics.questionsRefused &+= 1
      return
    }
    var answer = questions.answer(to: question.id, of: sender)
    if answer == nil {
      let decision = store.consume(question.key, cost: question.cost, policy: question.policy, now: now, mode: .local)
      store.noteInterest(question.key, of: sender)
      answer = CounterAnswer(id: question.id, decision)
      questions.remember(answer!, to: sender.id, sender.generation)
      if decision.verdict == .allowed { tellGrant(answer!, to: sender, question.key, &store, &effects) }
    }
    var writer = ByteWriter(limit: limits.bodyBytesMax)
    answer!.encode(into: &writer)
    answerTokens -= writer.count + limits.datagramOverhead
    effects.append(.send(to: sender.id, .answer, writer.bytes))
  }

  /// Tells who would be asked next, for the case that this node dies and its answer is lost.
  private mutating func tellGrant(
    _ answer: CounterAnswer, to asker: CounterMember, _ key: UInt64, _ store: inout some CounterStore, _ effects: inout [CounterEffect]
  ) {
    guard tokens > Int(limits.bytesPerSecond / 20), case .ask(let next) = store.standIn(for: me, key), next != asker.id else { return }
    var writer = ByteWriter(limit: limits.bodyBytesMax)
    CounterGrant(asker: asker.id, generation: asker.generation, answer: answer).encode(into: &writer)
    tokens -= writer.count + limits.datagramOverhead
    effects.append(.send(to: next, .grant, writer.bytes))
  }

  mutating func receiveGrant(_ body: UnsafeRawBufferPointer) throws(CounterWireError) {
    do throws(ByteReadError) {
      let grant = try CounterGrant(decoding: body)
      questions.remember(grant.answer, to: grant.asker, grant.generation)
    } catch { throw .bytes(error) }
  }

  mutating func receiveAnswer(
    _ body: UnsafeRawBufferPointer, _ sender: CounterMember, _ store: inout some CounterStore, _ now: UInt64,
    _ effects: inout [CounterEffect]
  ) throws(CounterWireError) {
    let answer: CounterAnswer
    do throws(ByteReadError) { answer = try CounterAnswer(decoding: body) } catch { throw .bytes(error) }
    if let peer = peer(sender.id) { peers[peer].lastHeard = max(peers[peer].lastHeard, now) }
    if let askedAt = questions.takeOverdue(answer.id, from: sender.id) { noteTrip(of: sender.id, now - min(askedAt, now)) }
    // The first answer holds, be it the owner's or its stand-in's.
    guard let at = questions.waiting.firstIndex(where: { $0.question.id == answer.id }) else { return }
    let waiting = questions.waiting.remove(at: at)
    let question = waiting.question
    if waiting.to == sender.id, waiting.standInAt < .max { noteTrip(of: sender.id, now - min(waiting.askedAt, now)) }
    store.noteAnswer(question.key, answer.decision, now: now)
    effects.append(.decided(id: answer.id, answer.decision))
  }
}
