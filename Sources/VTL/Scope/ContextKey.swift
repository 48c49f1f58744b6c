// Owns: the names of `$context`, resolved when a template is compiled (API Gateway developer guide, "Variables for data transformations").

/// A variable of `$context` that is a value by itself, by its whole name.
public enum ContextKey: String, CaseIterable, Sendable {
  // Names that share a bucket of the map come in the order of this list, which is the recorded one for `path` and `accountId`, and for
  // `domainName` and `deploymentId`.
  case path
  case accountId
  case apiId
  /// A map: `principalId`, `claims` and what the authorizer adds.
  case authorizer
  case awsEndpointRequestId
  case connectedAt
  case connectionId
  case domainName
  case deploymentId
  case domainPrefix
  case errorMessage = "error.message"
  case errorMessageString = "error.messageString"
  case errorResponseType = "error.responseType"
  case errorValidationErrorString = "error.validationErrorString"
  case eventType
  case extendedRequestId
  case httpMethod
  case identityAccessKey = "identity.accessKey"
  case identityAccountId = "identity.accountId"
  case identityApiKey = "identity.apiKey"
  case identityApiKeyId = "identity.apiKeyId"
  case identityCaller = "identity.caller"
  /// A map: `clientCertPem`, `subjectDN`, `issuerDN`, `serialNumber`, `validity`.
  case identityClientCert = "identity.clientCert"
  case identityCognitoAuthenticationProvider = "identity.cognitoAuthenticationProvider"
  case identityCognitoAuthenticationType = "identity.cognitoAuthenticationType"
  case identityCognitoIdentityId = "identity.cognitoIdentityId"
  case identityCognitoIdentityPoolId = "identity.cognitoIdentityPoolId"
  case identityPrincipalOrgId = "identity.principalOrgId"
  case identitySourceIp = "identity.sourceIp"
  case identityUser = "identity.user"
  case identityUserAgent = "identity.userAgent"
  case identityUserArn = "identity.userArn"
  case identityVpcId = "identity.vpcId"
  case identityVpceId = "identity.vpceId"
  case isCanaryRequest
  case messageId
  case protocolVersion = "protocol"
  case requestId
  case requestTime
  case requestTimeEpoch
  case resourceId
  case resourcePath
  case routeKey
  case stage
  case wafResponseCode
  case webaclArn

  /// Names without a dot: what `$context.keySet()` can hold.
  static let roots: [ContextKey] = allCases.filter { !$0.rawValue.contains(".") }

  init?(root name: ArraySlice<UInt8>) { self.init(rawValue: String(decoding: name, as: UTF8.self)) }

  init?(_ name: ArraySlice<UInt8>, in group: ContextGroup) {
    self.init(rawValue: group.rawValue + "." + String(decoding: name, as: UTF8.self))
  }

  /// The last part of the name.
  var lastName: ArraySlice<UInt8> {
    let bytes = Array(rawValue.utf8)
    guard let dot = bytes.lastIndex(of: UInt8(ascii: ".")) else { return bytes[...] }
    return bytes[(dot + 1)...]
  }
}

/// A map of `$context` whose members are variables of their own.
enum ContextGroup: String, CaseIterable, Sendable {
  case identity, error

  init?(_ name: ArraySlice<UInt8>) { self.init(rawValue: String(decoding: name, as: UTF8.self)) }

  private static let identityKeys = ContextKey.allCases.filter { $0.rawValue.hasPrefix("identity.") }
  private static let errorKeys = ContextKey.allCases.filter { $0.rawValue.hasPrefix("error.") }

  var keys: [ContextKey] {
    switch self {
    case .identity: Self.identityKeys
    case .error: Self.errorKeys
    }
  }
}
