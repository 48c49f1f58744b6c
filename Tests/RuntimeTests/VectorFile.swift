// Reads the data under Tests/Vectors without Foundation.
import Glibc

/// The bytes of a file under `Tests/Vectors`.
func vectorFile(_ path: String, from test: StaticString = #filePath) -> [UInt8] {
  let folder = "\(test)".split(separator: "/", omittingEmptySubsequences: false).dropLast(2).joined(separator: "/")
  let name = folder + "/Vectors/" + path
  guard let file = fopen(name, "r") else { fatalError("cannot open \(name): errno \(errno)") }
  defer { fclose(file) }
  var bytes: [UInt8] = []
  var part = [UInt8](repeating: 0, count: 65_536)
  while true {
    let count = fread(&part, 1, part.count, file)
    if count == 0 { return bytes }
    bytes.append(contentsOf: part[..<count])
  }
}
