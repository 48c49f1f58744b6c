// Owns: reading what `POST /purge` asks for. Pure. What comes of it is CacheViews' to show.
import Cache
import Proxy
import Runtime

/// A purge that an operator asks for.
struct PurgeQuestion {
  struct Refusal: Error, Equatable {
    let reason: String
  }

  /// How long to wait for the nodes that live, nanoseconds.
  static let usualPatience: UInt64 = 250_000_000
  static let patienceMax: UInt64 = 5_000_000_000

  let purge: Purge
  let patience: UInt64

  /// - Throws: why it is none, as a sentence.
  init(_ request: LocalRequest, now: WallTime) throws(Refusal) {
    patience = try PurgeQuestion.patience(request.query)
    guard let body = try? JSONValue.parse(request.body), let members = body.objectValue else {
      throw Refusal(reason: "The body is not a JSON object, such as {\"tag\":\"news\"}.")
    }
    let kinds = ["url", "prefix", "tag", "all"]
    if let name = body.duplicateName { throw Refusal(reason: "`\(Shown.text(name))` is there twice.") }
    if let stranger = members.first(where: { !kinds.contains($0.name) && $0.name != "soft" }) {
      throw Refusal(reason: "`\(Shown.text(stranger.name))` is unknown; /purge knows url, prefix, tag, all and soft.")
    }
    let chosen = members.filter { kinds.contains($0.name) }
    guard chosen.count == 1, let what = chosen.first else { throw Refusal(reason: "One of url, prefix, tag and all is needed.") }
    let soft = body["soft"].map { $0.boolValue }
    if case .some(nil) = soft { throw Refusal(reason: "`soft` is true or false.") }
    purge = try PurgeQuestion.purge(what, isSoft: (soft ?? nil) ?? false, stamp: Int64(clamping: now.nanoseconds / 1_000_000))
  }

  private static func purge(_ what: JSONMember, isSoft: Bool, stamp: Int64) throws(Refusal) -> Purge {
    if what.name == "all" {
      guard what.value.boolValue == true else { throw Refusal(reason: "`all` is true.") }
      return .all(isSoft: isSoft, stamp: stamp)
    }
    guard let text = what.value.stringValue else { throw Refusal(reason: "`\(what.name)` is a text.") }
    do throws(PurgeRefusal) {
      switch what.name {
      case "url": return try .url(Array(text.utf8), isSoft: isSoft, stamp: stamp)
      case "prefix": return try .prefix(Array(text.utf8), isSoft: isSoft, stamp: stamp)
      case _: return try .tag(Array(text.utf8), isSoft: isSoft, stamp: stamp)
      }
    } catch { throw Refusal(reason: "`\(what.name)` \(error.reason).") }
  }

  private static func patience(_ query: String) throws(Refusal) -> UInt64 {
    guard let text = AdminPath.value(of: "wait", in: query) else { return usualPatience }
    do throws(Quantities.Refusal) {
      let wait = try Quantities.duration(text).wholeNanoseconds
      guard wait <= patienceMax else { throw Quantities.Refusal("5s is the most") }
      return wait
    } catch { throw Refusal(reason: "`wait`: \(error.reason).") }
  }
}
