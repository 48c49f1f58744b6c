// Owns: whether a label of a domain name is one that IDNA 2008 lets through (RFC 5890 to 5892), and Punycode (RFC 3492). Rules for text
// that runs from right to left (RFC 5893) and the normal form are not checked.

/// One label of a domain name.
struct DomainLabel {
  /// Bytes of a label on the wire (RFC 1034 §3.1).
  static let bytesMax = 63

  /// Labels of a name, at the dots that IDNA takes for such (RFC 3490 §3.1, which users still type).
  static func labels(_ text: String) -> [[Unicode.Scalar]] {
    text.unicodeScalars.split(omittingEmptySubsequences: false) { [".", "\u{3002}", "\u{FF0E}", "\u{FF61}"].contains($0) }.map(Array.init)
  }

  /// Whether a label in ASCII is a letter-digit-hyphen label, and what it stands for allowed where it is an A-label (RFC 5890 §2.3.1).
  static func isASCIILabel(_ label: [Unicode.Scalar]) -> Bool {
    guard !label.isEmpty, label.count <= bytesMax, label.first != "-", label.last != "-", label.allSatisfy(isLetterDigitHyphen) else {
      return false
    }
    // Other labels with hyphens there are reserved (RFC 5890 §2.3.1), yet hosts bear such names.
    guard label.count >= 4, label[2] == "-", label[3] == "-" else { return true }
    guard label[0] == "x" || label[0] == "X", label[1] == "n" || label[1] == "N" else { return true }
    guard let decoded = Punycode.decoded(label.dropFirst(4)), decoded.contains(where: { !$0.isASCII }) else { return false }
    return isUnicodeLabel(decoded)
  }

  /// Whether a label is allowed (RFC 5891 §4.2.3), and not too long when it is encoded.
  static func isUnicodeLabel(_ label: [Unicode.Scalar]) -> Bool {
    if label.allSatisfy(\.isASCII) { return isASCIILabel(label) }
    guard let first = label.first, first != "-", label.last != "-", label.count <= bytesMax else { return false }
    if label.count >= 4, label[2] == "-", label[3] == "-" { return false }
    if [.nonspacingMark, .spacingMark, .enclosingMark].contains(first.properties.generalCategory) { return false }
    for place in label.indices where !isAllowed(label, at: place) { return false }
    return Punycode.encodedCount(label).map { $0 + 4 <= bytesMax } ?? false
  }

  private static func isLetterDigitHyphen(_ scalar: Unicode.Scalar) -> Bool {
    guard let byte = UInt8(exactly: scalar.value) else { return false }
    return FormatScanner.isLetter(byte) || FormatScanner.isDigit(byte) || byte == UInt8(ascii: "-")
  }

  /// RFC 5892 §2.6 (exceptions), §3 (derived property) and appendix A (rules that look at neighbours).
  private static func isAllowed(_ label: [Unicode.Scalar], at place: Int) -> Bool {
    let scalar = label[place]
    let before = place > 0 ? label[place - 1] : nil
    let after = place + 1 < label.count ? label[place + 1] : nil
    switch scalar.value {
    case 0..<0x80: return isLetterDigitHyphen(scalar)
    case 0xDF, 0x3C2, 0x6FD, 0x6FE, 0xF0B, 0x3007: return true
    case 0x640, 0x7FA, 0x302E, 0x302F, 0x3031...0x3035, 0x303B, 0x1100...0x11FF, 0xA960...0xA97F, 0xD7B0...0xD7FF: return false
    case 0xB7: return before == "l" && after == "l"
    case 0x375: return after.map { isIn(greek, $0) } ?? false
    case 0x5F3, 0x5F4: return before.map { isIn(hebrew, $0) } ?? false
    case 0x30FB: return label.contains { isIn(japanese, $0) }
    case 0x660...0x669: return !label.contains { (0x6F0...0x6F9).contains($0.value) }
    case 0x6F0...0x6F9: return !label.contains { (0x660...0x669).contains($0.value) }
    case 0x200C:
      if before?.properties.canonicalCombiningClass == .virama { return true }
      return (before.map { isIn(joining, $0) } ?? false) && (after.map { isIn(joining, $0) } ?? false)
    case 0x200D: return before?.properties.canonicalCombiningClass == .virama
    default: break
    }
    switch scalar.properties.generalCategory {
    case .lowercaseLetter, .otherLetter, .modifierLetter, .nonspacingMark, .spacingMark, .decimalNumber: return true
    default: return false
    }
  }

  private static func isIn(_ ranges: [ClosedRange<UInt32>], _ scalar: Unicode.Scalar) -> Bool {
    ranges.contains { $0.contains(scalar.value) }
  }

