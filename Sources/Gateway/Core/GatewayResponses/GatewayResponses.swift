// Owns a REST API's answers to errors, compiled: for each type the status, the header fields and the template, with what a type that is
// not declared takes from DEFAULT_4XX and DEFAULT_5XX (API Gateway developer guide, "Gateway responses for REST APIs in API Gateway").

/// One declared gateway response.
public struct GatewayResponseDefinition: Equatable, Sendable {
  public var type: GatewayResponseType
  /// Nil for the type's own.
  public var status: Int?
  /// `gatewayresponse.header.NAME` and its source.
  public var parameters: [(target: String, source: String)]
  /// By media type; none for `{"message":$context.error.messageString}` as application/json.
  public var templates: [(mediaType: String, text: String)]

  public init(
    _ type: GatewayResponseType, status: Int? = nil, parameters: [(target: String, source: String)] = [],
    templates: [(mediaType: String, text: String)] = []
  ) {
    self.type = type
    self.status = status
    self.parameters = parameters
    self.templates = templates
  }

  public static func == (left: Self, right: Self) -> Bool {
    left.type == right.type && left.status == right.status && left.parameters.elementsEqual(right.parameters) { $0 == $1 }
      && left.templates.elementsEqual(right.templates) { $0 == $1 }
  }
}

/// A response to an error. Framing, Date and the request's identifiers (`AnswerFields`) are added by who sends it.
public struct GatewayAnswer: Equatable, Sendable {
  public var status: Int
  public var fields: [MessageField]
  public var body: [UInt8]
}

/// The gateway responses of an API.
public struct GatewayResponses: Sendable {
  private struct Response: Sendable {
    /// The definition's; nil where it is silent.
    var status: Int?
    let parameters: ParameterMap
    let choice: TemplateTable
    let templates: [(mediaType: String, template: SubstitutionTemplate)]
  }

  /// By `GatewayResponseType.allCases`' order.
  private let responses: [Response]

  private static let standard = [(mediaType: "application/json", text: #"{"message":$context.error.messageString}"#)]
  /// Denials by policies and authorizers, where nothing is declared for them (as clients of the service report).
  private static let denial = [(mediaType: "application/json", text: #"{"Message":$context.error.messageString}"#)]

  /// Compiles the declared responses.
  ///
  /// - Throws: every fault of every response at once; a fault's key begins with the type.
  public init(_ declared: [GatewayResponseDefinition], limits: MappingLimits = MappingLimits()) throws(MappingFaults) {
    var compiled: [GatewayResponseType: Response] = [:]
    var faults: [MappingFault] = []
    for response in declared {
      if compiled[response.type] != nil { faults.append(MappingFault(key: response.type.rawValue, message: "it is declared twice")) }
      if let status = response.status, status < 100 || status > 599 {
        faults.append(MappingFault(key: response.type.rawValue, message: "\(status) is no status; write a number from 100 to 599"))
      }
      do throws(MappingFaults) { compiled[response.type] = try GatewayResponses.compile(response, limits) } catch {
        faults += error.faults.map { MappingFault(key: "\(response.type.rawValue) \($0.key)", message: $0.message) }
      }
    }
    if !faults.isEmpty { throw MappingFaults(faults: faults) }
    let plain = try GatewayResponses.compile(GatewayResponseDefinition(.default5XX), limits)
    let denied = try GatewayResponses.compile(GatewayResponseDefinition(.accessDenied, templates: GatewayResponses.denial), limits)
    responses = GatewayResponseType.allCases.map { type in
      if !type.isCustomizable { return plain }
      let fallback = compiled[type.isClientFault ? .default4XX : .default5XX]
      var response = compiled[type] ?? fallback ?? (type == .accessDenied ? denied : plain)
      // A fallback's status goes for every type of its class that has none of its own in the definition.
      response.status = compiled[type]?.status ?? fallback?.status
      return response
    }
  }

  private static func compile(_ response: GatewayResponseDefinition, _ limits: MappingLimits) throws(MappingFaults) -> Response {
    let templates = response.templates.isEmpty ? standard : response.templates
    for template in templates {
      let text = Array(template.mediaType.utf8)[...]
      if MediaType(header: text).type == nil || !FieldText.isSafe(text) {
        throw MappingFaults(faults: [MappingFault(key: template.mediaType, message: "a template stands under a media type")])
      }
    }
    return Response(
      status: response.status,
      parameters: try ParameterMap(response.parameters, .gatewayResponse, selectors: NoSelectors(), limits: limits),
      // An empty template is a template here: it makes an empty body.
      choice: TemplateTable(templates.map { ($0.mediaType, "text") }),
      templates: templates.map { ($0.mediaType, SubstitutionTemplate($0.text)) })
  }

  /// The answer to an error.
  ///
  /// - Parameters:
  ///   - error: what went wrong.
  ///   - accept: the request's Accept header, by which the template is chosen.
  ///   - scope: the request.
  public func answer(_ error: GatewayError, accept: ArraySlice<UInt8>?, _ scope: some MappingScope) -> GatewayAnswer {
    let response = responses[GatewayResponses.index(error.type)]
    let scope = ErrorScope(base: scope, error: error)
    let status = response.status ?? error.status ?? error.type.status ?? (error.type.isClientFault ? 400 : 500)
    var fields = [MessageField("x-amzn-ErrorType", error.type.errorType)]
    var body: [UInt8] = []
    if case .template(let index) = response.choice.choice(accept: accept) {
      fields.append(MessageField("Content-Type", response.templates[index].mediaType))
      body = response.templates[index].template.render(scope)
    }
    // A mapping that fails on the way to an error leaves the error as it is.
    if let mapped = try? response.parameters.apply(scope) {
      let changes: [MessageChange] = mapped.headers.map { .overwriteHeader($0) }
      fields = changes.headers(fields)
    }
    return GatewayAnswer(status: status, fields: fields, body: body)
  }

  private static let indices = Dictionary(uniqueKeysWithValues: GatewayResponseType.allCases.enumerated().map { ($1, $0) })

  private static func index(_ type: GatewayResponseType) -> Int { indices[type, default: 0] }
}

/// Gateway responses have no body to select from.
private struct NoSelectors: BodySelectorCompiler {
  func compile(_ paths: [String]) throws(BodyPathFault) -> any BodySelector {
    throw BodyPathFault(path: 0, message: "a gateway response cannot take values from a body")
  }
}
