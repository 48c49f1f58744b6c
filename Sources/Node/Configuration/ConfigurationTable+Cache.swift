// Owns the keys of the response cache: the node's tiers, and what a route or an API says.

extension ConfigurationTable {
  static let cache = SectionTable(
    name: "cache", doc: "The response cache of this node. What is stored is said by `cache` of APIs and routes.",
    keys: [
      .init(
        "ram", .size(zero: nil), "256MiB",
        "Memory for cached responses, everything included; at least 1MiB. Takes effect at the next start."),
      .optional(
        "disk", .size(zero: "no cache on disk"),
        "Disk for cached responses on this node, log files included, below `node.data`; at least 32MiB. Takes effect at the next start."),
      .init(
        "replicas", .integer(0...2), "1",
        "Nodes besides the owner of a key that keep a copy of what it has stored. The same on all nodes of a cluster."),
      .init(
        "hot_copies", .flag, "true",
        "Keep copies of what other nodes are asked for often, each for a fifth of a second, and answer from them."),
      .init(
        "fills", .integer(1...65536), "1024",
        "Fetches for the cache under way at once; those beyond wait up to 10 s for their turn, with all who wait for the same, then 503."),
    ])

  static let routeCache = SectionTable(
    name: "cache of a route", doc: "Caching of one route or API (RFC 9111, as a shared cache).",
    keys: [
      .init("enabled", .flag, "true", "`false` takes a route out of what its API says."),
      .optional("default_ttl", .duration(zero: "ask the origin each time"), "Freshness of responses that say nothing of their own."),
      .optional("maximum_ttl", .duration(zero: "ask the origin each time"), "No response is fresh for longer, whatever it says."),
      .optional(
        "negative_ttl", .duration(zero: "ask the origin each time"),
        "Freshness of 404, 405, 410, 414 and 501 that say nothing of their own."),
      .init("heuristics", .flag, "true", "Take a tenth of the time since `Last-Modified`, a day at most, where nothing else is said."),
      .init(
        "stale_while_revalidate", .duration(zero: "never"), "0",
        "How long a stale response is served while it is fetched anew, where it does not say itself (RFC 5861)."),
      .init(
        "stale_if_error", .duration(zero: "never"), "0",
        "How long a stale response is served in place of an error of the origin, where it does not say itself (RFC 5861)."),
      .init(
        "body_max", .size(zero: nil), "8MiB",
        "Larger bodies pass without being stored; so do those beyond a 256th of `cache.ram` and a 32nd of `cache.disk`, 48MiB at most."),
      .init("key", .section(cacheKey), "{}", "Which requests share a stored response."),
      .init(
        "purge_method", .flag, "false",
        "Whether the method `PURGE` purges its URL on all nodes, for any client whose requests get here; `Soft-Purge: 1` marks stale."),
      .init("bypass", .list(.text(.fieldName), atLeast: 0), "[]", "Requests with one of these header fields go past the cache."),
    ])

  static let cacheKey = SectionTable(
    name: "key of a cached response", doc: "What belongs to a cache key besides scheme and path.",
    keys: [
      .init("host", .flag, "true", "`false`: all hosts of the API share what is stored."),
      .optional(
        "query", .list(.text(.nonEmpty), atLeast: 0),
        "Only these query parameters, `[]` for none. Without this key the query counts byte for byte."),
      .init("headers", .list(.text(.fieldName), atLeast: 0), "[]", "Header fields whose values tell requests apart."),
    ])
}