  private static let greek: [ClosedRange<UInt32>] = [0x370...0x3FF, 0x1F00...0x1FFF]
  private static let hebrew: [ClosedRange<UInt32>] = [0x591...0x5F4, 0xFB1D...0xFB4F]
  /// Hiragana, Katakana without the dot itself, Han.
  private static let japanese: [ClosedRange<UInt32>] = [
    0x2E80...0x2FD5, 0x3005...0x3005, 0x3007...0x3007, 0x3021...0x3029, 0x3038...0x303B, 0x3041...0x3096, 0x309D...0x309F,
    0x30A1...0x30FA, 0x30FD...0x30FF, 0x31F0...0x31FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAD9, 0xFF66...0xFF9D,
    0x20000...0x323AF,
  ]
  /// Scripts whose letters join: Arabic, Syriac, N'Ko, Mandaic.
  private static let joining: [ClosedRange<UInt32>] = [
    0x620...0x6D3, 0x710...0x74F, 0x750...0x77F, 0x7CA...0x7EA, 0x840...0x85F, 0x8A0...0x8C7,
  ]
}

/// RFC 3492 with IDNA's parameters (§5).
enum Punycode {
  private static let base: UInt32 = 36
  private static let thresholdMin: UInt32 = 1
  private static let thresholdMax: UInt32 = 26

  /// §6.1.
  private static func adapted(_ delta: UInt32, _ count: UInt32, isFirst: Bool) -> UInt32 {
    var delta = isFirst ? delta / 700 : delta / 2
    delta += delta / count
    var bias: UInt32 = 0
    while delta > (base - thresholdMin) * thresholdMax / 2 {
      delta /= base - thresholdMin
      bias += base
    }
    return bias + (base - thresholdMin + 1) * delta / (delta + 38)
  }

  private static func threshold(_ place: UInt32, _ bias: UInt32) -> UInt32 {
    place <= bias ? thresholdMin : min(place - bias, thresholdMax)
  }

  /// §6.2, with every sum checked; nil: it is not Punycode.
  static func decoded(_ text: ArraySlice<Unicode.Scalar>) -> [Unicode.Scalar]? {
    guard text.count <= DomainLabel.bytesMax else { return nil }
    var output: [UInt32] = []
    var rest = text
    if let delimiter = text.lastIndex(of: "-") {
      output = text[..<delimiter].map(\.value)
      rest = text[(delimiter + 1)...]
    }
    if rest.isEmpty { return nil }
    var code: UInt32 = 128
    var position: UInt32 = 0
    var bias: UInt32 = 72
    while !rest.isEmpty {
      let start = position
      var weight: UInt32 = 1
      var place = base
      while true {
        guard let scalar = rest.popFirst(), let digit = digit(scalar) else { return nil }
        let (step, overflow) = digit.multipliedReportingOverflow(by: weight)
        let (sum, carried) = position.addingReportingOverflow(step)
        if overflow || carried { return nil }
        position = sum
        let threshold = threshold(place, bias)
        if digit < threshold { break }
        let (next, tooLarge) = weight.multipliedReportingOverflow(by: base - threshold)
        if tooLarge { return nil }
        weight = next
        place += base
      }
      let count = UInt32(output.count) + 1
      bias = adapted(position - start, count, isFirst: start == 0)
      let (sum, carried) = code.addingReportingOverflow(position / count)
      guard !carried, Unicode.Scalar(sum) != nil else { return nil }
      code = sum
      position %= count
      output.insert(code, at: Int(position))
      position += 1
    }
    let scalars = output.compactMap { Unicode.Scalar($0) }
    return scalars.count == output.count ? scalars : nil
  }

  /// How many characters §6.3 makes of a label; nil where that is more than any label has.
  static func encodedCount(_ label: [Unicode.Scalar]) -> Int? {
    let plain = label.count { $0.isASCII }
    var count = plain > 0 ? plain + 1 : 0
    var handled = UInt32(plain)
    var code: UInt32 = 128
    var delta: UInt32 = 0
    var bias: UInt32 = 72
    while handled < label.count {
      guard count <= DomainLabel.bytesMax, let next = label.map(\.value).filter({ $0 >= code }).min() else { return nil }
      delta += (next - code) * (handled + 1)
      code = next
      for scalar in label {
        if scalar.value < code { delta += 1 }
        guard scalar.value == code else { continue }
        var rest = delta
        var place = base
        while true {
          let threshold = threshold(place, bias)
          count += 1
          if rest < threshold { break }
          rest = (rest - threshold) / (base - threshold)
          place += base
        }
        bias = adapted(delta, handled + 1, isFirst: handled == plain)
        delta = 0
        handled += 1
      }
      delta += 1
      code += 1
    }
    return count
  }

  private static func digit(_ scalar: Unicode.Scalar) -> UInt32? {
    switch scalar {
    case "a"..."z": scalar.value - 0x61
    case "A"..."Z": scalar.value - 0x41
    case "0"..."9": scalar.value - 0x30 + 26
    default: nil
    }
  }
}
