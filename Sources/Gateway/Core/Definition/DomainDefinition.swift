// Owns custom domains: their names and the mappings of their paths to stages of APIs, with the checks of these. Which mapping a request
// takes is compiled elsewhere; certificates belong to listeners.
import Runtime

/// A domain that an operator gives to APIs (API Gateway developer guide, "Setting up custom domain names").
public struct DomainDefinition: Hashable, Sendable {
  /// What stands behind a path of the domain.
  public struct Mapping: Hashable, Sendable {
    /// Path parts without slashes at the ends; empty for the domain as a whole.
    public var path: String
    public var api: String
    /// Nil where the next part of the path names the stage.
    public var stage: String?

    public init(path: String, api: String, stage: String?) {
      self.path = path
      self.api = api
      self.stage = stage
    }
  }

  /// A host, whose first label may be `*`.
  public var name: String
  public var mappings: [Mapping] = []
  public var tags: NamedValues<String> = [:]

  public init(name: String) { self.name = name }

  /// Everything that is wrong with the domain by itself.
  public func faults() -> [StageFault] {
    var faults: [StageFault] = []
    if let reason = DomainDefinition.nameFault(name) { faults.append(StageFault(path: "name", reason: reason)) }
    var paths: Set<String> = []
    for (index, mapping) in mappings.enumerated() {
      let path = "mappings/\(index)"
      if !paths.insert(mapping.path).inserted {
        faults.append(StageFault(path: path, reason: "another mapping has the path \"\(Shown.text(mapping.path))\""))
      }
      if let reason = DomainDefinition.pathFault(mapping.path) { faults.append(StageFault(path: path, reason: reason)) }
      if mapping.api.isEmpty { faults.append(StageFault(path: path, reason: "a mapping names its API")) }
    }
    return faults
  }

  /// RFC 1123 section 2.1; a star stands for one label, the first (same guide, "Wildcard custom domain names").
  private static func nameFault(_ name: String) -> String? {
    let labels = name.split(separator: ".", omittingEmptySubsequences: false)
    if name.utf8.count > 253 || labels.count < 2 { return "a domain has two labels or more, and at most 253 characters" }
    for (index, label) in labels.enumerated() {
      if label == "*", index == 0 { continue }
      if label.contains("*") { return "a star stands for the whole first label" }
      let isLabel = !label.isEmpty && label.utf8.count <= 63 && label.utf8.allSatisfy { isLabelByte($0) }
      if !isLabel || label.hasPrefix("-") || label.hasSuffix("-") {
        return "\"\(Shown.text(String(label)))\" is no label of a domain; it has letters, digits and -"
      }
    }
    return nil
  }

  private static func isLabelByte(_ byte: UInt8) -> Bool {
    MappingSource.isVariable(String(UnicodeScalar(byte))) && byte != UInt8(ascii: "_") || byte == UInt8(ascii: "-")
  }

  /// Same guide, "Working with API mappings for REST APIs": at most 300 of `A-Za-z0-9$-_.+!*'()/`.
  private static func pathFault(_ path: String) -> String? {
    let isClean = path.utf8.count <= 300 && path.utf8.allSatisfy { isLabelByte($0) || "$_.+!*'()/".utf8.contains($0) }
    if !isClean { return "a mapping's path has at most 300 letters, digits and $-_.+!*'()/" }
    if path.hasPrefix("/") || path.hasSuffix("/") || path.contains("//") {
      return "a mapping's path has no slash at its ends, and none twice"
    }
    return nil
  }
}
