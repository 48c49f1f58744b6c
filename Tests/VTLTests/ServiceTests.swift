import Runtime
import Testing

@testable import VTL

@Suite("The service's own objects")
struct ServiceTests {
  static let body = """
    {"name": "A \\"b\\" ü", "pets": [{"id": 1, "tag": "x/y"}, {"id": 2.50, "tag": null}], "on": true, "none": null, "empty": [],
     "big": 12345678901234567890,
     "nested": {"a": {"b": "c"}, "list": [1, [2]]}}
    """

  private var scope: StubScope {
    var scope = StubScope(body: Self.body)
    scope.path = [("id", "42"), ("both", "path")]
    scope.querystring = [("q", "1"), ("q", "2"), ("both", "query")]
    scope.header = [("X-Test", "yes"), ("both", "header")]
    scope.stageVariables = [("url", "example.com"), ("a-b", "hyphen")]
    scope.contextValues = [
      .requestId: .text("r-1"), .stage: .text("prod"), .identitySourceIp: .text("10.0.0.1"), .identityUserAgent: .text("curl"),
      .requestTimeEpoch: .integer(1_700_000_000_000), .isCanaryRequest: .bool(false),
      .authorizer: .members([
        (name: "principalId", value: .text("user")), (name: "claims", value: .members([(name: "sub", value: .text("s-1"))])),
      ]),
    ]
    return scope
  }

  @Test(
    "$input",
    arguments: [
      RenderCase("$input.path('$.pets').size() $input.path('$.pets[1].id') $input.path('$').on", "2 2.5 true"),
      RenderCase("$input.path('$.name')", "A \"b\" ü"),
      RenderCase("$input.json('$.name')", "\"A \\\"b\\\" ü\""),
      RenderCase("$input.json('$.pets')", "[{\"id\":1,\"tag\":\"x/y\"},{\"id\":2.5,\"tag\":null}]"),
      RenderCase("$input.path('$.pets')", "[{\"id\":1,\"tag\":\"x\\/y\"},{\"id\":2.5,\"tag\":null}]"),
      RenderCase("$input.path('$.pets[0]')", "{id=1, tag=x/y}"),
      RenderCase("$input.path('$.nested')", "{a={b=c}, list=[1,[2]]}"),
      RenderCase("[$input.path('$.none')] [$input.path('$.nothing')] [$input.path('$.pets').nothing]", "[] [] []"),
      RenderCase("$input.json('$.nothing') $input.json('$.none') $input.json('$.on') $input.json('$.pets[0].id')", "\"\" null true 1"),
      RenderCase("$input.path('$.empty') #if($input.path('$.empty') == '')n#{else}y#end", "[] y"),
      RenderCase(
        "$input.path('$.big') $input.path('nested.a.b') $input.path(\"$.pets[${input.path('$.empty').size()}].id\")",
        "12345678901234567890 c 1"),
      RenderCase("#set($r = $input.path('$'))#foreach($p in $r.pets)$p.id#if($foreach.hasNext),#end#end", "1,2.5"),
      RenderCase("#set($r = $input.path('$'))#foreach($k in $r.keySet())$k #end", "name pets on none empty big nested "),
      RenderCase(
        "#set($r = $input.path('$.nested'))#set($r.x = 1)$r.put('y', 'z')$r.a.put('c', 2)$input.path('$.nested')",
        "{a={b=c, c=2}, list=[1,[2]], x=1, y=z}"),
      RenderCase(
        "#set($l = $input.path('$.nested.list'))#set($x = $l.add('e'))$l $input.json('$.nested')",
        "[1,[2],\"e\"] {\"a\":{\"b\":\"c\"},\"list\":[1,[2],\"e\"]}"),
      RenderCase(
        "$input.params('id') $input.params('both') $input.params('q') $input.params('X-Test') [$input.params('no')]", "42 path 2 yes []"),
      RenderCase("$input.params().path.id $input.params().header.X-Test $input.params().querystring.get('q')", "42 yes 2"),
      RenderCase(
        "#foreach($t in $input.params().keySet())$t:#foreach($n in $input.params().get($t).keySet())$n #end#end",
        "path:id both querystring:q q both header:X-Test both "),
      RenderCase("[$input] [$util] [$input.nothing] [$util.urlEncode]", "[] [] [] []"),
    ])
  func input(_ item: RenderCase) throws {
    let result = try rendered(item.template, scope)
    #expect(result == item.expected)
  }

  @Test(
    "bodies that are no JSON documents",
    arguments: [
      ("", "{}|{}|{}"), ("a=b", "a=b|\"a=b\"|a=b"), ("true{", "true{|\"true{\"|true{"), ("\"q\"", "q|\"q\"|\"q\""), ("12", "12|12|12"),
      ("{a: 'b', c: [d e,], }", "{a=b, c=[\"d e\"]}|{\"a\":\"b\",\"c\":[\"d e\"]}|{a: 'b', c: [d e,], }"),
      ("{a: 200, b}: [c d]}", "{a=200, b}=[\"c d\"]}|{\"a\":200,\"b}\":[\"c d\"]}|{a: 200, b}: [c d]}"),
      ("{\"a\":1,\"a\":2}", "{a=2}|{\"a\":2}|{\"a\":1,\"a\":2}"),
    ])
  func oddBodies(_ body: String, _ expected: String) throws {
    #expect(try rendered("$input.path('$')|$input.json('$')|$input.body", StubScope(body: body)) == expected)
  }

  @Test(
    "a body that begins as JSON and is none ends the rendering, if it is asked for", arguments: ["{", "[1", "{\"a\" 1}", "{\"a\":}", "\"x"])
  func brokenBodies(_ body: String) throws {
    let error = try renderError("a\n  $input.path('$.a')", StubScope(body: body))
    #expect(error?.kind == .unprocessableBody)
    #expect(error?.line == 2 && error?.column == 9)
    #expect(try rendered("$input.body", StubScope(body: body)) == body)
  }

