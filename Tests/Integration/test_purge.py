"""Purging: by URL, prefix, tag and altogether, soft and hard, by the admin listener, the command and the method PURGE; on one node, on
three, on one that was down meanwhile; and responses that a purge overtakes on their way."""
import contextlib
import json
import os
import random
import signal
import subprocess
import threading
import unittest

from harness import Gateway, binary, configuration, free_port, loopback, wait_until
from test_cluster import KEY, gossip_address, states
from upstream import Upstream


def settings(port, name="under-test", gossip=None, seeds=(), **cache):
    routes = {
        "ANY /open/{proxy+}": {"upstream": "main", "cache": {"default_ttl": "1h", "purge_method": True}},
        "$default": {"upstream": "main", "cache": {"default_ttl": "1h", **cache}},
    }
    sections = {"cluster": {"listen": loopback(gossip), "seeds": list(seeds), "keys": [KEY]}} if gossip else {}
    return configuration(port, routes=routes, node={"name": name, "workers": 1}, cache={"ram": "16MiB"}, **sections)


class Versions:
    """The origin's answers: each says which version of the content it is from; `hold` keeps answers back behind their head."""

    def __init__(self, upstream):
        self.version, self.fields, self.lock = 1, {}, threading.Lock()
        self.held, self.released = threading.Event(), threading.Event()
        self.holds = set()
        upstream.on(None, self.respond)

    def respond(self, exchange):
        path = exchange.request.target.split("?")[0]
        body = f"version {self.version}".encode()
        fields = [("Cache-Control", "max-age=3600"), ("ETag", f'"{self.version}"'), *self.fields.get(path, [])]
        if exchange.request.get("if-none-match") == f'"{self.version}"':
            return exchange.respond(304, fields)
        if path not in self.holds:
            return exchange.respond(200, fields, body)
        head = "".join(f"{n}: {v}\r\n" for n, v in fields)
        half = f"HTTP/1.1 200 Scripted\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:3]
        exchange.send(half)
        self.held.set()
        self.released.wait(15)
        exchange.send(body[3:])


class PurgeCase(unittest.TestCase):
    def setUp(self):
        self.upstream = self.enterContext(Upstream())
        self.origin = Versions(self.upstream)

    def start(self, config):
        return self.enterContext(Gateway(config))

    def ask(self, gateway, body, query="?wait=5s"):
        answer = gateway.admin("/purge" + query, "POST", {"Content-Type": "application/json"}, json.dumps(body))
        self.assertEqual(answer.status, 200, answer.text)
        return json.loads(answer.text)

    def get(self, gateway, path, **options):
        """(body, whether it was a hit, Cache-Status)."""
        answer = gateway.get(path, **options)
        self.assertEqual(answer.status, 200)
        status = answer.get("cache-status", "")
        return answer.body.decode(), "; hit" in status, status

    def fill(self, gateways, *paths):
        for gateway in gateways:
            for path in paths:
                self.get(gateway, path)
                self.assertTrue(self.get(gateway, path)[1], f"{path} is stored")

    def hits(self, gateway, *paths):
        return [self.get(gateway, path)[1] for path in paths]


