// Owns the changes that an HTTP API's mapping makes to a request or response, as values, and their effect on a list of header fields or
// query parameters.

public enum MessageChange: Hashable, Sendable {
  /// Adds a value to those that the header has.
  case appendHeader(MessageField)
  case overwriteHeader(MessageField)
  case removeHeader(ArraySlice<UInt8>)
  /// Of a request; name and value are decoded.
  case appendQuery(MessageField)
  case overwriteQuery(MessageField)
  case removeQuery(ArraySlice<UInt8>)
  /// The path of the request to the backend, beginning with "/", ready for the request line.
  case overwritePath([UInt8])
  /// The status of a response, 100 to 599.
  case overwriteStatus(Int)
}

extension [MessageChange] {
  /// Header fields behind the changes; an overwritten one stands where the first of its name stood.
  public func headers(_ fields: [MessageField]) -> [MessageField] {
    var fields = fields
    for change in self {
      switch change {
      case .appendHeader(let field): fields.append(field)
      case .overwriteHeader(let field): fields.overwrite(field) { $0.isNamed(field.name) }
      case .removeHeader(let name): fields.removeAll { $0.isNamed(name) }
      case .appendQuery, .overwriteQuery, .removeQuery, .overwritePath, .overwriteStatus: break
      }
    }
    return fields
  }

  /// Query parameters behind the changes.
  public func query(_ parameters: [MessageField]) -> [MessageField] {
    var parameters = parameters
    for change in self {
      switch change {
      case .appendQuery(let parameter): parameters.append(parameter)
      case .overwriteQuery(let parameter): parameters.overwrite(parameter) { $0.name == parameter.name }
      case .removeQuery(let name): parameters.removeAll { $0.name == name }
      case .appendHeader, .overwriteHeader, .removeHeader, .overwritePath, .overwriteStatus: break
      }
    }
    return parameters
  }
}

extension [MessageField] {
  fileprivate mutating func overwrite(_ field: MessageField, where isOld: (MessageField) -> Bool) {
    guard let first = firstIndex(where: isOld) else {
      append(field)
      return
    }
    self[first] = field
    let rest = self[(first + 1)...].filter { !isOld($0) }
    replaceSubrange((first + 1)..., with: rest)
  }
}
