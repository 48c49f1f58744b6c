// Owns what a stage says beside its deployment: variables, a canary, settings by method; and the checks of these. Which revision of an API
// a stage points at, and when, is the definition store's.
import Runtime

/// A stage of an API (API Gateway developer guide, "Setting up a stage for a REST API").
public struct StageDefinition: Hashable, Sendable {
  /// A share of the requests that another deployment answers.
  public struct Canary: Hashable, Sendable {
    /// 0 to 100.
    public var percentTraffic: Double
    /// In the place of the stage's, or beside them.
    public var variableOverrides: NamedValues<String> = [:]
    public var usesStageCache = false

    public init(percentTraffic: Double) { self.percentTraffic = percentTraffic }
  }

  /// Settings of one method, or of all; nil leaves what a wider setting says.
  public struct MethodSettings: Hashable, Sendable {
    public enum LoggingLevel: String, Hashable, Sendable, CaseIterable {
      case off = "OFF"
      case error = "ERROR"
      case info = "INFO"
    }

    public enum UnauthorizedCacheControl: String, Hashable, Sendable, CaseIterable {
      case failWith403 = "FAIL_WITH_403"
      case succeedWithResponseHeader = "SUCCEED_WITH_RESPONSE_HEADER"
      case succeedWithoutResponseHeader = "SUCCEED_WITHOUT_RESPONSE_HEADER"
    }

    public var metricsEnabled: Bool?
    public var loggingLevel: LoggingLevel?
    public var dataTraceEnabled: Bool?
    public var throttlingRate: Double?
    public var throttlingBurst: Int?
    public var cachingEnabled: Bool?
    public var cacheTTLSeconds: Int?
    public var cacheDataEncrypted: Bool?
    public var requiresAuthorizationForCacheControl: Bool?
    public var unauthorizedCacheControl: UnauthorizedCacheControl?

    public init() {}

    /// These, and where they say nothing what a wider setting says.
    public func filled(from wider: MethodSettings) -> MethodSettings {
      var result = self
      result.metricsEnabled = metricsEnabled ?? wider.metricsEnabled
      result.loggingLevel = loggingLevel ?? wider.loggingLevel
      result.dataTraceEnabled = dataTraceEnabled ?? wider.dataTraceEnabled
      result.throttlingRate = throttlingRate ?? wider.throttlingRate
      result.throttlingBurst = throttlingBurst ?? wider.throttlingBurst
      result.cachingEnabled = cachingEnabled ?? wider.cachingEnabled
      result.cacheTTLSeconds = cacheTTLSeconds ?? wider.cacheTTLSeconds
      result.cacheDataEncrypted = cacheDataEncrypted ?? wider.cacheDataEncrypted
      result.requiresAuthorizationForCacheControl = requiresAuthorizationForCacheControl ?? wider.requiresAuthorizationForCacheControl
      result.unauthorizedCacheControl = unauthorizedCacheControl ?? wider.unauthorizedCacheControl
      return result
    }
  }

  /// `$default` for the stage of an HTTP API that has no place in paths.
  public var name: String
  public var description: String?
  public var variables: NamedValues<String> = [:]
  public var canary: Canary?
  /// For all methods that have none of their own; AWS writes `*/*`.
  public var defaultSettings = MethodSettings()
  /// By operation, for example `GET /pets/{id}`.
  public var methodSettings: NamedValues<MethodSettings> = [:]
  public var tags: NamedValues<String> = [:]

  public init(name: String) { self.name = name }

  /// What holds for an operation.
  public func settings(of operation: String) -> MethodSettings {
    methodSettings[operation]?.filled(from: defaultSettings) ?? defaultSettings
  }

  /// The variables that a request has, in the canary or outside of it.
  public func variables(inCanary: Bool) -> NamedValues<String> {
    guard inCanary, let canary else { return variables }
    var result = variables
    result.merge(canary.variableOverrides)
    return result
  }
}

