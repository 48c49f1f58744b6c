// Owns: the names of all methods that templates can call, resolved when a template is compiled. A name that is not here, or that a value's
// class lacks, gives no value, as Velocity's introspection has it.

enum Method: String, Sendable {
  // $input
  case json, path, params
  // $util
  case escapeJavaScript, parseJson, urlEncode, urlDecode, base64Encode, base64Decode
  // java.lang.Object
  case equals, hashCode, toString
  // java.lang.String
  case charAt, codePointAt, compareTo, compareToIgnoreCase, concat, contains, contentEquals, endsWith, equalsIgnoreCase, format, indexOf
  case intern, isBlank, isEmpty, join, lastIndexOf, length, matches, repeated = "repeat", replace, replaceAll, replaceFirst, split
  case startsWith, strip, stripLeading, stripTrailing, subSequence, substring, toCharArray, toLowerCase, toUpperCase, trim, valueOf
  // java.util.List, java.util.Set
  case add, addAll, clear, containsAll, count, get, remove, removeAll, retainAll, reverse, set, size, subList, toArray, iterator
  // java.util.Map
  case containsKey, containsValue, entrySet, getOrDefault, keySet, put, putAll, putIfAbsent, values
  // java.util.Map.Entry
  case getKey, getValue
  // java.lang.Number, java.lang.Boolean
  case abs, booleanValue, byteValue, doubleValue, floatValue, intValue, longValue, shortValue
  case max, min, parseBoolean, parseDouble, parseFloat, parseInt, parseLong, sum
  case ceil, floor, round
  // $foreach
  case getCount, getFirst, getIndex, getLast, getParent, hasNext, isFirst, isLast, stop

  init?(_ name: ArraySlice<UInt8>) { self.init(rawValue: String(decoding: name, as: UTF8.self)) }
}

/// A method's call on its way: its arguments worked out.
struct Arguments {
  let values: [Value]
  let call: Call

  var count: Int { values.count }
  var offset: Int { call.offset }

  subscript(index: Int) -> Value { index < values.count ? values[index] : .null }

  func fault(_ reason: String) -> RenderFault {
    RenderFault(.method, at: call.offset, "\(String(decoding: call.name, as: UTF8.self)): \(reason)")
  }
}
