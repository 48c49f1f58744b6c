// One fetch from the origin and all who wait for it: the leader puts head and body in as they come, followers take them out, each at its
// own pace and on its own thread. What may be stored, and who may use it, is decided by those who call; here it is only handed over.
import Runtime

/// How a fill ended without a response that others may use.
public enum FillRefusal: UInt8, Sendable, Equatable {
  /// The response is for its own request alone: everybody asks for themselves.
  case notShared
  /// There was no response; `Fill.fault` says why.
  case failed
  /// What was stored had to be looked at again and proved good: look it up anew.
  case renewed
}

/// What a follower finds.
public enum FillProgress: Sendable {
  case waiting
  case refused(FillRefusal)
  /// The head is there, and pieces of body from the follower's place on; with `isComplete` they are the last.
  case body([FillPiece], isComplete: Bool)
  /// The response broke off behind its head.
  case broken
  /// It was too slow for the others, and the body is too large to wait for it: it has taken so much.
  case dismissed(BodyPrefix)
}

/// Bytes of a body, shared by all who send them.
public final class FillPiece: Sendable {
  public let bytes: [UInt8]
  public init(_ bytes: [UInt8]) { self.bytes = bytes }
}

/// A response on its way in.
public final class Fill: Sendable {
  /// What is known of the response once its head has come.
  public struct Head: Sendable {
    public var status: Int
    /// Status line and field lines, without framing and without the blank line.
    public var text: [UInt8]
    public var terms: CacheTerms
    /// The length of the body, where the origin says it.
    public var length: Int?
    /// What the response varies by, and the leader's values of it.
    public var variance: Variance
    public var variant: [UInt8]
    /// What was stored proved good: the body is the stored one's.
    public var isRenewed: Bool
    /// It is going to be stored.
    public var isKept: Bool

    public init(
      status: Int, text: [UInt8], terms: CacheTerms, length: Int?, variance: Variance, variant: [UInt8], isRenewed: Bool = false,
      isKept: Bool = true
    ) {
      self.status = status
      self.text = text
      self.terms = terms
      self.length = length
      self.variance = variance
      self.variant = variant
      self.isRenewed = isRenewed
      self.isKept = isKept
    }
  }

  private struct Listener: Sendable {
    var id: UInt64
    var taken = 0
    var dismissed: BodyPrefix?
    var told: @Sendable () -> Void
  }

  private struct State {
    var head: Head?
    /// From the piece numbered `dropped` on.
    var pieces: [FillPiece] = []
    var dropped = 0
    var bytes = 0
    /// Bytes of `pieces`.
    var held = 0
    var keepsAll = true
    var isExpired = false
    var isComplete = false
    var isBroken = false
    var refusal: FillRefusal?
    var fault: UInt8 = 0
    var status = 0
    /// Of a body that is not kept, while several take it: what `dropped` pieces are, and what each of `pieces` makes of it.
    var start: BodyPrefix?
    var marks: [BodyPrefix] = []
    var listeners: [Listener] = []
    var nextListener: UInt64 = 1
    var room: (@Sendable () -> Void)?

    var isWatched: Bool { listeners.contains { $0.dismissed == nil } }

    mutating func mark(_ piece: FillPiece) {
      guard var mark = marks.last ?? start else { return }
      piece.bytes.withUnsafeBytes { mark.extend($0) }
      marks.append(mark)
    }

    /// Lets go of what all listeners have; returns who waits for room, when there is some again.
    mutating func trim() -> (@Sendable () -> Void)? {
      guard !keepsAll else { return nil }
      let wanted = listeners.reduce(dropped + pieces.count) { $1.dismissed == nil ? min($0, $1.taken) : $0 }
      while dropped < wanted, let first = pieces.first {
        held -= first.bytes.count
        pieces.removeFirst()
        dropped += 1
        if start != nil { start = marks.removeFirst() }
      }
      if held >= Fill.heldMax / 2 { return nil }
      defer { room = nil }
      return room
    }
  }

  /// Bytes that wait for the slowest follower, who is dismissed where others wait for it, of a response too large to be kept.
  static let heldMax = 1 << 20

  public let key: [UInt8]
  /// The key without its variant.
  public let primary: [UInt8]
  private let state: Locked<State> = Locked(State())

  public init(key: [UInt8], primary: [UInt8]) {
    self.key = key
    self.primary = primary
  }

  // MARK: the leader

  /// The head has come, of a response that others may use.
  public func begin(_ head: Head) { change { $0.head = head } }

  /// The next bytes of the body; their sum so far.
  public func append(_ bytes: UnsafeRawBufferPointer) -> Int {
    let piece = FillPiece(Array(bytes))
    return change {
      $0.pieces.append(piece)
      $0.mark(piece)
      $0.bytes += piece.bytes.count
      $0.held += piece.bytes.count
      return $0.bytes
    }
  }

  /// The body is whole.
  public func complete() { change { $0.isComplete = true } }

  /// The response broke off behind its head.
  public func breakOff() { change { $0.isBroken = true } }

