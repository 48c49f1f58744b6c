import Testing

@testable import Proxy

@Suite struct UpstreamHealthCheckTests {
  struct Sequence: Sendable, CustomTestStringConvertible {
    /// + passed, - failed
    var results: String
    /// . none, H became healthy, U became unhealthy
    var effects: String
    var testDescription: String { results }
  }

  /// Two to become healthy, three to become unhealthy.
  @Test(arguments: [
    Sequence(results: "+", effects: "H"),
    Sequence(results: "-", effects: "U"),
    Sequence(results: "+++++", effects: "H...."),
    Sequence(results: "+--+--+---", effects: "H........U"),
    Sequence(results: "-+-+-++", effects: "U.....H"),
    Sequence(results: "+---++---", effects: "H..U.H..U"),
    Sequence(results: "------++", effects: "U......H"),
  ])
  func thresholdsDecide(sequence: Sequence) {
    var state = HealthCheckState()
    var effects = ""
    for result in sequence.results {
      switch state.record(passed: result == "+", settings: HealthCheckSettings()) {
      case .none: effects += "."
      case .becameHealthy: effects += "H"
      case .becameUnhealthy: effects += "U"
      }
    }
    #expect(effects == sequence.effects)
  }

  @Test func nextCheckStaysWithinItsJitterAndSpreads() {
    var settings = HealthCheckSettings()
    settings.interval = 2 * oneSecond
    settings.jitterPercent = 10
    var state = HealthCheckState()
    var bits = UpstreamBits(seed: 3)
    for _ in 0..<1000 {
      let at = state.nextCheckAt(now: oneSecond, settings: settings, random: bits.next())
      #expect(at >= oneSecond && at < oneSecond + oneSecond / 5)
    }
    _ = state.record(passed: true, settings: settings)
    var sum = 0.0
    for _ in 0..<1000 {
      let at = state.nextCheckAt(now: 50 * oneSecond, settings: settings, random: bits.next())
      #expect(at >= 50 * oneSecond + 1800 * oneMillisecond && at <= 50 * oneSecond + 2200 * oneMillisecond)
      sum += Double(at - 50 * oneSecond)
    }
    #expect(isNear(sum / 1000 / Double(oneSecond), 2, within: 0.02))
    #expect(state.nextCheckAt(now: 0, settings: settings, random: 0) == 1800 * oneMillisecond)
    #expect(state.nextCheckAt(now: 0, settings: settings, random: .max) == 2200 * oneMillisecond)
  }

  @Test func withoutJitterChecksComeOnTheInterval() {
    var settings = HealthCheckSettings()
    settings.jitterPercent = 0
    var state = HealthCheckState()
    _ = state.record(passed: false, settings: settings)
    #expect(state.nextCheckAt(now: 7, settings: settings, random: .max) == 7 + settings.interval)
  }
}
