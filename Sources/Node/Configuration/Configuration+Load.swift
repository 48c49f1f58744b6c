// Owns the way from a file to a Configuration: read, parse, check, apply the rules, build.
import Foundation

extension Configuration {
  /// Longest configuration file, in bytes.
  public static let fileBytesMax = 4 << 20

  /// Loads a configuration file. `tidegate run`, `tidegate validate` and a reload all come through here.
  ///
  /// - Parameters:
  ///   - path: the file; paths inside it are relative to its folder.
  ///   - environment: what `${NAME}` refers to.
  ///   - checkRouteKeys: judges the route keys of an API; the composition root passes the route compiler's own check.
  /// - Returns: the configuration, or every fault.
  public static func load(
    path: String, environment: [String: String] = ProcessInfo.processInfo.environment,
    checkRouteKeys: @escaping RouteKeyCheck = Configuration.basicRouteKeyCheck
  ) -> ConfigurationResult {
    switch NamedFile.read(path, bytesMax: fileBytesMax) {
    case .success(let bytes):
      return load(bytes: bytes, file: path, environment: environment, checkFiles: true, checkRouteKeys: checkRouteKeys)
    case .failure(let refusal):
      return failed([.init(file: path, line: 0, column: 0, path: "", reason: refusal.reason, suggestion: nil)], [])
    }
  }

  /// Loads a configuration from a text.
  ///
  /// - Parameters:
  ///   - file: the name in messages, and the file whose folder paths are relative to.
  ///   - checkFiles: whether certificates and keys are looked at.
  public static func load(
    text: String, file: String, environment: [String: String] = [:], checkFiles: Bool = true,
    checkRouteKeys: @escaping RouteKeyCheck = Configuration.basicRouteKeyCheck
  ) -> ConfigurationResult {
    load(bytes: Array(text.utf8), file: file, environment: environment, checkFiles: checkFiles, checkRouteKeys: checkRouteKeys)
  }

  /// Loads a configuration from bytes that may be anything; never traps.
  public static func load(
    bytes: [UInt8], file: String, environment: [String: String] = [:], checkFiles: Bool = true,
    checkRouteKeys: @escaping RouteKeyCheck = Configuration.basicRouteKeyCheck
  ) -> ConfigurationResult {
    func failure(_ mark: YAMLMark, _ reason: String) -> ConfigurationResult {
      failed([.init(file: file, line: mark.line, column: mark.column, path: "", reason: reason, suggestion: nil)], [])
    }
    let tree: YAMLNode?
    do throws(YAMLFault) {
      var limits = YAMLLimits()
      limits.bytesMax = fileBytesMax
      tree = try YAMLTree.compose(bytes, limits: limits)
    } catch { return failure(error.mark, error.reason) }
    guard let tree else { return failure(.none, "is empty; at least `listeners` must stand in it") }

    var checker = ConfigurationChecker(file: file, environment: environment, checkFiles: checkFiles)
    let checked = checker.check(tree, .section(ConfigurationTable.root), at: "")
    if let root = checked.section { ConfigurationRules(root: root, checkRouteKeys: checkRouteKeys).apply(to: &checker) }
    guard checker.faults.isEmpty, let root = checked.section else { return failed(checker.faults, checker.warnings) }
    let builder = ConfigurationBuilder(file: file, processors: ProcessInfo.processInfo.activeProcessorCount)
    return ConfigurationResult(configuration: builder.configuration(root), faults: [], warnings: inOrder(checker.warnings))
  }

  /// The least that holds for any route key: `$default`, or a method and a path.
  public static func basicRouteKeyCheck(_ keys: [String]) -> [(index: Int, reason: String)] {
    ConfigurationRules.basicRouteKeyCheck(keys)
  }

  private static func failed(_ faults: [ConfigurationFault], _ warnings: [ConfigurationFault]) -> ConfigurationResult {
    ConfigurationResult(configuration: nil, faults: inOrder(faults), warnings: inOrder(warnings))
  }

  /// By place; faults of one place stay in the order of their discovery, and those of the whole file come last.
  private static func inOrder(_ faults: [ConfigurationFault]) -> [ConfigurationFault] {
    func place(_ index: Int) -> (Int, Int, Int) {
      (faults[index].line == 0 ? .max : faults[index].line, faults[index].column, index)
    }
    return faults.indices.sorted { place($0) < place($1) }.map { faults[$0] }
  }
}
