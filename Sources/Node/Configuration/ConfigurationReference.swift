// Owns docs/reference/configuration.md, made from ConfigurationTable so that it cannot drift.

/// The written reference of the configuration.
public enum ConfigurationReference {
  /// The text of docs/reference/configuration.md.
  public static func markdown() -> String {
    var text = preface
    for table in tables() {
      text += "\n## \(table.name)\n\n\(table.doc)\n"
      guard !table.keys.isEmpty else { continue }
      text += "\n| key | value | default | meaning |\n|---|---|---|---|\n"
      for key in table.keys {
        text += "| `\(key.name)` | \(isRefused(key) ? "" : cell(form(key.shape))) | \(cell(fallback(key))) | \(cell(meaning(key))) |\n"
      }
    }
    return text
  }

  private static let preface = """
    # Configuration

    <!-- Made from Sources/Node/Configuration/ConfigurationTable*.swift: a test of NodeTests compares it, and writes it anew when
    TIDEGATE_WRITE_REFERENCE is set. -->

    One YAML file configures one node: `tidegate run --config FILE`. `tidegate validate --config FILE` checks it as a start or a
    reload does and prints every fault at once, with line, column, place and reason. Editors read
    [configuration.schema.json](configuration.schema.json).

    - **Durations** have a unit: `500us`, `500ms`, `2s`, `1m`, `1h`, `1d`. A plain `0` needs none.
    - **Sizes** are bytes, or have a unit of 1000 (`KB`, `MB`, `GB`, `TB`) or of 1024 (`KiB`, `MiB`, `GiB`, `TiB`).
    - **Addresses** are `host:port`; an IPv6 address stands in brackets, `[::1]:8080`.
    - **Paths** of files are relative to the folder of the configuration file.
    - **Environment variables**: `${NAME}` in a value is replaced by the variable, which must be set; `${NAME:-text}` takes `text` when
      it is unset or empty; `$$` is a dollar sign. Keys are never replaced, and a variable cannot add structure.
    - **Unknown and repeated keys** are faults. Anchors and aliases work for whole values; tags and merge keys (`<<`) do not.
    - A file has at most 4 MiB, 64 levels and 200,000 values after its aliases are expanded.

    """

  /// Every section once, in the order in which a reader meets it.
  static func tables() -> [SectionTable] {
    var found: [SectionTable] = []
    func visit(_ shape: Shape) {
      switch shape {
      case .section(let table), .either(_, let table):
        guard !found.contains(where: { $0.name == table.name }) else { return }
        found.append(table)
        for key in table.keys where !isRefused(key) { visit(key.shape) }
      case .list(let item, _), .map(_, let item): visit(item)
      case .text, .choice, .integer, .number, .flag, .duration, .size: break
      }
    }
    visit(.section(ConfigurationTable.root))
    return found
  }

  /// GitHub's anchor of a heading.
  static func anchor(_ heading: String) -> String {
    String(
      heading.lowercased().compactMap { character -> Character? in
        if character == " " { return "-" }
        return character.isLetter || character.isNumber || character == "-" || character == "_" ? character : nil
      })
  }

  static func isRefused(_ key: KeyEntry) -> Bool { if case .refused = key.status { true } else { false } }

  private static func form(_ shape: Shape) -> String {
    switch shape {
    case .text(let form): form.title
    case .choice(let words, _): words.map { "`\($0)`" }.joined(separator: ", ")
    case .integer(let range): "whole number, \(range.lowerBound) to \(range.upperBound)"
    case .number(let range): "number, \(Quantities.written(range.lowerBound)) to \(Quantities.written(range.upperBound))"
    case .flag: "`true`, `false`"
    case .duration(let zero): zero.map { "duration; 0: \($0)" } ?? "duration"
    case .size(let zero): zero.map { "size; 0: \($0)" } ?? "size"
    case .list(let item, let atLeast): "list of: \(form(item))\(atLeast > 0 ? " (at least \(atLeast))" : "")"
    case .map(let keys, let item): "mapping from \(keys.title) to \(form(item))"
    case .section(let table): "[\(table.name)](#\(anchor(table.name)))"
    case .either(let short, let table): "\(form(short)), or [\(table.name)](#\(anchor(table.name)))"
    }
  }

  private static func fallback(_ key: KeyEntry) -> String {
    if key.required { return "required" }
    guard let fallback = key.fallback else { return "none" }
    if case .section = key.shape { return "its defaults" }
    return "`\(fallback)`"
  }

  private static func meaning(_ key: KeyEntry) -> String {
    switch key.status {
    case .inEffect: key.doc + (key.secret ? " Secret: never shown." : "")
    case .notYet: "*Not in effect yet.* " + key.doc + (key.secret ? " Secret: never shown." : "")
    case .refused: "*Not in this build: refused.* " + key.doc
    }
  }

  private static func cell(_ text: String) -> String { text.replacing("|", with: "\\|") }
}

extension TextForm {
  /// What the form is called in the reference.
  var title: String {
    switch self {
    case .any, .nonEmpty: "text"
    case .name: "name"
    case .path: "path"
    case .accessLog: "path or `off`"
    case .certificate: "path of a PEM file with a certificate"
    case .privateKey: "path of a PEM file with a private key"
    case .ticketKey: "path of a file of 80 bytes"
    case .listenAddress: "IP address and port"
    case .peerAddress: "`host:port`"
    case .seed: "`host:port` or `dns:name:port`"
    case .endpoint: "`host:port` or `srv:_service._tcp.name`"
    case .network: "network, such as `10.0.0.0/8`"
    case .hostPattern: "`host`, `*.host` or `*`"
    case .hostName: "host name"
    case .authority: "host, or `host:port`"
    case .urlPath: "URL path"
    case .fieldName: "field name"
    case .fieldValue: "field value"
    case .retryCondition: "condition"
    case .status: "status or class"
    case .routeKey: "route key"
    case .base64Key: "base64 of 32 bytes"
    }
  }
}