class OneNode(PurgeCase):
    def setUp(self):
        super().setUp()
        self.gateway = self.start(settings(self.upstream.port))

    def test_a_url_a_prefix_a_tag_and_all(self):
        self.origin.fields = {"/a": [("Cache-Tag", "one, two")], "/b": [("Surrogate-Key", "two three")], "/b/c": []}
        paths = ("/a", "/a?q", "/b", "/b/c", "/d")
        for body, gone in (
                ({"url": "http://a.test/a"}, {"/a"}), ({"url": "//A.test:8080/a?q"}, {"/a?q"}),
                ({"prefix": "http://a.test/b"}, {"/b", "/b/c"}), ({"prefix": "http://a.test"}, set(paths)), ({"tag": "two"}, {"/a", "/a?q", "/b"}), ({"tag": "three"}, {"/b"}),
                ({"tag": "four"}, set()), ({"all": True}, set(paths)), ({"url": "https://a.test/a"}, set())):
            with self.subTest(body):
                self.fill([self.gateway], *paths)
                said = self.ask(self.gateway, body)
                self.assertEqual((said["applied"], said["awaited"]), (["under-test"], []))
                self.assertEqual([p for p, hit in zip(paths, self.hits(self.gateway, *paths)) if not hit], [p for p in paths if p in gone])

    def test_variants_go_with_their_url_and_alone_by_their_tag(self):
        def answer(exchange):
            language = exchange.request.get("accept-language", "")
            fields = [("Cache-Control", "max-age=60"), ("Vary", "Accept-Language"), ("Cache-Tag", language)]
            exchange.respond(200, fields, language.encode())
        self.upstream.on(None, answer)
        def hit(language):
            got = self.gateway.get("/v", [("Accept-Language", language)])
            self.assertEqual(got.body.decode(), language)
            return "; hit" in got.get("cache-status", "")
        self.assertEqual([hit(l) for l in ("de", "en", "de", "en")], [False, False, True, True])
        self.ask(self.gateway, {"tag": "de"})
        self.assertEqual([hit("en"), hit("de")], [True, False])
        self.ask(self.gateway, {"url": "http://a.test/v"})
        self.assertEqual([hit("en"), hit("de")], [False, False])

    def test_a_soft_purge_has_it_validated(self):
        self.fill([self.gateway], "/s")
        self.ask(self.gateway, {"url": "http://a.test/s", "soft": True})
        self.upstream.seen.clear()
        body, hit, status = self.get(self.gateway, "/s")
        self.assertEqual((body, hit), ("version 1", False))
        self.assertIn("fwd=stale", status)
        self.assertEqual([r.get("if-none-match") for r in self.upstream.seen], ['"1"'])
        self.assertTrue(self.get(self.gateway, "/s")[1], "validated, it is fresh again")
        self.ask(self.gateway, {"all": True, "soft": True})
        self.origin.version = 2
        self.assertEqual(self.get(self.gateway, "/s")[0], "version 2")

    def test_after_a_soft_purge_the_stale_windows_hold(self):
        self.origin.fields = {"/w": [("Cache-Control", "stale-while-revalidate=60, stale-if-error=60")]}
        self.fill([self.gateway], "/w")
        self.ask(self.gateway, {"url": "http://a.test/w", "soft": True})
        self.origin.version = 2
        body, hit, _ = self.get(self.gateway, "/w")
        self.assertEqual((body, hit), ("version 1", True), "served stale while it is fetched")
        wait_until(lambda: self.get(self.gateway, "/w")[0] == "version 2", "it was fetched anew")

    def test_a_response_on_its_way_is_not_stored(self):
        for number, body in enumerate(({"url": "http://a.test/h0"}, {"tag": "held"}, {"all": True}, {"tag": "held", "soft": True})):
            with self.subTest(body):
                path = f"/h{number}"
                self.origin.version, self.origin.holds = 1, {path}
                self.origin.held, self.origin.released = threading.Event(), threading.Event()
                self.origin.fields = {path: [("Cache-Tag", "held")]}
                got = []
                first = threading.Thread(target=lambda: got.append(self.get(self.gateway, path)[0]))
                first.start()
                self.assertTrue(self.origin.held.wait(15))
                self.ask(self.gateway, body)
                self.origin.version, self.origin.holds = 2, set()
                self.assertEqual(self.get(self.gateway, path)[0], "version 2", "who comes after the purge does not follow")
                self.origin.released.set()
                first.join(15)
                self.assertEqual(got, ["version 1"], "who came before it gets what was on its way")
                self.assertEqual(self.get(self.gateway, path)[:2], ("version 2", True))
        purges = json.loads(self.gateway.admin("/cache").text)["purges"]
        self.assertEqual(purges["stores_overtaken"], 4)

    def test_what_a_purge_let_pass_can_still_become_stale_on_its_way(self):
        begun, released = threading.Event(), threading.Event()
        version = [1]
        def answer(exchange):
            if exchange.request.method == "POST":
                version[0] = 2
                return exchange.respond(200, [])
            body = f"version {version[0]}".encode()
            if version[0] == 1:
                begun.set()
                released.wait(15)
            exchange.respond(200, [("Cache-Control", "max-age=3600"), ("Cache-Tag", "mine")], body)
        self.upstream.on(None, answer)
        got = []
        first = threading.Thread(target=lambda: got.append(self.get(self.gateway, "/a")[0]))
        first.start()
        self.assertTrue(begun.wait(15))
        # What tags the response will have is not known yet: nobody joins it any more, and it may be kept.
        self.ask(self.gateway, {"tag": "another"})
        self.assertEqual(self.gateway.get("/a", method="POST", body=b"").status, 200)
        released.set()
        first.join(15)
        self.assertEqual(got, ["version 1"])
        self.assertEqual(self.get(self.gateway, "/a")[0], "version 2", "it was made stale while it came")

    def test_the_method_purge_where_a_route_allows_it(self):
        self.fill([self.gateway], "/open/x", "/closed")
        answer = self.gateway.get("/open/x", method="PURGE")
        self.assertEqual(answer.status, 200)
        self.assertEqual(json.loads(answer.body), {"purged": "http://a.test/open/x", "soft": False, "applied": 1, "awaited": 0})
        self.assertFalse(self.get(self.gateway, "/open/x")[1])
        self.assertEqual(self.gateway.get("/open/never", method="PURGE").status, 200)
        soft = self.gateway.get("/open/x", [("Soft-Purge", "1")], method="PURGE")
        self.assertIs(json.loads(soft.body)["soft"], True)
        self.assertIn("fwd=stale", self.get(self.gateway, "/open/x")[2])
        self.upstream.seen.clear()
        self.gateway.get("/closed", method="PURGE")
        self.assertEqual([r.method for r in self.upstream.seen], ["PURGE"], "elsewhere it is a method like any other")

    def test_the_command(self):
        def purge(*arguments):
            done = subprocess.run(
                [binary(), "purge", "--config", self.gateway.path, *arguments], capture_output=True, text=True, timeout=30,
                cwd=self.gateway.folder)
            return done.returncode, done.stdout + done.stderr
        self.origin.fields = {"/a": [("Cache-Tag", "one")]}
        for arguments in (["--url", "http://a.test/a"], ["--prefix", "//a.test/"], ["--tag", "one"], ["--all", "--wait", "1s"]):
            self.fill([self.gateway], "/a")
            code, said = purge(*arguments)
            self.assertEqual(code, 0, said)
            self.assertIn("purged on under-test", said)
            self.assertFalse(self.get(self.gateway, "/a")[1], arguments)
        self.fill([self.gateway], "/a")
        code, said = purge("--all", "--soft", "--json")
        self.assertEqual((code, json.loads(said)["purged"]), (0, {"all": True, "soft": True}))
        self.assertIn("fwd=stale", self.get(self.gateway, "/a")[2])
        for arguments in ([], ["--all", "--tag", "x"], ["--url", "/a"], ["--all", "--wait", "6s"]):
            self.assertNotEqual(purge(*arguments)[0], 0, arguments)

    def test_admin_refuses_what_is_no_purge_and_shows_the_cache(self):
        for body, fields, status in (("{}", {"Content-Type": "application/json"}, 400), ('{"all":true}', {}, 415)):
            self.assertEqual(self.gateway.admin("/purge", "POST", fields, body).status, status)
        self.fill([self.gateway], "/a")
        shown = json.loads(self.gateway.admin("/cache").text)
        self.assertEqual((shown["ram"]["entries"], shown["requests"]["by_result"]["hit"]), (1, 1))
        self.assertEqual((shown["requests"]["hit_ratio"], shown["fills_under_way"], shown["settled"]), (0.5, 0, True))
        self.ask(self.gateway, {"all": True})
        metrics = self.gateway.metrics()
        self.assertEqual(metrics[("tidegate_cache_purged_entries_total", (("effect", "removed"),))], 1)
        self.assertEqual(metrics[("tidegate_cache_memory_entries", ())], 0)


