"""The response cache between its clients and an origin that takes its time, on one node and on three: who waits for whom, what a change
makes stale, what is shared with whom. The rules of RFC 9111 are test_cache_table.py's, nodes that come and go test_cache_members.py's."""
import contextlib
import threading
import unittest

import http2
from cache_cluster import FRESH, Gated, all_of, settings, start_nodes
from harness import Gateway, wait_until
from upstream import Upstream
from wire import Truncated, chunk, head

GROWTH_MAX = 32 << 20
HUGE = 64 << 20


class Caching(unittest.TestCase):
    """One origin, and the same nodes for all tests of a class; a test has its paths for itself."""

    @classmethod
    def nodes_before(cls, port):
        return [cls.enterClassContext(Gateway(settings(port)))]

    @classmethod
    def setUpClass(cls):
        cls.upstream = cls.enterClassContext(Upstream())
        cls.nodes = cls.nodes_before(cls.upstream.port)

    def setUp(self):
        self.upstream.clear()
        self.path = f"/{self.id().rsplit('.', 1)[1]}"

    def node(self, i):
        return self.nodes[i % len(self.nodes)]

    def answers(self, path, fields=(FRESH,), body=b"ok"):
        self.upstream.on(path, lambda x: (x.read(), x.respond(fields=fields, body=body)))

    def gated(self, first, rest, path=None, **options):
        gate = Gated(self.upstream, path or self.path, first, rest, **options)
        self.addCleanup(gate.go.set)
        return gate

    def begun(self, gate, i, fields=(), **options):
        """A client of a node that has the first part."""
        begun = gate.begun(self.node(i), fields, **options)
        self.addCleanup(begun.wire.close)
        return begun

    def asked(self, path):
        with self.upstream.changed:
            return len([r for r in self.upstream.seen if r.target == path])

    def versions(self, path):
        """The path answers with its version, which a POST raises."""
        version = [0]

        def answer(x):
            x.read()
            if x.request.method == "POST":
                version[0] += 1
                return x.respond()
            x.respond(fields=[FRESH], body=b"version %d" % version[0])
        self.upstream.on(path, answer)

    def post(self, i, path):
        self.assertEqual(self.node(i).get(path, method="POST", body=b"").status, 200)


