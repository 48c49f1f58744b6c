// The active checks of one upstream, on the control worker's thread: when which endpoint is checked, and what the results change in the
// cells that all workers see. One check is HealthProbe's; thresholds and times are HealthCheckState's.
import Runtime

final class HealthChecker {
  /// Checks of one upstream under way at once; the others wait their turn.
  static let probesMax = 64

  private let worker: Worker
  private var options: UpstreamOptions
  private let check: HealthCheckOptions
  private let settings: HealthCheckSettings
  private var pool: SharedCell<PoolShared>?
  private var subjects: [Subject] = []
  private var waiting: [Subject] = []
  private var running = 0
  private var isStopped = false
  /// Endpoints that were unhealthy under settings that these replace, and are not listed here yet.
  private var suspects: Set<UInt64>
  /// An endpoint became unhealthy, or healthy again.
  var onVerdict: ((HealthReport) -> Void)?
  /// The other nodes that check; nil where this node checks everything itself.
  weak var peers: (any HealthPeers)?

  /// - Parameters:
  ///   - options: with `check` set.
  ///   - predecessor: the checker of the same upstream under older settings. What it found unhealthy stays out until the first check.
  init(_ options: UpstreamOptions, worker: Worker, predecessor: HealthChecker? = nil) {
    guard let check = options.check else { preconditionFailure("upstream \(options.name) has no health checks") }
    self.worker = worker
    self.options = options
    self.check = check
    settings = HealthCheckSettings(check)
    suspects = predecessor?.unfit ?? []
  }

  /// Endpoints that a successor is to distrust.
  private var unfit: Set<UInt64> {
    Set(subjects.filter { $0.isOut }.map(\.id))
  }

  /// What is known of one endpoint.
  private final class Subject {
    let id: UInt64
    let cell: SharedCell<EndpointShared>
    var target: HealthTarget
    /// Its name among the nodes.
    let shared: UInt64
    /// Whether this node checks it.
    var isMine = true
    /// What the nodes that check it find together.
    var others: Bool?
    var state = HealthCheckState()
    /// Held for what older settings knew of it, until the first result.
    var isSuspect = false
    /// Held for a finding of this node's or of all.
    var isOut = false
    var probe: HealthProbe?
    var alarm: UInt64 = 0
    var startedAt: UInt64 = 0
    var lastCheckedAt: UInt64 = 0
    var last: HealthOutcome?
    var consecutive = 0
    var checks: UInt64 = 0
    var failures: UInt64 = 0

    init(_ id: UInt64, _ cell: SharedCell<EndpointShared>, _ target: HealthTarget, of upstream: String) {
      self.id = id
      shared = StableHash.hash("\(upstream) \(target.address) \(target.host) \(target.check.stableText)")
      self.cell = cell
      self.target = target
    }

    var report: HealthReport {
      HealthReport(
        id: id, address: target.address, host: target.host, verdict: verdict, lastCheckedAt: lastCheckedAt,
        lastReason: reason, lastPassed: last?.isPassed ?? false, consecutive: consecutive, checks: checks, failures: failures)
    }

    private var reason: String {
      if !isMine || isOut && own != .unhealthy { return "found by the nodes that check it" }
      return last?.reason ?? ""
    }

    /// What this node's own checks say.
    var own: HealthVerdict { isMine ? state.verdict : .unknown }

    /// What its traffic goes by: what it cannot reach itself is unhealthy for it whatever others find.
    var verdict: HealthVerdict {
      if own == .unhealthy || isSuspect { return .unhealthy }
      return others.map { $0 ? .healthy : .unhealthy } ?? own
    }
  }

  /// Endpoints in the listing's order.
  func reports() -> [HealthReport] { subjects.map(\.report) }

  // MARK: who is checked

  /// Follows a new listing: endpoints that stay keep their history, new ones are checked soon, the others no more.
  func adopt(_ listing: UpstreamListing) {
    if isStopped { return }
    pool = listing.listing.pool
    var known: [UInt64: Subject] = [:]
    for subject in subjects { known[subject.id] = subject }
    var cells: [UInt64: SharedCell<EndpointShared>] = [:]
    for entry in listing.listing.entries { cells[entry.description.id] = entry.cell }
    subjects = listing.addresses.compactMap { place in
      guard let cell = cells[place.id] else { return nil }
      let target = HealthTarget(
        address: place.address, host: place.host, check: check, tls: options.tls, serverName: options.serverName,
        speaksHTTP2: options.speaksHTTP2)
      if let subject = known[place.id], subject.cell === cell {
        known[place.id] = nil
        subject.target = target
        return subject
      }
      return begin(Subject(place.id, cell, target, of: options.name))
    }
    let gone = Array(known.values)  // the order in which they are let go of changes nothing
    for subject in gone { drop(subject) }
    if !gone.isEmpty { startWaiting() }
  }

  /// Takes a context made anew from the same settings over.
  func adopt(tls: TLSClientContext?) {
    options.tls = tls
    for subject in subjects { subject.target.tls = tls }
  }