  @Test(
    "$util",
    arguments: [
      RenderCase("$util.escapeJavaScript(\"it's \"\"q\"\" a/b\")", "it\\'s \\\"q\\\" a\\/b"),
      RenderCase("$util.escapeJavaScript('é€😀')", "\\u00E9\\u20AC\\uD83D\\uDE00"),
      RenderCase("$util.urlEncode('a b&c=ü~*')$util.urlDecode('a+b%26%C3%BC')", "a+b%26c%3D%C3%BC%7E*a b&ü"),
      RenderCase("$util.base64Encode('hällo') $util.base64Decode('aMOkbGxv') $util.base64Encode('')", "aMOkbGxv hällo "),
      RenderCase("#set($j = $util.parseJson('{\"a\":{\"b\":[1,\"x\"]}}'))$j.a.b[1] $j", "x {a={b=[1,\"x\"]}}"),
      RenderCase("$util.parseJson('3')$util.parseJson('\"s\"')", "3s"),
      RenderCase("$util.toJson({})$util.nothing()", ""),
    ])
  func utilities(_ item: RenderCase) throws {
    let result = try rendered(item.template, scope)
    #expect(result == item.expected)
  }

  @Test(
    "$context and $stageVariables",
    arguments: [
      RenderCase(
        "$context.requestId $context['stage'] ${context.identity.sourceIp} $context.get('identity').userAgent", "r-1 prod 10.0.0.1 curl"),
      RenderCase("$context.requestTimeEpoch $context.isCanaryRequest [$context.accountId] [$context.nothing]", "1700000000000 false [] []"),
      RenderCase(
        "$context.authorizer.principalId $context.authorizer.claims.sub [$context.authorizer.claims] [$context.identity]",
        "user s-1 [] []"),
      RenderCase("#foreach($k in $context.identity.keySet())$k #end", "sourceIp userAgent "),
      RenderCase("#set($context.mine = 1)$context.mine $context.stage", "1 prod"),
      RenderCase(
        "$stageVariables.url ${stageVariables['url']} $stageVariables.a-b [$stageVariables.no]", "example.com example.com hyphen []"),
      RenderCase("#foreach($k in $stageVariables.keySet())$k=$stageVariables.get($k) #end", "url=example.com a-b=hyphen "),
    ])
  func context(_ item: RenderCase) throws {
    let result = try rendered(item.template, scope)
    #expect(result == item.expected)
  }

  /// The order was recorded from the live service.
  @Test("the keys of $context come as from a Java HashMap")
  func contextOrder() throws {
    var scope = StubScope()
    for key in ContextKey.roots where ![.authorizer, .awsEndpointRequestId, .connectedAt, .connectionId].contains(key) {
      scope.contextValues[key] = .text("v")
    }
    for key: ContextKey in [.eventType, .isCanaryRequest, .messageId, .routeKey, .wafResponseCode, .webaclArn] {
      scope.contextValues[key] = nil
    }
    scope.contextValues[.identitySourceIp] = .text("v")
    let expected = """
      resourceId,resourcePath,httpMethod,extendedRequestId,requestTime,path,accountId,protocol,requestOverride,stage,domainPrefix,\
      requestTimeEpoch,requestId,identity,domainName,deploymentId,responseOverride,apiId,
      """
    let result = try rendered("#foreach($k in $context.keySet())$k,#end", scope)
    #expect(result == expected)
  }

  @Test("overrides are what templates leave, by whatever notation, and go on to the next template")
  func overrides() throws {
    let template = try Template(
      """
      #set($n = "X-B")
      #set($context.requestOverride.header.X-A = "a")
      #set($context.requestOverride.header[$n] = ["b", "c"])
      $context.requestOverride.path.put("p", 1)
      #set($context["requestOverride"].querystring["q"] = $input.path('$.q'))
      #set($context.responseOverride.status = 418)
      #set($context.responseOverride.custom = {"k": "v"})
      """)
    let first = try template.render(with: StubScope(body: "{\"q\": \"z\"}"))
    #expect(first.overrides.requestHeaders.map(\.name) == ["X-A", "X-B"])
    #expect(first.overrides.requestHeaders.map(\.values) == [["a"], ["b", "c"]])
    #expect(first.overrides.requestPath.map(\.values) == [["1"]])
    #expect(first.overrides.requestQuerystring.map(\.values) == [["z"]])
    #expect(first.overrides.responseStatus == 418)
    #expect(first.overrides.responseHeaders.isEmpty)
    var next = StubScope()
    next.overrides = first.overrides
    let text = "$context.responseOverride.status $context.responseOverride.custom.k $context.requestOverride.header.X-A"
    #expect(try rendered(text, next) == "418 v a")
    let second = try Template("#set($context.responseOverride.header.H = 'x')").render(with: next)
    #expect(second.overrides.responseStatus == 418 && second.overrides.responseHeaders.map(\.values) == [["x"]])
    #expect(second.overrides.request == first.overrides.request)
  }

  @Test("a template without overrides leaves none")
  func noOverrides() throws {
    let result = try Template("$context.requestOverride.header.a $context.responseOverride").render(with: StubScope())
    #expect(result.overrides.isEmpty)
  }

  @Test(
    "a parameter is overridden once",
    arguments: [
      "#set($context.responseOverride.status = 400)#set($context.responseOverride.status = 401)",
      "#set($h = $context.requestOverride.header)#set($h.a = 1)$h.put('a', 2)",
    ])
  func overriddenTwice(_ text: String) throws { #expect(try renderError(text)?.kind == .overriddenTwice) }
}
