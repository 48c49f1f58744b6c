"""Nodes that share a cache die, freeze, restart and drain while clients ask the others; strangers knock at the port between them."""
import collections
import contextlib
import os
import signal
import socket
import ssl
import threading
import unittest

from cache_cluster import FRESH, Asking, Begun, Gated, agree, all_of, owner_of, start_nodes
from harness import wait_until
from test_cluster import members
from upstream import Upstream
from wire import Truncated, head

KINDS = {"kept": "max-age=60", "brief": "max-age=1", "alone": "no-store"}


class Members(unittest.TestCase):
    """Three nodes that come and go."""

    def setUp(self):
        self.upstream = self.enterContext(Upstream())
        self.upstream.on(None, self.answer)
        self.nodes = start_nodes(self.enterContext(contextlib.ExitStack()), self.upstream.port)

    @staticmethod
    def body_of(path):
        return (path.encode() + b" ") * 500

    def answer(self, x):
        x.read()
        x.respond(fields=[("Cache-Control", KINDS[x.request.target.rsplit("/", 1)[1]])], body=self.body_of(x.request.target))

    def asking(self, nodes):
        return Asking(nodes, [f"/{i}/{kind}" for i in range(40) for kind in KINDS], self.body_of)

    @staticmethod
    def signal(node, number):
        os.killpg(node.process.pid, number)

    def test_the_first_requests_for_keys_of_several_nodes_are_answered(self):
        """They wait for connections to more than one node at the same time."""
        for node in self.nodes:
            wires = [self.enterContext(node.wire(timeout=3)) for _ in range(60)]
            for i, wire in enumerate(wires):
                wire.send(head("GET", f"/{i}/kept"))
            self.assertEqual({wire.read().status for wire in wires}, {200})

    def test_a_thousand_for_one_key_of_nodes_just_started_are_one_at_the_origin(self):
        """More at once than the first connection between two of them takes."""
        gate = Gated(self.upstream, "/cold", b"a" * 1000, b"b" * 1000)
        self.addCleanup(gate.go.set)
        wires = [self.enterContext(self.nodes[i % 2].wire()) for i in range(1000)]
        for wire in wires:
            wire.send(head("GET", gate.path))
        begun = [Begun(gate, wire) for wire in wires]
        gate.go.set()
        self.assertEqual({client.first + client.finish() for client in begun}, {gate.body})
        self.assertEqual(gate.asked(), 1)

    def test_whatever_happens_to_a_node_the_others_answer(self):
        victim = owner_of(self.nodes, "/0/kept")
        others = [n for n in self.nodes if n is not victim]
        names = {n.config["node"]["name"] for n in others}
        with self.asking(others) as asking:
            for change, undo in ((victim.process.kill, victim.start), (
                    lambda: self.signal(victim, signal.SIGSTOP), lambda: self.signal(victim, signal.SIGCONT))):
                asking.go_on("all live")
                change()
                asking.go_on("one is gone")
                agree(others, names)
                asking.go_on("all know")
                undo()
                agree(self.nodes, "abc")
                asking.go_on("it is back")
        self.assertEqual(asking.faults, [])

    def test_a_drained_node_is_asked_no_more_while_requests_go_on(self):
        draining = owner_of(self.nodes, "/0/kept")
        name = draining.config["node"]["name"]
        others = [n for n in self.nodes if n is not draining]
        held = Gated(self.upstream, "/held", b"a", b"b")
        waiting = held.begun(draining)
        self.addCleanup(waiting.wire.close)
        with self.asking(others) as asking:
            asking.go_on("all live")
            draining.process.send(signal.SIGTERM)
            wait_until(lambda: all(members(n)[name]["draining"] for n in others), "the others know that it drains")
            asking.go_on("one drains")
        self.assertEqual(asking.faults, [])
        self.assertIn(owner_of(others, "/0/kept"), others, "its keys are the others' while it drains")
        with self.asking(others) as asking:
            held.go.set()
            self.assertEqual(waiting.finish(), b"b")
            self.assertEqual(draining.process.wait(), 0)
            asking.go_on("it has left")
        self.assertEqual(asking.faults, [])

    def test_a_change_that_ends_while_its_node_drains_is_told(self):
        """Of two nodes only one is left to keep anything."""
        staying, draining = start_nodes(self.enterContext(contextlib.ExitStack()), self.upstream.port, "xy")
        version, go, paths = [b"old"], threading.Event(), [f"/{i}/changing" for i in range(6)]
        self.addCleanup(go.set)

        def answer(x):
            x.read()
            if x.request.method == "POST":
                go.wait(15)
            x.respond(fields=[FRESH], body=version[0])
        for path in paths:
            self.upstream.on(path, answer)
            self.assertEqual({n.get(path).body for n in (staying, draining)}, {b"old"})
        wires = [self.enterContext(draining.wire()) for _ in paths]
        for wire, path in zip(wires, paths):
            wire.send(head("POST", path, [("Content-Length", 0)]))
        self.upstream.wait_for(lambda u: sum(r.method == "POST" for r in u.seen) == len(paths), "the changes are under way")
        draining.process.send(signal.SIGTERM)
        probes = lambda: staying.metrics()[("tidegate_gossip_probes_total", ())]
        wait_until(lambda: members(staying)["y"]["draining"], "the other knows that it drains")
        begun = probes()
        wait_until(lambda: probes() > begun + 3, "it has acted on it as well")
        version[0] = b"new"
        go.set()
        self.assertEqual({wire.read().status for wire in wires}, {200})
        self.assertEqual(draining.process.wait(), 0)
        self.assertEqual([staying.get(path).body for path in paths], [b"new"] * len(paths))

    def test_what_a_node_missed_while_it_was_frozen_it_does_not_serve(self):
        version = [b"old"]
        self.upstream.on("/changing", lambda x: (x.read(), x.respond(fields=[FRESH], body=version[0])))
        frozen = owner_of(self.nodes, "/changing")
        others = [n for n in self.nodes if n is not frozen]
        self.signal(frozen, signal.SIGSTOP)
        try:
            agree(others, {n.config["node"]["name"] for n in others})
            version[0] = b"new"
            self.assertEqual(others[0].get("/changing", method="POST", body=b"").status, 200)
            self.assertEqual({n.get("/changing").body for n in others}, {b"new"})
        finally:
            self.signal(frozen, signal.SIGCONT)
        agree(self.nodes, "abc")
        self.assertEqual({n.get("/changing").body for n in self.nodes}, {b"new"})

    def changing(self, count):
        """Paths whose answers a POST changes; what to do and what is expected then."""
        version, paths = [b"0"], [f"/{i}/changing" for i in range(count)]
        for path in paths:
            self.upstream.on(path, lambda x: (x.read(), x.respond(fields=[FRESH], body=version[0])))

        def change(node):
            version[0] = b"%d" % (int(version[0]) + 1)
            self.assertEqual({r.status for r in all_of([lambda p=p: node.get(p, method="POST", body=b"") for p in paths])}, {200})
        return version, paths, change

    def check_waking(self, nodes, frozen, change, version, paths, knows):
        """Requests that reach a node while it does not run are answered with what is good when it does again."""
        self.assertEqual({n.get(p).body for n in nodes for p in paths}, {version[0]})
        wires = [self.enterContext(frozen.wire()) for _ in paths]
        self.signal(frozen, signal.SIGSTOP)
        try:
            knows()
            change(next(n for n in nodes if n is not frozen))
            for wire, path in zip(wires, paths):
                wire.send(head("GET", path))
        finally:
            self.signal(frozen, signal.SIGCONT)
        self.assertEqual({wire.read().body for wire in wires}, {version[0]})
        self.assertEqual({n.get(p).body for n in nodes for p in paths}, {version[0]})

    def test_a_node_that_wakes_serves_nothing_old_from_the_first_moment(self):
        frozen = self.nodes[1]
        others = [n for n in self.nodes if n is not frozen]
        version, paths, change = self.changing(30)
        for knows in (lambda: None, lambda: agree(others, "ac")):
            self.check_waking(self.nodes, frozen, change, version, paths, knows)
            agree(self.nodes, "abc")

    def test_one_that_was_left_alone_tells_the_other_what_it_missed(self):
        """Of two nodes; be it more than is told one by one."""
        nodes = start_nodes(self.enterContext(contextlib.ExitStack()), self.upstream.port, "xy")
        version, paths, change = self.changing(12)
        self.upstream.on("/other", lambda x: (x.read(), x.respond()))

        def change_many(node):
            with node.wire() as wire:
                for i in range(2_200):
                    self.assertEqual(wire.request("POST", f"/other?{i}", body=b"").status, 200)
            change(node)
        for act in (change, change_many):
            self.check_waking(nodes, nodes[1], act, version, paths, lambda: agree(nodes[:1], "x"))
            agree(nodes, "xy")

    def test_who_is_served_by_a_node_that_freezes_is_not_left_hanging(self):
        frozen = owner_of(self.nodes, "/0/kept")
        others = [n for n in self.nodes if n is not frozen]
        gates = [Gated(self.upstream, f"/half/{i}", b"a" * 10, b"b" * 10) for i in range(12)]
        begun = [gate.begun(others[i % 2], timeout=4) for i, gate in enumerate(gates)]
        self.signal(frozen, signal.SIGSTOP)
        try:
            agree(others, {n.config["node"]["name"] for n in others})
            for gate in gates:
                gate.go.set()
            ends = collections.Counter()
            for waiting in begun:
                try:
                    ends[waiting.finish()] += 1
                except (Truncated, ConnectionError):
                    ends["broken"] += 1
                waiting.wire.close()
        finally:
            self.signal(frozen, signal.SIGCONT)
        self.assertEqual(set(ends), {b"b" * 10, "broken"}, ends)

    def test_the_gossip_port_refuses_who_has_no_key(self):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        for node in self.nodes:
            port = int(node.config["cluster"]["listen"].rsplit(":", 1)[1])
            with self.assertRaises((ssl.SSLError, ConnectionError)):
                with socket.create_connection(("127.0.0.1", port), 5) as s, context.wrap_socket(s) as tls:
                    tls.recv(1)
            for opening in (
                    b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), b"\x16\x03\x01", bytes(70)):
                with socket.create_connection(("127.0.0.1", port), 5) as s:
                    s.sendall(opening)
                    s.shutdown(socket.SHUT_WR)
                    with contextlib.suppress(ConnectionError):
                        self.assertNotIn(b"HTTP/", s.recv(1000))
        probes = {n: n.metrics()[("tidegate_gossip_probes_total", ())] for n in self.nodes}
        wait_until(lambda: all(n.metrics()[("tidegate_gossip_probes_total", ())] > probes[n] + 2 for n in self.nodes), "probes go on")
        agree(self.nodes, "abc")


if __name__ == "__main__":
    unittest.main()
