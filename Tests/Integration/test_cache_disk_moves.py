"""What lies on a node's disk of keys that were other nodes' for a while: it has not heard what became of them, and is not served when they come back."""
import threading
import unittest

from harness import Gateway, configuration, free_port, loopback, wait_until
from test_cluster import KEY, states
from upstream import Upstream

PATHS = [f"/{number}" for number in range(48)]


class Moves(unittest.TestCase):
    def setUp(self):
        self.upstream = self.enterContext(Upstream())
        self.versions, self.lock = {}, threading.Lock()
        self.upstream.on(None, self.respond)
        ports = [free_port() for _ in "abc"]
        self.nodes = [self.enterContext(Gateway(configuration(
            self.upstream.port, routes={"$default": {"upstream": "main", "cache": {"default_ttl": "1h"}}}, node={"name": name, "workers": 1},
            cache={"ram": "16MiB", "disk": "64MiB"},
            cluster={"listen": loopback(port), "seeds": [loopback(p) for p in ports if p != port], "keys": [KEY]})))
            for name, port in zip("abc", ports)]
        self.agree("abc")

    def respond(self, exchange):
        path = exchange.request.target
        with self.lock:
            if exchange.request.method == "POST":
                self.versions[path] = 2
            version = self.versions.get(path, 1)
        exchange.respond(200, [("Cache-Control", "max-age=3600")], f"version {version}".encode())

    def agree(self, names):
        def seen(node):
            return {name for name, state in states(node).items() if state == "alive"}
        wait_until(lambda: all(seen(node) == set(names) for node, name in zip(self.nodes, "abc") if name in names), f"{names} see each other")

    def kill(self, *nodes):
        for node in nodes:
            node.process.kill()

    def get(self, node, path):
        return node.get(path).body.decode()

    def test_what_was_changed_while_a_key_was_elsewhere_is_not_served_from_disk(self):
        a, b, c = self.nodes
        self.kill(a, b)
        self.agree("c")
        for path in PATHS:
            self.assertEqual(self.get(c, path), "version 1")
        for node in (a, b):
            node.start()
        self.agree("abc")
        for path in PATHS:
            self.assertEqual(a.get(path, method="POST", body=b"").status, 200)
        self.kill(a, b)
        self.agree("c")
        self.assertEqual([path for path in PATHS if self.get(c, path) != "version 2"], [])
        for node in (a, b):
            node.start()


if __name__ == "__main__":
    unittest.main()