  /// Ends all checks; verdicts stay as they are.
  func stop() {
    isStopped = true
    for subject in subjects { drop(subject) }
    waiting = []
    onVerdict = nil
  }

  private func begin(_ subject: Subject) -> Subject {
    if let pool, suspects.remove(subject.id) != nil {
      (subject.isSuspect, subject.isOut) = (true, true)
      subject.cell.hold(.failedCheck, pool: pool)
    }
    subject.startedAt = worker.now
    schedule(subject)
    return subject
  }

  private func drop(_ subject: Subject) {
    worker.cancel(alarm: subject.alarm)
    waiting.removeAll { $0 === subject }
    if let probe = subject.probe {
      probe.cancel()
      subject.probe = nil
      running -= 1
    }
  }

  // MARK: checking

  private func schedule(_ subject: Subject) {
    guard subject.isMine, !isStopped else { return }
    let at = subject.state.nextCheckAt(now: subject.startedAt, settings: settings, random: worker.random.next())
    subject.alarm = worker.after(at > worker.now ? at - worker.now : 0) { [weak self, weak subject] in
      guard let self, let subject else { return }
      waiting.append(subject)
      startWaiting()
    }
  }

  private func startWaiting() {
    while running < Self.probesMax, !waiting.isEmpty {
      let subject = waiting.removeFirst()
      running += 1
      subject.startedAt = worker.now
      let probe = HealthProbe(subject.target, worker: worker) { [weak self, weak subject] outcome in
        guard let self, let subject else { return }
        subject.probe = nil
        running -= 1
        record(outcome, of: subject)
        schedule(subject)
        startWaiting()
      }
      subject.probe = probe
      probe.start()
    }
  }

  private func record(_ outcome: HealthOutcome, of subject: Subject) {
    subject.consecutive = outcome.isPassed == subject.last?.isPassed ? subject.consecutive + 1 : 1
    subject.last = outcome
    subject.lastCheckedAt = worker.now
    subject.checks += 1
    if !outcome.isPassed { subject.failures += 1 }
    subject.isSuspect = false
    _ = subject.state.record(passed: outcome.isPassed, settings: settings)
    settle(subject)
    peers?.found(subject.shared, isHealthy: subject.state.verdict != .unhealthy)
  }

  // MARK: what follows

  /// Writes what an endpoint's checks have come to, here and elsewhere, to the cell that all workers see.
  private func settle(_ subject: Subject) {
    guard let pool, subject.verdict != .unknown else { return }
    let cell = subject.cell
    let now = worker.now
    if subject.own == .unhealthy || subject.isSuspect { cell.hold(.failedCheck, pool: pool) }
    if subject.others == false { cell.hold(.clusterVerdict, pool: pool) }
    let isOut = subject.verdict == .unhealthy
    let isNews = isOut != subject.isOut
    subject.isOut = isOut
    // It was down, and traffic may have found out first: proven well, it need not sit its ejection out.
    if isNews && !isOut { _ = cell.readmit(now: now, early: true, pool: pool) }
    var gone: EndpointHolds = .unchecked
    if subject.own != .unhealthy && !subject.isSuspect { gone.insert(.failedCheck) }
    if subject.others != false { gone.insert(.clusterVerdict) }
    cell.release(gone, now: now, pool: pool)
    if isNews { onVerdict?(subject.report) }
  }

  // MARK: other nodes

  /// What this checker checks, for the others.
  var shared: [SharedEndpoint] { subjects.map { SharedEndpoint(id: $0.shared, interval: settings.interval) } }

  /// Follows what the nodes have agreed on: who checks, and what they find.
  func heard(_ standings: [UInt64: SharedStanding]) {
    if isStopped { return }
    for subject in subjects {
      guard let standing = standings[subject.shared] else { continue }
      subject.others = standing.isHealthy
      if subject.isMine != standing.isMine { standing.isMine ? take(subject) : leave(subject) }
      settle(subject)
    }
    startWaiting()
  }

  /// From now on this node checks the endpoint, going on from what others have found.
  private func take(_ subject: Subject) {
    subject.isMine = true
    subject.state = HealthCheckState(subject.others.map { $0 ? .healthy : .unhealthy } ?? .unknown)
    subject.startedAt = worker.now
    schedule(subject)
  }

  private func leave(_ subject: Subject) {
    drop(subject)
    subject.isMine = false
    // Held for what this node alone had found: that is over once others say how it is.
    subject.isSuspect = subject.isSuspect && subject.others == nil
  }
}

extension HealthCheckSettings {
  init(_ options: HealthCheckOptions) {
    self.init()
    interval = options.interval
    jitterPercent = UInt8(clamping: Int((min(max(options.jitter, 0), 1) * 100).rounded()))
    healthyThreshold = UInt16(clamping: max(options.healthy, 1))
    unhealthyThreshold = UInt16(clamping: max(options.unhealthy, 1))
  }
}
