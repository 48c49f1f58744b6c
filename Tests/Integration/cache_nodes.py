"""Nodes with a cache that are one cluster, and an origin whose every body says by which request it was made: what tests of several nodes
share."""
import contextlib
import json
import threading

from harness import Gateway, configuration, free_port, loopback, wait_until
from test_cluster import KEY
from upstream import Upstream

LABELS = "abcde"


class Stamps:
    """The origin: each answer to a path has a new number, so that a body tells which fetch it came by."""

    def __init__(self, upstream):
        self.upstream, self.numbers, self.fields, self.lock = upstream, {}, {}, threading.Lock()
        self.validates = set()
        upstream.on(None, self.respond)

    def respond(self, exchange):
        path, method = exchange.request.target, exchange.request.method
        with self.lock:
            fields = list(self.fields.get(path, [("Cache-Control", "max-age=600")]))
            if method == "POST":
                return exchange.respond(200, [], b"done")
            if path in self.validates and exchange.request.get("if-none-match") == '"same"':
                return exchange.respond(304, [*fields, ("ETag", '"same"')])
            self.numbers[path] = self.numbers.get(path, 0) + 1
            body = f"{path} number {self.numbers[path]} for {exchange.request.get('x-kind', 'all')}".encode()
        if path in self.validates:
            fields.append(("ETag", '"same"'))
        exchange.respond(200, fields, body)

    def fetches(self, path):
        with self.lock:
            return self.numbers.get(path, 0)


def settings(origin_port, label, gossip, seeds, cache=None, **sections):
    routes = {"$default": {"upstream": "main", "cache": {}}}
    upstream = {"retries": {"attempts": 1}, "ejection": {"consecutive": 0}}
    cluster = {"listen": loopback(gossip), "seeds": seeds, "keys": [KEY]}
    return configuration(
        origin_port, upstream=upstream, routes=routes, node={"name": label, "workers": 1},
        cache={"ram": "32MiB", **(cache or {})}, cluster=cluster, **sections)


class Nodes:
    """A cluster inside an ExitStack."""

    def __init__(self, stack, count, cache=None, origin=None):
        self.stack, self.cache = stack, cache
        self.upstream = origin or stack.enter_context(Upstream())
        self.origin = Stamps(self.upstream)
        self.ports = [free_port() for _ in LABELS]
        self.nodes = {}
        for label in LABELS[:count]:
            self.start(label)
        self.wait_alive(count)

    def start(self, label):
        i = LABELS.index(label)
        seeds = [loopback(p) for j, p in enumerate(self.ports) if j != i and LABELS[j] in self.nodes]
        config = settings(self.upstream.port, label, self.ports[i], seeds, self.cache)
        self.nodes[label] = self.stack.enter_context(Gateway(config))
        return self.nodes[label]

    add = start

    def __getitem__(self, label):
        return self.nodes[label]

    def wait_alive(self, count, among=None):
        wait_until(lambda: all(self.alive(n) == count for n in among or self.nodes.values()), f"{count} nodes know each other")

    def kill(self, label):
        """Ends a node at once, master and all."""
        self.nodes.pop(label).process.kill()

    @staticmethod
    def alive(node):
        return sum(m["state"] == "alive" for m in json.loads(node.admin("/members").text)["members"])

    def copies(self, label, result="taken"):
        return self.nodes[label].metrics().get(("tidegate_cache_copies_total", (("result", result),)), 0)

    def waiting(self, label):
        """Offers of copies that are not through yet, or still to be made."""
        return json.loads(self.nodes[label].admin("/cache").text)["copies_waiting"]

    def judged(self, label):
        """Requests that this node's cache has judged: those for keys of its own, whichever node they came in at."""
        return sum(v for k, v in self.nodes[label].metrics().items() if k[0] == "tidegate_cache_requests_total")

    def owner(self, path, asked="a"):
        """The node that owns a path, found by whose counter moves; it is stored there afterwards."""
        before = {label: self.judged(label) for label in self.nodes}
        get(self.nodes[asked], path)
        moved = [label for label in self.nodes if self.judged(label) > before[label]]
        assert len(moved) == 1, f"{path} was judged by {moved}"
        return moved[0]


def get(node, path, fields=(), method="GET"):
    """(body, Cache-Status)."""
    answer = node.get(path, list(fields), method=method)
    assert answer.status in (200, 304), f"{path}: {answer.status}"
    return answer.body.decode(), answer.get("cache-status", "")
