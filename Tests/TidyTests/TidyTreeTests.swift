// Owns: holding the tidy rules over the tree, and the rules that concern folders and other files than Swift.
import Foundation
import Testing

/// The repository, found from this file's own place.
enum Tree {
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

  static func text(_ path: String) throws -> String {
    try String(contentsOfFile: root + "/" + path, encoding: .utf8)
  }

  static func names(_ folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: root + "/" + folder).filter { !$0.hasPrefix(".") }.sorted()
  }

  /// Paths below a folder with one of these extensions, in order. Hidden folders and what tools leave behind are passed over.
  static func paths(_ folder: String, _ extensions: Set<String>) throws -> [String] {
    try names(folder).flatMap { name -> [String] in
      let path = folder.isEmpty ? name : "\(folder)/\(name)"
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: root + "/" + path, isDirectory: &isFolder) else { return [] }
      if isFolder.boolValue { return ["var", "__pycache__"].contains(path) ? [] : try paths(path, extensions) }
      return extensions.contains(String(name.split(separator: ".").last ?? "")) ? [path] : []
    }
  }

  /// Every Swift file below Sources and Tests, read once.
  static let files: [TidyFile] = {
    let paths = (try? Tree.paths("Sources", ["swift"]) + Tree.paths("Tests", ["swift"])) ?? []
    return paths.compactMap { path in (try? text(path)).map { TidyFile(path: path, text: $0) } }
  }()
}

@Suite struct TidyTreeTests {
  @Test func theTreeIsFound() {
    let paths = Set(Tree.files.map(\.path))
    #expect(paths.contains("Tests/TidyTests/TidyTreeTests.swift"))
    let rooms = Set(Tree.files.filter(\.isSource).map(\.room))
    #expect(rooms.isSuperset(of: ["Runtime", "Proxy", "Gateway", "Node", "tidegate"]))
    let hearts = Tree.files.filter(\.isHeart)
    #expect(!hearts.isEmpty)
  }

  @Test(arguments: TidyRule.all) func theTreeKeepsTheRule(_ rule: TidyRule) {
    for file in Tree.files {
      for fault in rule.faults(in: file) {
        Issue.record("\(file.path):\(max(fault.line, 1)): \(fault.found) [\(rule.name)]. \(rule.instead)")
      }
    }
  }

  @Test func everyFolderOfSourcesIsARoom() throws {
    for name in try Tree.names("Sources") where House.rooms[name] == nil && !House.bridges.contains(name) {
      #expect(
        House.isSystemLibrary(name),
        "Sources/\(name) is no room. Put its files into a room that docs/architecture.md knows, or add the room there and here.")
      for file in try Tree.names("Sources/\(name)") {
        #expect(
          file == "module.modulemap" || file.hasSuffix(".h"),
          "Sources/\(name)/\(file): a system library holds a module map and inline shims only. Move the logic to the room that uses it.")
      }
    }
  }

  @Test func everyFolderOfTestsIsKnown() throws {
    let known = Set(
      House.rooms.keys.map { "\($0)Tests" } + ["TidyTests", "Integration", "Vectors", "Fuzz", "SimulationKit", "Simulate", "DiskWriter"])
    for name in try Tree.names("Tests") where name != "README.md" && name != "__pycache__" {
      #expect(known.contains(name), "Tests/\(name) mirrors no room. Name it <Room>Tests, or put its data into Tests/Vectors/<subject>.")
    }
  }

  @Test func noNoteForLaterStandsInScriptsAndPages() throws {
    // Put together here, so that this file does not hold the words it looks for.
    let markers = ["TO" + "DO", "FIX" + "ME", "X" + "XX"]
    for path in try Tree.paths("", ["md", "py", "sh", "yaml", "yml"]) {
      for (index, line) in try Tree.text(path).split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
        let found = SourceText.words(Array(line.utf8)).first { markers.contains($0.text) }
        #expect(found == nil, "\(path):\(index + 1): a note for later. Do it now, or open an issue.")
      }
    }
  }

  @Test func theFrameIsThere() throws {
    let page = try Tree.text("README.md")
    #expect(page.contains("make run") && page.contains("make test"), "README.md names the two commands. Put them back.")
    let build = try Tree.text(".ci/run")
    #expect(build.contains("\nmake test\n"), ".ci/run calls the README's test command and no other. Put commands into the Makefile.")
    #expect(FileManager.default.isExecutableFile(atPath: Tree.root + "/.ci/run"), ".ci/run has lost its run bit; chmod +x .ci/run")
  }
}
