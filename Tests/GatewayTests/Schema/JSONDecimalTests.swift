// Numbers by value: equality, order and division without rounding.

import Runtime
import Testing

@testable import Gateway

@Suite struct JSONDecimalTests {
  /// Each row is one value, written in several ways; rows ascend.
  static let ascending: [[String]] = [
    ["-1e400"],
    ["-12345678901234567890123", "-1.2345678901234567890123e22"],
    ["-12345678901234567890122"],
    ["-10", "-1e1", "-10.0"],
    ["-9.99999999999999999999"],
    ["-1", "-1.0", "-10e-1"],
    ["-1e-400"],
    ["0", "-0", "0.0", "0e5", "-0.000e-9", "0E+999999999999999999999"],
    ["1e-999999999999999999999"],
    ["1e-400"],
    ["0.1", "1e-1", "0.100", "10E-2"],
    ["1", "1.0", "1e0", "0.1e1"],
    ["1.0000000000000000000000001"],
    ["9007199254740992", "9007199254740992.0"],
    ["9007199254740993", "9.007199254740993e15"],
    ["9999999999999999999"],
    ["10000000000000000000", "1e19"],
    ["10000000000000000001"],
    ["18446744073709551616"],
    ["99999999999999999999"],
    ["1e20", "100000000000000000000.000"],
    ["1e400", "10e399"],
    ["1e999999999999999999999"],
  ]

  @Test func valuesAreOrdered() {
    for (row, texts) in Self.ascending.enumerated() {
      for (other, others) in Self.ascending.enumerated() {
        for text in texts {
          for second in others {
            let order = JSONDecimal(text).compared(to: JSONDecimal(second))
            #expect(order.signum() == (row - other).signum(), "\(text) and \(second)")
            #expect((JSONDecimal(text) == JSONDecimal(second)) == (row == other), "\(text) and \(second)")
            if row == other { #expect(JSONDecimal(text).hashValue == JSONDecimal(second).hashValue, "\(text) and \(second)") }
          }
        }
      }
    }
  }

  static let quotients: [(number: String, divisor: String, isMultiple: Bool)] = [
    ("0", "3", true), ("6", "3", true), ("7", "3", false), ("-6", "3", true), ("0.3", "0.1", true), ("0.35", "0.1", false),
    ("19.99", "0.01", true), ("1e308", "0.5", true), ("1e308", "0.123456789", false), ("1e308", "7", false), ("49e100", "7", true),
    ("12345678901234567890123456789", "3", true), ("12345678901234567890123456788", "3", false), ("0.0075", "0.0001", true),
    ("0.00751", "0.0001", false), ("1e-400", "1e-401", true), ("1e-401", "1e-400", false),
    ("9999999999999999999", "9999999999999999999", true),
    ("99999999999999999990", "9999999999999999999", true), ("1e999999999999999999", "3", false), ("3e999999999999999999", "3", true),
    ("1", "1e-999999999999999999", true), ("4.5", "1.5", true), ("35", "1.5", false), ("8", "16", false), ("1000000007", "1e9", false),
  ]

  @Test(arguments: quotients.indices)
  func divisionIsExact(_ row: Int) {
    let (number, divisor, isMultiple) = Self.quotients[row]
    #expect(JSONDecimal(number).isMultiple(of: JSONDecimal(divisor)) == isMultiple)
  }

  @Test func decimalsAgreeWithIntegers() {
    var random = SeededRandom(seed: 7)
    for _ in 0..<20_000 {
      let shift = Int.random(in: 0...3, using: &random)
      let left = Int.random(in: -5000...5000, using: &random)
      let right = Int.random(in: 1...5000, using: &random)
      let zeros = String(repeating: "0", count: shift)
      let decimal = JSONDecimal("\(left)\(zeros)e-\(shift)")
      let other = JSONDecimal("\(right)e0")
      #expect(decimal == JSONDecimal("\(left)"))
      #expect(decimal.compared(to: other).signum() == (left - right).signum())
      #expect(decimal.isMultiple(of: other) == (left % right == 0), "\(left) by \(right)")
    }
  }

  static let sizes: [(text: String, value: Int?)] = [
    ("0", 0), ("2.0", 2), ("12e2", 1200), ("1e18", 1_000_000_000_000_000_000), ("1e19", nil), ("9223372036854775807", Int.max),
    ("9223372036854775808", nil), ("1e999", nil), ("123456789012345678901", nil),
  ]

  @Test(arguments: sizes.indices)
  func sizesFitOrDoNot(_ row: Int) {
    #expect(JSONDecimal(Self.sizes[row].text).intValue == Self.sizes[row].value)
  }
}