  /// Nothing comes that others may use.
  /// - Parameters:
  ///   - fault: of `.failed`, in the words of who calls.
  ///   - status: of `.failed`, what the origin said; 0 where it said nothing.
  public func refuse(_ refusal: FillRefusal, fault: UInt8 = 0, status: Int = 0) {
    change {
      $0.refusal = refusal
      $0.status = status
      $0.fault = fault
    }
  }

  /// The body is larger than what is stored: what all followers have is let go.
  public func stopKeeping() {
    change { state in
      state.keepsAll = false
      if state.listeners.count < 2 { return }
      state.start = BodyPrefix()
      for piece in state.pieces { state.mark(piece) }
    }
  }

  /// Lets go of followers for whom others, and the leader, wait.
  /// - Returns: whether the leader has to wait still.
  public func dismissSlowest() -> Bool {
    let (told, room, isCrowded) = state.withLock { state -> ([@Sendable () -> Void], (@Sendable () -> Void)?, Bool) in
      let end = state.dropped + state.pieces.count
      // Once the leader waits, it does so until half of what is held has been taken.
      guard let start = state.start, state.room != nil, state.listeners.contains(where: { $0.dismissed == nil && $0.taken == end })
      else { return ([], nil, state.room != nil) }
      var told: [@Sendable () -> Void] = []
      for i in state.listeners.indices where state.listeners[i].dismissed == nil {
        let ahead = state.listeners[i].taken - state.dropped
        let bytes = state.pieces[..<ahead].reduce(0) { $0 + $1.bytes.count }
        if state.held - bytes < Fill.heldMax / 2 { continue }
        state.listeners[i].dismissed = ahead == 0 ? start : state.marks[ahead - 1]
        told.append(state.listeners[i].told)
      }
      return (told, state.trim(), false)
    }
    for each in told { each() }
    room?()
    return isCrowded
  }

  /// What it brings was overtaken: its followers get it, and it is not stored.
  func expire() { state.withLock { $0.isExpired = true } }
  public var isExpired: Bool { state.withLock { $0.isExpired } }

  /// Whether the leader has to wait for followers; `told` is called once, on any thread, when it need not any more.
  public func isCrowded(_ told: @escaping @Sendable () -> Void) -> Bool {
    state.withLock { state in
      guard !state.keepsAll, state.held >= Fill.heldMax, state.isWatched else { return false }
      state.room = told
      return true
    }
  }

  public var isComplete: Bool { state.withLock { $0.isComplete } }
  public var isRefused: Bool { state.withLock { $0.refusal != nil } }

  // MARK: followers

  public var head: Head? { state.withLock { $0.head } }
  public var status: Int { state.withLock { $0.status } }
  public var fault: UInt8 { state.withLock { $0.fault } }
  /// Whether `pieces` are all there were.
  public var keepsAll: Bool { state.withLock { $0.keepsAll } }
  public var pieces: [FillPiece] { state.withLock { $0.pieces } }

  /// What there is for a listener that has taken so many pieces.
  public func progress(behind taken: Int, _ listener: UInt64) -> FillProgress {
    state.withLock { state in
      if let refusal = state.refusal { return .refused(refusal) }
      if state.head == nil { return .waiting }
      if let taken = state.listeners.first(where: { $0.id == listener })?.dismissed { return .dismissed(taken) }
      if state.isBroken { return .broken }
      // Who comes when the beginning is gone cannot be served.
      if taken < state.dropped { return .refused(.notShared) }
      return .body(Array(state.pieces[min(taken - state.dropped, state.pieces.count)...]), isComplete: state.isComplete)
    }
  }

  /// A listener is about to take the pieces up to this count: each is claimed before it goes out, so that whoever is dismissed has what the
  /// fill believes it to have, and nothing more.
  /// - Returns: whether it may.
  public func claim(through taken: Int, _ listener: UInt64) -> Bool {
    let (may, room) = state.withLock { state -> (Bool, (@Sendable () -> Void)?) in
      guard let i = state.listeners.firstIndex(where: { $0.id == listener }), state.listeners[i].dismissed == nil else {
        return (false, nil)
      }
      state.listeners[i].taken = taken
      return (true, state.trim())
    }
    room?()
    return may
  }

  /// Whether anybody waits for what comes.
  public var isWatched: Bool { state.withLock { $0.isWatched } }

  /// Calls `told` with each change, on the leader's thread, until `leave`; it has to return at once.
  public func listen(_ told: @escaping @Sendable () -> Void) -> UInt64 {
    state.withLock { state in
      let id = state.nextListener
      state.nextListener += 1
      state.listeners.append(Listener(id: id, told: told))
      return id
    }
  }

  public func leave(_ listener: UInt64) {
    let room = state.withLock { state -> (@Sendable () -> Void)? in
      state.listeners.removeAll { $0.id == listener }
      return state.trim()
    }
    room?()
  }

  private func change<Result: Sendable>(_ body: (inout State) -> Result) -> Result {
    let (result, listeners) = state.withLock { state in
      let result = body(&state)
      _ = state.trim()
      return (result, state.listeners.map(\.told))
    }
    for told in listeners { told() }
    return result
  }
}
