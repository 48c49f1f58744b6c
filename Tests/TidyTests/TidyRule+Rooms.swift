// Owns: which room may know which (docs/architecture.md draws the same arrows), and which rooms there are.

/// The plan: rooms by name, and what each may import besides itself.
enum House {
  /// Every room may use these modules of the toolchain.
  static let toolchain: Set<String> = ["Glibc", "Swift", "Synchronization"]

  /// Rooms that hold code, each with the rooms, system libraries and packages that it may import. Arrows point down only.
  static let rooms: [String: Set<String>] = [
    "Runtime": ["CEpoll"],
    "Proxy": ["Runtime", "CEpoll", "CVector", "COpenSSL", "CNghttp2", "CCares"],
    "Cache": ["Runtime", "CEpoll", "CRocksDB", "CDiskLog", "CLZ4"],
    "VTL": ["Runtime", "CPCRE2"],
    "Gossip": ["Runtime", "CEpoll", "CDatagram", "COpenSSL", "CLZ4"],
    "Gateway": ["Runtime", "Proxy", "Cache", "VTL", "CPCRE2", "CZlib", "CBrotli", "JWTKit"],
    "Node": [
      "Runtime", "Proxy", "Cache", "VTL", "Gateway", "Gossip", "CEpoll", "COpenSSL", "CRocksDB", "CLZ4", "Yams", "CYaml",
      "Foundation", "Dispatch",
    ],
    "tidegate": ["Node", "ArgumentParser", "Foundation"],
  ]

  /// What a pure heart may import: nothing that reaches a socket, a file or a clock by design.
  static let heartless: Set<String> = ["CEpoll", "CDatagram", "COpenSSL", "CNghttp2", "CCares", "CRocksDB", "CDiskLog", "Foundation"]

  /// Targets of ours in another language, for what a library's C interface lacks.
  static let bridges: Set<String> = ["CDiskLog"]

  static func isSystemLibrary(_ room: String) -> Bool {
    let name = Array(room.utf8)
    return name.count > 1 && name[0] == UInt8(ascii: "C") && (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(name[1])
  }

  /// What the files of a target may import, or nil for a folder that is no room.
  static func imports(of file: TidyFile) -> Set<String>? {
    if file.isSource { return rooms[file.room].map { $0.union(toolchain) } }
    if file.room == "Fuzz" { return Set(rooms.keys).union(toolchain) }
    if file.room == "SimulationKit" { return Set(["Runtime", "Gossip"]).union(toolchain) }
    if file.room == "Simulate" {
      return Set(["Runtime", "Gossip", "Cache", "Gateway", "SimulationKit", "CEpoll", "ArgumentParser"]).union(toolchain)
    }
    if file.room == "DiskWriter" { return Set(["Runtime", "Cache", "Dispatch"]).union(toolchain) }
    if file.room == "TidyTests" { return ["Testing", "Foundation"] }
    guard file.room.hasSuffix("Tests"), let below = rooms[String(file.room.dropLast(5))] else { return nil }
    let simulation: Set<String> = file.room == "GossipTests" ? ["SimulationKit"] : []
    return below.union(toolchain).union(simulation).union(["Testing", "Foundation", String(file.room.dropLast(5))])
  }
}

extension TidyRule {
  static let rooms: [TidyRule] = [
    TidyRule(
      name: "room",
      instead: "Move the file into a room that docs/architecture.md knows, or add the room there and to TidyRule+Rooms.swift."
    ) { file in
      guard file.isSource || file.isTest else { return [] }
      let known = House.imports(of: file) != nil
      return known ? [] : [TidyFault(line: 0, found: "'\(file.room)' is no room that holds Swift")]
    },
    TidyRule(
      name: "arrow",
      instead: "Arrows point down only: move the code to the room that may know both, or let the lower room declare a protocol."
    ) { file in
      guard let allowed = House.imports(of: file) else { return [] }
      return imports(file).filter { !allowed.contains($0.module) }.map {
        TidyFault(line: $0.line, found: "\(file.room) imports \($0.module)")
      }
    },
    TidyRule(
      name: "heart-import",
      instead: "Hand the heart bytes and values, and let the driver beside it call the library."
    ) { file in
      guard file.isHeart else { return [] }
      return imports(file).filter { House.heartless.contains($0.module) }.map {
        TidyFault(line: $0.line, found: "a heart imports \($0.module)")
      }
    },
    TidyRule(
      name: "module-name",
      instead: "Name the type after what it is; a type that bears its module's name hides the module from everybody who imports it."
    ) { file in
      guard file.isSource else { return [] }
      return declarations(file).filter { $0.name == file.room }.map {
        TidyFault(line: $0.line, found: "\($0.keyword) \($0.name) in module \(file.room)")
      }
    },
  ]

  /// The modules that a file imports, with their lines.
  private static func imports(_ file: TidyFile) -> [(line: Int, module: String)] {
    let kinds: Set<String> = ["struct", "class", "enum", "protocol", "typealias", "func", "var", "let"]
    return file.source.lines.enumerated().compactMap { index, line in
      let words = line.words.map(\.text)
      guard let at = words.firstIndex(of: "import"), at + 1 < words.count else { return nil }
      let attributes: Set<String> = ["testable", "preconcurrency", "public", "package", "internal", "private", "fileprivate", "_exported"]
      guard words[..<at].allSatisfy(attributes.contains) else { return nil }
      let module = kinds.contains(words[at + 1]) && at + 2 < words.count ? words[at + 2] : words[at + 1]
      return (index + 1, module)
    }
  }

  private static func declarations(_ file: TidyFile) -> [(line: Int, keyword: String, name: String)] {
    let keywords: Set<String> = ["struct", "class", "enum", "actor", "protocol", "typealias"]
    return file.source.lines.enumerated().flatMap { index, line in
      zip(line.words, line.words.dropFirst()).filter { keywords.contains($0.0.text) }.map { (index + 1, $0.text, $1.text) }
    }
  }
}
