// Reads Tests/Vectors/config for the tests of the configuration.
import Glibc
import Node
import Testing

/// A document that must be refused, and the faults that a load must report.
struct ConfigurationFaultCase: Sendable, CustomTestStringConvertible {
  struct Expected: Sendable, Equatable {
    let place: String
    let path: String
    let text: String
  }

  let name: String
  var document = ""
  var faults: [Expected] = []

  var testDescription: String { name }
}

enum ConfigurationVectors {
  static let environment = ["PORT": "9001", "EMPTY": "", "SECRET": "hunter2"]

  /// The repository's folder.
  static let root = String(#filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined())

  static let faultCases: [ConfigurationFaultCase] = {
    var cases: [ConfigurationFaultCase] = []
    for line in text("Tests/Vectors/config/faults.txt").split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("=== ") {
        cases.append(.init(name: String(line.dropFirst(4))))
      } else if line.hasPrefix(">>> ") {
        let parts = line.dropFirst(4).split(separator: "|", maxSplits: 2, omittingEmptySubsequences: false)
        precondition(parts.count == 3 && !cases.isEmpty, "a line of faults.txt has no three parts: \(line)")
        cases[cases.count - 1].faults.append(
          .init(place: trimmed(parts[0]), path: trimmed(parts[1]), text: trimmed(parts[2])))
      } else if !cases.isEmpty {
        cases[cases.count - 1].document += line + "\n"
      }
    }
    return cases
  }()

  static func good(_ name: String) -> String { text("Tests/Vectors/config/good/\(name).yaml") }

  /// Loads a document without looking at the files that it names.
  static func load(_ document: String, environment: [String: String] = environment) -> ConfigurationResult {
    Configuration.load(text: document, file: "tidegate.yaml", environment: environment, checkFiles: false)
  }

  /// A file of the repository; traps when it is missing, since no test can do without.
  static func text(_ path: String) -> String {
    guard let file = fopen(root + "/" + path, "r") else { preconditionFailure("\(root)/\(path) cannot be read") }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk[..<count] }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func trimmed(_ text: Substring) -> String {
    var text = text
    if text.first == " " { text = text.dropFirst() }
    if text.last == " " { text = text.dropLast() }
    return String(text)
  }
}
