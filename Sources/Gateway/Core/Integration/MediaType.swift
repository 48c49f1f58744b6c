// Owns the reading of a Content-Type or Accept header for the choices that AWS makes by it: of the first media type alone, without its
// parameters. Weights and further types are never looked at.

/// The first media type that a header names.
public struct MediaType: Sendable {
  /// `type/subtype` without parameters and blanks.
  public let essence: ArraySlice<UInt8>
  /// Where the slash stands in `essence`.
  private let slash: Int?

  /// - Parameter header: the header's value, as received; what is no media type matches nothing.
  public init(header: ArraySlice<UInt8>) {
    let end = header.firstIndex { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: ";") } ?? header.endIndex
    let essence = ASCII.trimmed(header[header.startIndex..<end])
    self.essence = essence
    let slash = essence.firstIndex(of: UInt8(ascii: "/"))
    self.slash = slash.flatMap { essence[($0 + 1)...].contains(UInt8(ascii: "/")) ? nil : $0 }
  }

  /// The half before the slash.
  var type: ArraySlice<UInt8>? { slash.map { essence[..<$0] } }
}

/// An API's list of media types whose bodies are bytes and not text (API Gateway developer guide, "Binary media types for REST APIs").
public struct BinaryMediaTypes: Sendable {
  private let exact: ByteTable<Bool>
  /// Of `image/*`, the half before the slash.
  private let types: ByteTable<Bool>
  /// Whether `*/*` is listed, which makes every body binary.
  public let coversAll: Bool

  /// - Parameter list: as the definition has it. An asterisk before the slash means something only in `*/*`; parameters are left out.
  public init(_ list: [String]) {
    let essences = list.map { MediaType(header: Array($0.utf8)[...]) }
    coversAll = essences.contains { $0.essence.elementsEqual("*/*".utf8) }
    let named = essences.filter { $0.type.map { !$0.elementsEqual("*".utf8) } ?? false }
    exact = ByteTable(named.map { (String(decoding: $0.essence, as: UTF8.self), true) })
    types = ByteTable(
      named.filter { $0.essence.last == UInt8(ascii: "*") && $0.essence.dropLast().last == UInt8(ascii: "/") }
        .map { (String(decoding: $0.type ?? [], as: UTF8.self), true) })
  }

  public var isEmpty: Bool { exact.isEmpty && !coversAll }

  /// Whether a body is binary.
  ///
  /// - Parameter header: the Content-Type or Accept header; nil if there is none.
  public func contains(_ header: ArraySlice<UInt8>?) -> Bool {
    if coversAll { return true }
    guard let header else { return false }
    let media = MediaType(header: header)
    guard let type = media.type else { return false }
    return exact[media.essence] != nil || types[type] != nil
  }
}
