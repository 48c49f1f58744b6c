// Owns the way from the bytes of a definition file, YAML or JSON, to the document that Gateway imports. What the document means is
// Gateway's; which files there are is the configuration's.
import Gateway
import Runtime

/// Why a file holds no document, and where.
public struct DefinitionFileFault: Error, Equatable, Sendable, CustomStringConvertible {
  public let file: String
  /// Nil when the fault concerns the file as a whole.
  public let position: DocumentPosition?
  public let reason: String

  public var description: String { file + (position.map { ":\($0.line):\($0.column)" } ?? "") + ": " + reason }
}

public enum DefinitionFile {
  /// YAML's own bounds: aliases count as what they stand for, so that a short file cannot ask for a large tree.
  static let limits = YAMLLimits(bytesMax: DefinitionDocument.bytesMax, depthMax: 128, nodesMax: 1 << 19)

  /// Reads a document. A text that begins with a brace is JSON, unless its name says YAML; all else is YAML.
  ///
  /// - Parameter file: the file as the operator named it, for messages.
  /// - Throws: the first fault of the text.
  public static func document(_ bytes: [UInt8], file: String) throws(DefinitionFileFault) -> DefinitionDocument {
    guard bytes.count <= DefinitionDocument.bytesMax else {
      let reason = "has \(bytes.count) bytes; a definition has at most \(DefinitionDocument.bytesMax)"
      throw DefinitionFileFault(file: file, position: nil, reason: reason)
    }
    // RFC 8259 section 8.1 lets a reader ignore a byte order mark.
    let bytes = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
    let first = bytes.first { $0 != 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D }
    let isNamedYAML = file.hasSuffix(".yaml") || file.hasSuffix(".yml")
    guard file.hasSuffix(".json") || (first == UInt8(ascii: "{") && !isNamedYAML) else { return try yaml(bytes, file) }
    do throws(JSONError) {
      return try DefinitionDocument(file: file, json: bytes)
    } catch {
      let position = DocumentPosition(line: error.line, column: error.column)
      throw DefinitionFileFault(file: file, position: position, reason: "is not JSON: \(error.reason)")
    }
  }

  private static func yaml(_ bytes: [UInt8], _ file: String) throws(DefinitionFileFault) -> DefinitionDocument {
    do throws(YAMLFault) {
      guard let root = try YAMLTree.compose(bytes, limits: limits) else {
        throw YAMLFault(mark: .none, reason: "holds no document")
      }
      let value = try YAMLValue.json(root)
      return DefinitionDocument(file: file, root: value) { YAMLValue.positions(of: $0, in: root) }
    } catch {
      let position = error.mark == .none ? nil : DocumentPosition(line: error.mark.line, column: error.mark.column)
      throw DefinitionFileFault(file: file, position: position, reason: error.reason)
    }
  }
}
