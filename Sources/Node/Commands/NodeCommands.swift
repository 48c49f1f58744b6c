// Owns what the commands do besides running a node: checking a configuration, and asking a running node. Each returns an exit code and
// prints what a person needs; parsing the command line is the executable's business.
import Foundation
import Runtime

public enum NodeCommands {
  /// Checks a configuration as `run` and a reload do.
  ///
  /// - Returns: 0 when it would be served, 1 when not; every fault is printed.
  public static func validate(configuration path: String, quiet: Bool) -> Int32 {
    guard let (configuration, warnings) = load(path) else { return 1 }
    do throws(CompileFault) {
      _ = try SnapshotCompiler().compile(configuration)
    } catch {
      complain("\(path): \(error.description)")
      return 1
    }
    if !quiet {
      for warning in warnings { complain("warning: \(warning)") }
      let routes = configuration.apis.reduce(0) { $0 + $1.routes.count }
      print(
        "\(path): good; \(count(configuration.listeners.count, "listener")), \(count(configuration.upstreams.count, "upstream")), "
          + "\(count(configuration.apis.count, "API")), \(count(routes, "route"))")
    }
    return 0
  }

  /// Has a running node read its file again and waits for its word.
  public static func reload(configuration path: String) -> Int32 {
    guard let (configuration, _) = load(path) else {
      complain("not reloaded: the running node keeps its configuration")
      return 1
    }
    return ask(configuration) { client throws(AdminClient.Failure) in
      try client.post("/reload")
    } said: { answer in
      if answer.status == 200 {
        print("reloaded: \(answer.body)")
        return 0
      }
      complain("refused (\(answer.status)): \(answer.body)")
      return 1
    }
  }

  /// Whether a running node is ready; for a container's health check.
  public static func healthcheck(configuration path: String) -> Int32 {
    guard let (configuration, _) = load(path) else { return 1 }
    return ask(configuration) { client throws(AdminClient.Failure) in
      try client.get("/readyz")
    } said: { answer in
      print(answer.body)
      return answer.status == 200 ? 0 : 1
    }
  }

  /// Prints the cluster as a running node sees it.
  public static func members(configuration path: String, json: Bool) -> Int32 { show("/members", path, json) }

  /// Prints the ids of a running node's cluster keys.
  public static func keys(configuration path: String, json: Bool) -> Int32 { show("/keys", path, json) }

  /// A new cluster key for `cluster.keys`.
  public static func generateKey() -> Int32 {
    var random = SystemRandomNumberGenerator()
    print(Data((0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }).base64EncodedString())
    return 0
  }

  /// Has a running node say goodbye to its cluster.
  public static func leave(configuration path: String) -> Int32 {
    guard let (configuration, _) = load(path) else { return 1 }
    return ask(configuration) { client throws(AdminClient.Failure) in
      try client.post("/leave")
    } said: { answer in
      if answer.status == 200 {
        print("the node has left the cluster and serves alone until it is started again")
        return 0
      }
      complain("refused (\(answer.status)): \(answer.body)")
      return 1
    }
  }

  /// What `tidegate purge` is asked for.
  public enum PurgeWish: Sendable {
    case url(String)
    case prefix(String)
    case tag(String)
    case all
  }

  /// Has a running node purge the cache of all nodes, and prints who has done so.
  /// - Parameter wait: for how long the node waits for the others, such as `2s`; nil for its usual time.
  public static func purge(configuration path: String, _ wish: PurgeWish, soft: Bool, wait: String?, json: Bool) -> Int32 {
    guard let (configuration, _) = load(path) else { return 1 }
    let what: JSONMember
    switch wish {
    case .url(let url): what = JSONMember("url", .string(url))
    case .prefix(let prefix): what = JSONMember("prefix", .string(prefix))
    case .tag(let tag): what = JSONMember("tag", .string(tag))
    case .all: what = JSONMember("all", true)
    }
    let letters = CharacterSet.alphanumerics
    let query = wait.map { "?wait=" + ($0.addingPercentEncoding(withAllowedCharacters: letters) ?? "") } ?? ""
    return ask(configuration) { client throws(AdminClient.Failure) in
      try client.post("/purge" + query, json: JSONValue.object([what, JSONMember("soft", .bool(soft))]).text())
    } said: { answer in
      guard answer.status == 200, let said = try? JSONValue.parse(answer.body) else {
        complain("refused (\(answer.status)): \(answer.body)")
        return 1
      }
      print(json ? answer.body : purged(said), terminator: json ? "" : "\n")
      return 0
    }
  }

  /// Prints which node owns a URL's key, and what a running node has stored under it.
  public static func inspectCache(configuration path: String, url: String, json: Bool) -> Int32 {
    guard let (configuration, _) = load(path) else { return 1 }
    let wanted = url.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
    return ask(configuration) { client throws(AdminClient.Failure) in
      try client.get("/cache?format=\(json ? "json" : "text")&url=" + wanted)
    } said: { answer in
      guard answer.status == 200 else {
        complain("refused (\(answer.status)): \(answer.body)")
        return 1
      }
      print(answer.body, terminator: "")
      return 0
    }
  }

  private static func purged(_ said: JSONValue) -> String {
    func names(_ list: String) -> String { (said[list]?.arrayValue ?? []).compactMap(\.stringValue).joined(separator: ", ") }
    let awaited = names("awaited")
    return "purged on \(names("applied"))" + (awaited.isEmpty ? "" : "; on its way to \(awaited)") + " (\(said["id"]?.stringValue ?? ""))"
  }

  private static func show(_ page: String, _ path: String, _ json: Bool) -> Int32 {
    guard let (configuration, _) = load(path) else { return 1 }
    return ask(configuration) { client throws(AdminClient.Failure) in
      try client.get(page + (json ? "?format=json" : "?format=text"))
    } said: { answer in
      print(answer.body, terminator: "")
      return answer.status == 200 ? 0 : 1
    }
  }

  private static func ask(
    _ configuration: Configuration, _ question: (AdminClient) throws(AdminClient.Failure) -> AdminClient.Answer,
    said: (AdminClient.Answer) -> Int32
  ) -> Int32 {
    do throws(AdminClient.Failure) {
      return said(try question(AdminClient(configuration)))
    } catch {
      complain(error.description)
      return 1
    }
  }

  private static func load(_ path: String) -> (Configuration, [ConfigurationFault])? {
    let result = Configuration.load(path: path, checkRouteKeys: SnapshotCompiler.checkRouteKeys)
    for fault in result.faults { complain(fault.description) }
    return result.configuration.map { ($0, result.warnings) }
  }

  private static func complain(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }
  private static func count(_ n: Int, _ what: String) -> String { "\(n) \(what)\(n == 1 ? "" : "s")" }
}
