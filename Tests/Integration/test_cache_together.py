"""Many clients at a node that does not own what they want: it asks for all of them together, and nobody gets what is not theirs."""
import contextlib
import threading
import unittest

from cache_cluster import Gated
from cache_nodes import Nodes, get
from harness import wait_until
from upstream import Upstream
from wire import head

COUNT = 60


class Together(unittest.TestCase):
    """Three nodes without copies, so that every request at `asked` is one to the owner."""

    def setUp(self):
        stack = self.enterContext(contextlib.ExitStack())
        self.nodes = Nodes(stack, 3, {"replicas": 0, "hot_copies": False})
        self.origin = self.nodes.origin
        self.path = next(p for p in (f"/t{i}" for i in range(64)) if self.nodes.owner(p) != "a")
        self.owner = self.nodes.owner(self.path)
        self.held, self.go = threading.Semaphore(0), threading.Event()
        self.addCleanup(self.go.set)

    def hold(self, fields, body=None):
        """From here on the origin holds back its answers until `go`."""
        self.purge()
        path, lock, count = self.path, threading.Lock(), [0]

        def answer(x):
            with lock:
                count[0] += 1
                number = count[0]
            self.held.release()
            self.go.wait(30)
            text = body or f"number {number} for {x.request.get('x-kind', 'all')}".encode()
            x.respond(200, fields, text)

        self.nodes.upstream.on(path, answer)
        return count

    def purge(self):
        self.nodes["a"].get(self.path, method="POST", body=b"x")

    def crowd(self, fields=lambda i: (), count=COUNT):
        """Connections at `a`, each with a request on its way: the first waits at the origin before the others come."""
        wires = [self.enterContext(self.nodes["a"].wire(timeout=30)) for _ in range(count)]
        for i, wire in enumerate(wires):
            wire.send(head("GET", self.path, list(fields(i))))
            if i == 0:
                self.held.acquire(timeout=30)
        return wires

    def questions(self):
        return sum(v for k, v in self.nodes[self.owner].metrics().items() if k[0] == "tidegate_cache_peer_questions_total")

    def test_a_crowd_asks_a_few_times_and_all_have_the_answer(self):
        self.purge()
        gate = Gated(self.nodes.upstream, self.path, b"a" * 1000, b"b" * 1000)
        self.addCleanup(gate.go.set)
        before, asked = self.questions(), gate.asked()
        wires = [self.enterContext(self.nodes["a"].wire(timeout=30)) for _ in range(COUNT)]
        for wire in wires:
            wire.send(head("GET", self.path))
        heads = [wire.read_head() for wire in wires]
        self.assertEqual([wire.take(1000) for wire in wires], [b"a" * 1000] * COUNT, "all have the first part before the second is there")
        gate.go.set()
        self.assertEqual([wire.take(1000) for wire in wires], [b"b" * 1000] * COUNT)
        self.assertEqual({h.status for h in heads}, {200})
        self.assertEqual(gate.asked() - asked, 1)
        wait_until(lambda: self.questions() > before, "the owner has been asked")
        self.assertLess(self.questions() - before, COUNT)
        self.assertEqual(sum("; collapsed" in h.get("cache-status") for h in heads), COUNT - 1)
        # What was answered together looks like what was answered alone.
        names = [sorted({n.lower() for n, _ in h.fields}) for h in heads]
        self.assertEqual(names, [names[0]] * COUNT)
        self.assertEqual(len({h.get("x-request-id") for h in heads}), COUNT)

    def test_hits_together(self):
        get(self.nodes["a"], self.path)
        counted = sum(self.nodes.judged(label) for label in "abc")
        wires = [self.enterContext(self.nodes["a"].wire(timeout=30)) for _ in range(COUNT)]
        for wire in wires:
            wire.send(head("GET", self.path))
        answers = [wire.read() for wire in wires]
        self.assertEqual(len({(a.status, a.body) for a in answers}), 1)
        self.assertEqual({a.get("cache-status").split(";")[1] for a in answers}, {" hit"})
        self.assertEqual(sum(self.nodes.judged(label) for label in "abc") - counted, COUNT)

    def test_each_gets_the_variant_of_its_own_request(self):
        self.hold([("Cache-Control", "max-age=60"), ("Vary", "X-Kind")])
        wires = self.crowd(lambda i: [("X-Kind", f"kind{i % 3}")])
        self.go.set()
        for i, wire in enumerate(wires):
            self.assertTrue(wire.read().body.endswith(f"for kind{i % 3}".encode()), i)

    def test_what_is_for_one_alone_is_got_by_one(self):
        for fields in ([("Cache-Control", "no-store")], [("Cache-Control", "max-age=60, private")]):
            self.go.clear()
            count = self.hold(fields)
            wires = self.crowd()
            self.go.set()
            bodies = [wire.read().body for wire in wires]
            self.assertEqual(len(set(bodies)), COUNT, "each has an answer of its own")
            self.assertEqual(count[0], COUNT)
            self.nodes.upstream.on(self.path, self.origin.respond)

    def test_a_large_body_reaches_those_who_read_it(self):
        body = bytes(range(256)) * (3 << 12)
        self.hold([("Cache-Control", "max-age=60")], body)
        wires = self.crowd(count=12)
        self.go.set()
        for wire in wires[1:]:
            self.assertEqual(wire.read().body, body)
        self.assertEqual(wires[0].read().body, body, "one that waited while the others had theirs")

    def test_the_owner_dies_while_they_wait(self):
        self.hold([("Cache-Control", "max-age=60")])
        wires = self.crowd()
        self.nodes.kill(self.owner)
        self.go.set()
        self.assertEqual({wire.read().status for wire in wires}, {200})

    def test_what_was_made_stale_is_had_by_nobody_who_asks_later(self):
        version, made, over, wrong, asked = [1], [1], threading.Event(), [], [0]
        lock = threading.Lock()

        def answer(x):
            if x.request.method == "POST":
                with lock:
                    version[0] += 1
                return x.respond(200, [], b"done")
            with lock:
                text = str(version[0]).encode()
            x.respond(200, [("Cache-Control", "max-age=60")], text)

        self.nodes.upstream.on(self.path, answer)
        self.purge()
        made[0] = version[0]

        def ask():
            with self.nodes["a"].wire(timeout=30) as wire:
                while not over.is_set():
                    least = made[0]
                    got = wire.request("GET", self.path)
                    with lock:
                        asked[0] += 1
                    if int(got.body) < least:
                        wrong.append((got.body, least, got.get("cache-status")))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        try:
            for number in range(40):
                before = asked[0]
                node = "abc"[number % 3]
                self.assertEqual(self.nodes[node].get(self.path, method="POST", body=b"x").status, 200)
                made[0] = version[0]
                wait_until(lambda: asked[0] > before + 16, "they go on asking")
        finally:
            over.set()
            for thread in threads:
                thread.join(15)
        self.assertEqual(wrong, [])


if __name__ == "__main__":
    unittest.main()
