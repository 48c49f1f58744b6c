// Owns the reading of the shared vectors of AWS (vectors/aws), which lie beside the repository or in the folder that TIDEGATE_VECTORS
// names; where they are absent their tests are skipped.

import Foundation
import Runtime
import Testing

enum AWSVectors {
  static let folder: URL = {
    let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../..")
    let folder =
      ProcessInfo.processInfo.environment["TIDEGATE_VECTORS"].map { URL(fileURLWithPath: $0) }
      ?? repository.appendingPathComponent("../shared/vectors")
    return folder.appendingPathComponent("aws").standardizedFileURL
  }()

  static let arePresent = FileManager.default.fileExists(atPath: folder.path)

  static func file(_ name: String) throws -> JSONValue {
    try JSONValue.parse(Array(Data(contentsOf: folder.appendingPathComponent(name + ".json"))))
  }

  static func cases(_ name: String) throws -> [JSONValue] { try #require(file(name)["cases"]?.arrayValue) }
}

extension JSONValue {
  var id: String { self["id"]?.stringValue ?? "?" }

  var bytes: ArraySlice<UInt8>? { stringValue.map { Array($0.utf8)[...] } }

  /// The bytes that `bodyText` or `bodyBase64` stands for.
  var body: ArraySlice<UInt8>? {
    if let text = self["bodyText"]?.bytes { return text }
    return self["bodyBase64"]?.stringValue.flatMap { Data(base64Encoded: $0) }.map { Array($0)[...] }
  }

  /// A member whose name differs only in case.
  func header(_ name: String) -> ArraySlice<UInt8>? {
    objectValue?.first { $0.name.lowercased() == name }?.value.bytes
  }

  /// Pairs of an object of texts.
  var texts: [(String, String)] { (objectValue ?? []).map { ($0.name, $0.value.stringValue ?? $0.value.text()) } }
}