class ThreeNodes(PurgeCase):
    def setUp(self):
        super().setUp()
        ports = [free_port() for _ in range(3)]
        self.nodes = [
            self.start(settings(self.upstream.port, name, port, [loopback(p) for p in ports if p != port]))
            for name, port in zip("abc", ports)]
        self.agree()

    def agree(self):
        everybody = {name: "alive" for name in "abc"}
        wait_until(lambda: all(states(n) == everybody for n in self.nodes), "all see each other")

    def test_a_purge_at_any_node_is_one_everywhere(self):
        self.origin.fields = {"/a": [("Cache-Tag", "one")], "/a/b": []}
        for number, body in enumerate(({"url": "http://a.test/a"}, {"prefix": "http://a.test/a"}, {"tag": "one"}, {"all": True})):
            with self.subTest(body):
                self.fill(self.nodes, "/a", "/a/b")
                said = self.ask(self.nodes[number % 3], body)
                self.assertEqual((said["applied"], said["awaited"]), (["a", "b", "c"], []))
                self.origin.version += 1
                for node in self.nodes:
                    self.assertEqual(self.get(node, "/a")[0], f"version {self.origin.version}")

    def test_soft_and_by_the_method_as_well(self):
        self.fill(self.nodes, "/open/x")
        answer = self.nodes[2].get("/open/x", [("Soft-Purge", "1")], method="PURGE")
        self.assertEqual((answer.status, json.loads(answer.body)["applied"]), (200, 3))
        # The nodes are one cache: whichever is asked first has it validated for all.
        self.assertIn("fwd=stale", self.get(self.nodes[0], "/open/x")[2])
        for node in self.nodes:
            self.assertIn("; hit", self.get(node, "/open/x")[2])

    def test_under_load_nobody_gets_what_is_purged(self):
        paths = [f"/p/{number}" for number in range(8)]
        self.origin.fields = {path: [("Cache-Tag", "p")] for path in paths}
        purged, over, wrong, served = [1], threading.Event(), [], [0, 0]

        def load(seed):
            chosen = random.Random(seed)
            with contextlib.ExitStack() as stack:
                wires = [stack.enter_context(node.wire()) for node in self.nodes]
                while not over.is_set():
                    least, node, path = purged[0], chosen.randrange(3), chosen.choice(paths)
                    answer = wires[node].request("GET", path)
                    served["; hit" in answer.get("cache-status", "")] += 1
                    if int(answer.body.split()[1]) < least:
                        wrong.append((node, path, answer.body, least, answer.get("cache-status")))

        threads = [threading.Thread(target=load, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        try:
            for number in range(60):
                self.origin.version += 1
                body = ({"tag": "p"}, {"all": True}, {"prefix": "http://a.test/p/"})[number % 3]
                said = self.ask(self.nodes[number % 2], {**body, "soft": number % 4 == 3})
                self.assertEqual(said["awaited"], [])
                purged[0], (misses, hits) = self.origin.version, served
                wait_until(lambda: served[0] > misses and served[1] > hits, "somebody fills it again and somebody has it from here")
        finally:
            over.set()
            for thread in threads:
                thread.join(15)
        self.assertEqual(wrong, [])

    def test_a_node_that_was_down_holds_nothing_purged(self):
        self.fill(self.nodes, "/a")
        self.nodes[2].process.kill()
        self.origin.version = 2
        said = self.ask(self.nodes[0], {"url": "http://a.test/a"}, "?wait=100ms")
        self.assertEqual(sorted(said["applied"] + said["awaited"]), ["a", "b", "c"], "nobody has missed it yet")
        self.assertEqual(said["applied"], ["a", "b"])
        self.nodes[2].start()
        self.agree()
        self.assertEqual(self.get(self.nodes[2], "/a")[0], "version 2")
        purges = lambda: self.nodes[2].metrics()[("tidegate_cache_purges_total", ())]
        wait_until(lambda: purges() == 1, "it is told what it missed")
        wait_until(lambda: json.loads(self.nodes[2].admin("/cache").text)["settled"], "and may serve what it kept")

    def test_a_node_that_was_frozen_drops_it_when_it_wakes(self):
        self.fill(self.nodes, "/a")
        os.killpg(self.nodes[2].process.pid, signal.SIGSTOP)
        os.kill(self.nodes[2].serving_pid, signal.SIGSTOP)
        try:
            wait_until(lambda: states(self.nodes[0])["c"] == "dead", "c is missed")
            self.assertEqual(self.ask(self.nodes[0], {"all": True})["awaited"], [])
            self.origin.version = 2
        finally:
            os.kill(self.nodes[2].serving_pid, signal.SIGCONT)
            os.killpg(self.nodes[2].process.pid, signal.SIGCONT)
        wait_until(lambda: self.get(self.nodes[2], "/a")[0] == "version 2", "it is told what it missed")


if __name__ == "__main__":
    unittest.main()
