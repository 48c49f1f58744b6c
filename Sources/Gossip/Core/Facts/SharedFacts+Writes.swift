// What this node itself adds to the shared facts. What others add comes through SharedFacts+Receive.
import Runtime

extension SharedFacts {
  /// Writes a name of the register, or deletes it with nil: `Register.write`.
  public mutating func write(
    _ name: [UInt8], _ value: [UInt8]?, if expected: WriteExpectation = .anything, now: FactTime
  ) throws(WriteRefusal) -> RegisterEntry {
    let entry = try register.write(name, value, if: expected, clock: &clock, now: now.wall)
    (changedAt, isDirty) = (now.monotonic, true)
    return entry
  }

  /// Appends to the log what this node has already applied.
  public mutating func append(_ body: [UInt8], now: FactTime) throws(LogRefusal) -> LogEntry {
    let entry = try log.append(body, clock: &clock, now: now.wall)
    (changedAt, isDirty) = (now.monotonic, true)
    return entry
  }

  /// Adds a ticket key that `makeTicketKey` asked for.
  /// - Parameters:
  ///   - name: 16 random bytes.
  ///   - secret: random as well.
  public mutating func makeTicketKey(name: [UInt8], secret: TicketSecret, now: FactTime) -> [FactEffect] {
    _ = ticketKeys.make(name: name, secret: secret, clock: &clock, now: now.wall)
    changedAt = now.monotonic
    var effects: [FactEffect] = []
    showTicketKeys(milliseconds(now), &effects)
    return effects
  }
}