/// What is wrong with a stage or a domain: the way to it in the words of the control plane, and a sentence.
public struct StageFault: Error, Hashable, Sendable, CustomStringConvertible {
  /// For example `variables/host`.
  public let path: String
  public let reason: String

  public var description: String { path.isEmpty ? reason : "\(path): \(reason)" }
}

extension StageDefinition {
  /// Everything that is wrong, for an API of that definition (same guide, "Amazon API Gateway quotas": stage variables).
  public func faults(for definition: APIDefinition) -> [StageFault] {
    var faults: [StageFault] = []
    let isDefault = name == "$default" && definition.kind == .http
    if !isDefault && (name.isEmpty || name.utf8.count > 128 || !name.utf8.allSatisfy(StageDefinition.isNameByte)) {
      faults.append(StageFault(path: "name", reason: "a stage's name has 1 to 128 letters, digits, _ and -"))
    }
    faults += StageDefinition.faults(of: variables, at: "variables")
    if let canary {
      if !(0...100).contains(canary.percentTraffic) {
        faults.append(StageFault(path: "canary/percentTraffic", reason: "a share of traffic is 0 to 100 percent"))
      }
      faults += StageDefinition.faults(of: canary.variableOverrides, at: "canary/variables")
    }
    faults += StageDefinition.faults(of: defaultSettings, at: "settings")
    let operations = definition.operationNames
    for entry in methodSettings {
      let path = "methods/\(entry.name)"
      if !operations.contains(entry.name) {
        let near = NearMiss.nearest(to: entry.name, among: operations.sorted())
        let hint = near.map { "; did you mean \"\($0)\"?" } ?? ""
        faults.append(StageFault(path: path, reason: "the API has no such operation\(hint)"))
      }
      faults += StageDefinition.faults(of: entry.value, at: path)
    }
    return faults
  }

  private static func faults(of variables: NamedValues<String>, at path: String) -> [StageFault] {
    var faults: [StageFault] = []
    if variables.count > 100 { faults.append(StageFault(path: path, reason: "a stage has at most 100 variables")) }
    for entry in variables {
      if !MappingSource.isVariable(entry.name) || entry.name.utf8.count > 64 {
        faults.append(StageFault(path: "\(path)/\(entry.name)", reason: "a variable's name has 1 to 64 letters, digits and _"))
      }
      // Same guide, "Setting up stage variables": [A-Za-z0-9-._~:/?#&=,]+.
      if entry.value.utf8.count > 512 || !entry.value.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) {
        faults.append(StageFault(path: "\(path)/\(entry.name)", reason: "a variable's value has at most 512 visible ASCII characters"))
      }
    }
    return faults
  }

  private static func faults(of settings: MethodSettings, at path: String) -> [StageFault] {
    var faults: [StageFault] = []
    if let rate = settings.throttlingRate, !(rate >= 0 && rate.isFinite) {
      faults.append(StageFault(path: "\(path)/throttlingRate", reason: "a rate is a number of requests a second, from 0 on"))
    }
    if let burst = settings.throttlingBurst, burst < 0 {
      faults.append(StageFault(path: "\(path)/throttlingBurst", reason: "a burst is a number of requests, from 0 on"))
    }
    if let seconds = settings.cacheTTLSeconds, !(0...3600).contains(seconds) {
      faults.append(StageFault(path: "\(path)/cacheTtl", reason: "responses are kept for 0 to 3600 seconds"))
    }
    return faults
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    MappingSource.isVariable(String(UnicodeScalar(byte))) || byte == UInt8(ascii: "-")
  }
}

extension APIDefinition {
  /// Every operation as `GET /pets/{id}`, or a route's key.
  public var operationNames: Set<String> {
    var names: Set<String> = Set(routes.map(\.key.text))
    for resource in resources {
      for method in resource.methods { names.insert("\(method.method.text) \(resource.path)") }
    }
    return names
  }
}