class WaitingForOneAnother(Caching):
    def test_many_for_one_cold_key_are_one_at_the_origin(self):
        for chunked in (False, True):
            with self.subTest(chunked=chunked):
                gate = self.gated(b"a" * 1000, b"b" * 30_000, path=f"{self.path}/{chunked}", chunked=chunked)
                begun = all_of([lambda i=i: self.begun(gate, i) for i in range(200)])
                self.assertFalse(gate.go.is_set(), "all have the first bytes, and the origin has not sent its last")
                gate.go.set()
                self.assertEqual({client.first + client.finish() for client in begun}, {gate.body})
                self.assertEqual(gate.asked(), 1)

    def test_followers_get_all_when_the_leader_has_gone(self):
        for i in range(2 * len(self.nodes)):
            gate = self.gated(b"a" * 1000, b"b" * 100_000, path=f"{self.path}/{i}", chunked=i % 2 == 1)
            leader = self.begun(gate, i)
            followers = [self.begun(gate, i + k) for k in range(6)]
            leader.wire.reset()
            gate.go.set()
            self.assertEqual({follower.finish() for follower in followers}, {gate.rest})
            self.assertEqual(self.node(0).get(gate.path).body, gate.body)
            self.assertEqual(gate.asked(), 1)

    def check_slow_leader(self, size, chunked):
        rest = b"".join(b"%07d " % i for i in range(size // 8))
        gate = self.gated(b"a" * 1000, rest, path=f"{self.path}/{size}", chunked=chunked)
        slow = self.begun(gate, 0, receive_buffer=4096)
        others = [self.begun(gate, i, timeout=3) for i in range(4)]
        gate.go.set()
        self.assertEqual(all_of([lambda c=c: c.finish() == gate.rest for c in others]), [True] * len(others))
        self.assertTrue(slow.finish() == gate.rest, "and the slow one gets all of it in the end")

    def test_a_slow_leader_holds_nobody_up_for_a_body_that_is_kept(self):
        self.check_slow_leader(700_000, chunked=True)
        self.check_slow_leader(600_000, chunked=False)

    def test_a_slow_leader_holds_nobody_up_for_a_body_that_outgrows_the_cache(self):
        self.check_slow_leader(24 << 20, chunked=True)

    def test_who_was_too_slow_for_the_others_gets_no_mixture(self):
        """What it goes on with is not what it began with."""
        gate = self.gated(b"a" * 1000, bytes(24 << 20), chunked=True)
        slow, quick = self.begun(gate, 0, receive_buffer=4096), self.begun(gate, 0)
        other = Gated(self.upstream, self.path, b"a" * 1000, bytes([1]) * (24 << 20), chunked=True)
        other.go.set()
        gate.go.set()
        self.assertEqual(len(quick.finish()), 24 << 20)
        with self.assertRaises((Truncated, ConnectionError)):
            slow.finish()
        self.assertEqual(other.asked(), 2, "the slow one's own fetch is a second one")

    def test_slow_clients_hold_up_no_other_keys(self):
        """More of them than the windows of one connection between nodes hold."""
        self.answers(self.path, body=bytes(5 << 20))
        for i in range(40 * len(self.nodes)):
            slow = self.enterContext(self.node(i).wire(receive_buffer=4096))
            slow.send(head("GET", self.path))
            slow.read_head()
        for i in range(30 * len(self.nodes)):
            self.answers(f"{self.path}/{i}", body=bytes(100_000))
            with self.node(i).wire(timeout=2) as wire:
                self.assertEqual(len(wire.request("GET", f"{self.path}/{i}").body), 100_000)

    def test_what_may_not_be_shared_is_fetched_side_by_side(self):
        """Every answer waits until all requests have reached the origin."""
        count = 120
        for name, fields in (("no-store", [("Cache-Control", "no-store")]), ("cookie", [FRESH, ("Set-Cookie", "a=b")])):
            with self.subTest(name):
                path, all_there = f"{self.path}/{name}", threading.Barrier(count)
                self.answers(path, fields)
                self.node(0).get(path)

                def answer(x):
                    with contextlib.suppress(threading.BrokenBarrierError):
                        all_there.wait(8)
                    x.respond(500 if all_there.broken else 200, fields=fields)
                self.upstream.on(path, answer)
                statuses = [r.status for r in all_of([lambda i=i: self.node(i).get(path) for i in range(count)])]
                self.assertEqual(statuses, [200] * count)

    def test_nothing_goes_on_for_a_client_that_has_gone(self):
        """Where nobody else can use what is fetched."""
        ended = []

        def answer(x):
            x.read()
            x.socket.settimeout(2)
            try:
                ended.append(x.socket.recv(1))
            except TimeoutError:
                ended.append("goes on")
            x.close()
        self.answers(self.path, [("Cache-Control", "no-store")])
        self.node(0).get(self.path)
        self.upstream.on(self.path, answer)
        for i in range(len(self.nodes)):
            wire, asked = self.node(i).wire(), self.asked(self.path)
            wire.send(head("GET", self.path))
            self.upstream.wait_for(lambda _: self.asked(self.path) > asked, "the origin is asked")
            wire.reset()
        wait_until(lambda: len(ended) == len(self.nodes), "the origin has seen how it ends")
        self.assertEqual(ended, [b""] * len(self.nodes))

    def test_a_body_too_large_to_keep_reaches_everyone_in_bounded_memory(self):
        block = chunk(bytes(range(256)) * 256)

        def huge(x):
            x.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nCache-Control: max-age=60\r\nETag: \"x\"\r\n\r\n")
            for _ in range(HUGE >> 16):
                x.send(block)
            x.send(b"0\r\n\r\n")
        self.upstream.on(self.path, huge)

        def ask(i, fields):
            with self.node(i).wire(timeout=10) as wire:
                wire.send(head("GET", self.path, fields))
                status, count = wire.read_head().status, 0
                while size := int(wire.take_until(b"\r\n", "a size"), 16):
                    count += len(wire.take(size + 2)) - 2
                return status, count
        before = [n.memory("VmRSS") for n in self.nodes]
        wanted = [[], [("If-None-Match", '"old"')], [("Range", "bytes=0-9")], []]
        for alone in wanted[1:3]:
            self.assertEqual(ask(0, alone), (200, HUGE))
        self.assertEqual(all_of([lambda i=i, f=f: ask(i, f) for i, f in enumerate(wanted)]), [(200, HUGE)] * len(wanted))
        growth = [n.memory("VmHWM") - b for n, b in zip(self.nodes, before)]
        self.assertLess(max(growth), GROWTH_MAX, f"resident memory grew by {[g >> 20 for g in growth]} MiB")

    def test_a_reload_leaves_fills_and_what_is_stored(self):
        kept = f"{self.path}/kept"
        self.answers(kept)
        self.node(0).get(kept)
        gates = [self.gated(b"a" * 1000, b"b" * 50_000, path=f"{self.path}/{i}", chunked=i % 2 == 1) for i in range(6)]
        begun = [(gate, [self.begun(gate, i + k) for k in range(4)]) for i, gate in enumerate(gates)]
        for _, (leader, *_) in begun:
            leader.wire.reset()
        for turn in range(3):
            for node in self.nodes:
                node.config["apis"][0]["routes"]["GET /turn"] = {"mock": {"status": 200, "body": f"{turn}"}}
                node.write(node.config)
                node.reload()
            wait_until(lambda: all(n.get("/turn").body == b"%d" % turn for n in self.nodes), "the reload is in effect")
        for gate, (_, *followers) in begun:
            gate.go.set()
            self.assertEqual({follower.finish() for follower in followers}, {gate.rest})
        for node in self.nodes:
            self.assertIn("hit", node.get(kept).get("cache-status"))
            self.assertEqual([node.get(gate.path).body == gate.body for gate in gates], [True] * 6)
        self.assertEqual([gate.asked() for gate in gates], [1] * 6)

    def test_http2_clients_wait_together_too(self):
        gate = self.gated(b"a" * 1000, b"b" * 20_000)
        clients = [self.enterContext(http2.Client(self.node(i).port())) for i in range(6)]
        streams = [(client, client.start("GET", gate.path)) for client in clients for _ in range(5)]
        for client, stream in streams:
            client.until(lambda: len(client.streams[stream].body) >= 1000, "the first part came")
        gate.go.set()
        self.assertEqual({client.finish(stream).body for client, stream in streams}, {gate.body})
        self.assertEqual(gate.asked(), 1)


class WhatIsServed(Caching):
    # ---- after a change
    def test_a_change_during_a_fill_leaves_nothing_old(self):
        for vary in (None, "Accept-Language"):
            for i in range(len(self.nodes)):
                with self.subTest(vary=vary, node=i):
                    path, fields = f"{self.path}/{vary}/{i}", [FRESH, *([("Vary", vary)] if vary else [])]
                    if vary:
                        self.answers(path, fields, b"old")
                        self.node(i).get(path, [(vary, "en")])
                    gate = self.gated(b"old", b"er", path=path, fields=fields)
                    waiting = self.begun(gate, i, [("Accept-Language", "de")])
                    self.answers(path, fields, b"new")
                    self.post(i + 1, path)
                    self.assertEqual(self.node(i).get(path, [("Accept-Language", "de")]).body, b"new", "before the old one has ended")
                    gate.go.set()
                    self.assertEqual(waiting.finish(), b"er", "who waited gets what was fetched for it")
                    bodies = {node.get(path, [("Accept-Language", l)]).body for node in self.nodes for l in ("de", "en")}
                    self.assertEqual(bodies, {b"new"})

    def test_a_change_as_a_fill_ends_leaves_nothing_old(self):
        for i in range(40):
            gate = self.gated(b"old", b"er", path=f"{self.path}/{i}")
            waiting = self.begun(gate, i)
            self.answers(gate.path, body=b"new")
            all_of([gate.go.set, lambda: self.post(i + 1, gate.path)])
            waiting.finish()
            self.assertEqual({n.get(gate.path).body for n in self.nodes}, {b"new"})

    def test_a_change_at_one_node_is_seen_at_all(self):
        self.versions(self.path)
        for k in range(4 * len(self.nodes)):
            self.assertEqual({n.get(self.path).body for n in self.nodes}, {b"version %d" % k})
            self.post(k, self.path)
        self.assertEqual(self.asked(self.path), 8 * len(self.nodes), "one fetch and one change each time")

    def test_a_change_through_a_route_without_a_cache_counts(self):
        path = f"/mixed{self.path}"
        self.versions(path)
        for k in range(2 * len(self.nodes)):
            self.assertEqual({n.get(path).body for n in self.nodes}, {b"version %d" % k})
            self.post(k, path)

    def test_a_head_never_leaves_an_empty_body_behind(self):
        """What it is served stale is renewed behind it (RFC 5861 3)."""
        self.answers(self.path, [("Cache-Control", "max-age=0, stale-while-revalidate=60")], b"whole")
        for i in range(20):
            self.assertEqual(self.node(i).get(self.path).body, b"whole")
            asked = self.asked(self.path)
            # While what the GET was served stale is still being renewed, a HEAD waits for that.
            wait_until(
                lambda: self.node(i).get(self.path, method="HEAD").status == 200 and self.asked(self.path) > asked, "it is renewed")

    # ---- to whom
    def test_what_was_fetched_with_authorization_is_for_its_owner(self):
        self.upstream.on(self.path, lambda x: x.respond(fields=[FRESH], body=x.request.get("authorization", "all").encode()))
        for i in range(6):
            self.assertEqual(self.node(i).get(self.path, [("Authorization", f"Basic {i}")]).body, b"Basic %d" % i)
        gate = self.gated(b"of a", b"!", path=f"{self.path}/at-once")
        self.begun(gate, 0, [("Authorization", "Basic a")])
        self.answers(gate.path, body=b"of b")
        self.assertEqual({self.node(i).get(gate.path, [("Authorization", "Basic b")]).body for i in range(3)}, {b"of b"})
        self.assertEqual({self.node(i).get(gate.path).body for i in range(3)}, {b"of b"})

    def test_to_a_client_the_nodes_are_one_gateway(self):
        """Which says so once, and counts its requests where they came in."""
        self.answers(self.path)
        self.answers(f"{self.path}/alone", [("Cache-Control", "no-store")])
        names = ("tidegate_requests_total", "tidegate_responses_total")

        def counts():
            return [[sum(v for (n, _), v in node.metrics().items() if n == name) for name in names] for node in self.nodes]
        before = counts()
        for node in self.nodes:
            for path in [self.path, f"{self.path}/alone"] * 4:
                answer = node.get(path)
                self.assertEqual([v for n, v in answer.fields if n.lower() == "via"], ["1.1 tidegate"])
        wait_until(
            lambda: [[a - b for a, b in zip(*pair)] for pair in zip(counts(), before)] == [[8, 8]] * len(self.nodes),
            "each node has counted its own clients' requests")

    def test_cookies_go_to_one_client(self):
        names = iter(range(1000))
        self.upstream.on(self.path, lambda x: x.respond(fields=[FRESH, ("Set-Cookie", f"id={next(names)}")]))
        answers = all_of([lambda i=i: self.node(i).get(self.path).get("set-cookie") for i in range(24)])
        self.assertEqual(len(set(answers)), 24)

    def test_hosts_share_nothing(self):
        self.upstream.on(self.path, lambda x: x.respond(fields=[FRESH], body=x.request.get("host").encode()))
        for i in range(12):
            with self.node(i).wire() as wire:
                host = f"{'ab'[i // 3 % 2]}.test"
                self.assertEqual(wire.request("GET", self.path, host=host).body, host.encode())

    def test_a_client_cannot_pass_for_a_node(self):
        self.answers(self.path, body=b"as ever")
        self.node(0).get(self.path)
        for i in range(len(self.nodes)):
            for forged in ("1 0 0 s 1bb", "1 ffffffffffffffff 0 p 50", "2", ""):
                fields = [("Tidegate-Peer", forged), ("Tidegate-Client", "1.1.1.1:1"), ("Tidegate-Key", "00")]
                answer = self.node(i).get(self.path, fields)
                self.assertEqual((answer.status, answer.body), (200, b"as ever"))
                self.assertIn("hit", answer.get("cache-status"))
                self.assertEqual(self.node(i).get(f"{self.path}?{i}{len(forged)}", fields).status, 200)
        self.assertEqual(self.asked(self.path), 1)
        forged = [("Tidegate-Peer", "1 0 0 p 50"), ("Tidegate-Client", "1.1.1.1:1"), ("Tidegate-Key", "00")]
        self.node(0).get("/", forged, method="TIDEGATE-STALE")
        for i, method in enumerate(("POST", "OPTIONS", "HEAD", "GET")):
            self.node(i).get(f"/mixed{self.path}", [*forged, ("Cache-Control", "no-store")], method=method)
        self.assertEqual({r.get(name) for r in self.upstream.seen for name in ("tidegate-peer", "tidegate-client", "tidegate-key")}, {None})
        self.assertIn("hit", self.node(0).get(self.path).get("cache-status"))
        self.assertEqual({r.get("x-forwarded-for") for r in self.upstream.seen}, {"127.0.0.1"})

    def test_http2_clients_are_served_alike(self):
        body = bytes(range(256)) * 40
        self.answers(self.path, [FRESH, ("ETag", '"v"')], body)
        for i in range(len(self.nodes)):
            with http2.Client(self.node(i).port()) as client:
                for method, fields, status, expected in (
                        ("GET", [], 200, body), ("GET", [], 200, body), ("HEAD", [], 200, b""),
                        ("GET", [("if-none-match", '"v"')], 304, b""),
                        ("GET", [("range", "bytes=100-199")], 206, body[100:200]), ("GET", [("range", "bytes=99999-")], 416, b"")):
                    with self.subTest(node=i, method=method, fields=fields):
                        stream = client.request(method, self.path, fields)
                        self.assertEqual((stream.reset, stream.status, stream.body), (None, status, expected))
        self.assertEqual(self.asked(self.path), 1)


class ThreeNodes:
    @classmethod
    def nodes_before(cls, port):
        return start_nodes(cls.enterClassContext(contextlib.ExitStack()), port)


class WaitingForOneAnotherOnThreeNodes(ThreeNodes, WaitingForOneAnother):
    """The same requests, spread over three nodes."""


class WhatIsServedByThreeNodes(ThreeNodes, WhatIsServed):
    """The same requests, spread over three nodes."""


if __name__ == "__main__":
    unittest.main()
