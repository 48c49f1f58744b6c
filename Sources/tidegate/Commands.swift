// The commands and their options, with the texts of `--help`.
import ArgumentParser
import Node

struct Tidegate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tidegate",
    abstract: "A self-hosted API gateway.",
    discussion: """
      Exit codes: 0 ok, 1 bad start or refused, 2 forced by a second signal, 3 requests were cut off when draining.
      Signals to a running node: TERM or INT drain (a second one forces), HUP reloads, USR1 reopens the logs.
      """,
    version: Version.text,
    subcommands: [
      Run.self, Serve.self, Validate.self, Reload.self, Healthcheck.self, Members.self, Leave.self, Keys.self, Purge.self,
      CacheCommand.self,
      OriginCommand.self, VersionCommand.self, Completions.self,
    ])
}

struct ConfigurationOption: ParsableArguments {
  @Option(name: [.customShort("c"), .customLong("config")], help: ArgumentHelp("The configuration file.", valueName: "file"))
  var file = "tidegate.yaml"
}

struct Run: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run a node.",
    discussion: """
      A small master process opens the sockets and keeps one serving process alive: should that one crash, the master starts it again \
      on the same sockets within a second and keeps a report in the node's data folder.
      """)
  @OptionGroup var options: ConfigurationOption

  func run() throws { throw ExitCode(Master.run(arguments: ["--config", options.file])) }
}

struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "The serving process; started by `run`.", shouldDisplay: false)
  @OptionGroup var options: ConfigurationOption

  func run() throws { throw ExitCode(Server.run(configuration: options.file)) }
}

struct Validate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check a configuration file, by the code that `run` and a reload use.",
    discussion: "Every fault is printed with its file, line and path. Exit code 0: it would be served.")
  @OptionGroup var options: ConfigurationOption
  @Flag(name: .shortAndLong, help: "Print nothing but faults.")
  var quiet = false

  func run() throws { throw ExitCode(NodeCommands.validate(configuration: options.file, quiet: quiet)) }
}

struct Reload: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Have a running node take its changed configuration file over.",
    discussion: "Asks the admin address that the file names. A bad file changes nothing and is said with its faults; exit code 1.")
  @OptionGroup var options: ConfigurationOption

  func run() throws { throw ExitCode(NodeCommands.reload(configuration: options.file)) }
}

struct Healthcheck: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Ask a running node whether it is ready: exit code 0 or 1, for a container's health check.")
  @OptionGroup var options: ConfigurationOption

  func run() throws { throw ExitCode(NodeCommands.healthcheck(configuration: options.file)) }
}

struct Members: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the nodes of the cluster as a running node sees them.",
    discussion: "Asks the admin address that the file names. States: alive, suspect, dead, left.")
  @OptionGroup var options: ConfigurationOption
  @Flag(help: "Print JSON.") var json = false

  func run() throws { throw ExitCode(NodeCommands.members(configuration: options.file, json: json)) }
}

struct Leave: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Have a running node say goodbye to its cluster.",
    discussion: "The node goes on serving, alone, until it is started again. To stop a node, send it TERM: it drains, then says goodbye.")
  @OptionGroup var options: ConfigurationOption

  func run() throws { throw ExitCode(NodeCommands.leave(configuration: options.file)) }
}

struct Purge: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Purge the response cache on all nodes, by way of a running one.",
    discussion: """
      Asks the admin address that the file names, which says which nodes have applied the purge, and which it still waits for: those that \
      live and were slow, and hear of it all the same. A node that is down applies it before it serves what it had. Exit code 0: purged.
      """)
  @OptionGroup var options: ConfigurationOption
  @Option(help: "This URL: http://host/path?query; // in place of http:// for both schemes.") var url: String?
  @Option(help: "All URLs that begin so.") var prefix: String?
  @Option(help: "All responses with this tag in Cache-Tag or Surrogate-Key.") var tag: String?
  @Flag(help: "Everything.") var all = false
  @Flag(help: "Mark stale instead of removing: it is validated before it is served again.") var soft = false
  @Option(help: ArgumentHelp("How long to wait for the other nodes, 5s at most.", valueName: "duration")) var wait: String?
  @Flag(help: "Print JSON.") var json = false

  private var wishes: [NodeCommands.PurgeWish] {
    [url.map { .url($0) }, prefix.map { .prefix($0) }, tag.map { .tag($0) }, all ? .all : nil].compactMap { $0 }
  }

  func validate() throws {
    if wishes.count != 1 { throw ValidationError("say what to purge: one of --url, --prefix, --tag and --all") }
  }

  func run() throws {
    throw ExitCode(NodeCommands.purge(configuration: options.file, wishes[0], soft: soft, wait: wait, json: json))
  }
}

struct CacheCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cache", abstract: "Look into the response cache of a running node.", subcommands: [InspectCache.self])
}

struct InspectCache: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Print what is stored for a URL, without bodies, and which node owns it.",
    discussion: """
      Asks the admin address that the file names. Each node shows its own entries; the owner is the first in rank. Fields that a route's \
      `key.headers` names are taken to be missing.
      """)
  @OptionGroup var options: ConfigurationOption
  @Argument(help: "http://host/path?query") var url: String
  @Flag(help: "Print JSON.") var json = false

  func run() throws { throw ExitCode(NodeCommands.inspectCache(configuration: options.file, url: url, json: json)) }
}

struct Keys: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make a cluster key, or list the ids of those in use.",
    discussion: """
      To change keys while all goes on: add the new one behind the old in every node's file, then put it first in every file, then take \
      the old one out of every file; `tidegate reload` after each step.
      """,
    subcommands: [ListKeys.self, GenerateKey.self])
}

struct ListKeys: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "list", abstract: "Print the ids of a running node's keys; the first seals.")
  @OptionGroup var options: ConfigurationOption
  @Flag(help: "Print JSON.") var json = false

  func run() throws { throw ExitCode(NodeCommands.keys(configuration: options.file, json: json)) }
}

struct GenerateKey: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "generate", abstract: "Print a new key for `cluster.keys`.")

  func run() throws { throw ExitCode(NodeCommands.generateKey()) }
}

struct OriginCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "origin", abstract: "Run a small HTTP origin to try things with.",
    discussion: """
      Paths: /get, /anything, /status/{code}, /delay/{seconds}, /bytes/{n}, /stream/{n}, /cache/{seconds}, /headers, /health, and a \
      WebSocket echo at /ws. Every response says in X-Origin which origin it came from.
      """)
  @Option(name: .shortAndLong, help: ArgumentHelp("Where to listen.", valueName: "address"))
  var listen = "127.0.0.1:9001"
  @Flag(name: .shortAndLong, help: "Do not print the address.")
  var quiet = false

  func run() throws { throw ExitCode(OriginServer.run(listen: listen, quiet: quiet)) }
}

struct VersionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "version", abstract: "Print the version.")

  func run() { print(Version.text) }
}

struct Completions: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print a completion script for your shell.",
    discussion: "For example: tidegate completions bash > /etc/bash_completion.d/tidegate")
  @Argument(help: "bash, zsh or fish.")
  var shell: String

  func run() throws {
    guard let kind = CompletionShell(rawValue: shell) else { throw ValidationError("unknown shell `\(shell)`; bash, zsh or fish") }
    print(Tidegate.completionScript(for: kind))
  }
}
