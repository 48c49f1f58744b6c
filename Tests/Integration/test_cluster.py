"""Nodes that gossip: they find each other, miss who is gone, hear of drains, change keys, and refuse who does not belong."""
import base64
import contextlib
import json
import os
import signal
import ssl
import subprocess
import tempfile
import unittest

from certificates import Authority
from harness import Gateway, Process, binary, configuration, free_port, loopback, wait_until
from upstream import Upstream

KEY, OTHER_KEY = (base64.b64encode(os.urandom(32)).decode() for _ in range(2))
HELLO = {"GET /": {"mock": {"status": 200, "body": "hello"}}}


def node(label, seeds, gossip=None, keys=(KEY,), **cluster):
    """A configuration of a node; its gossip port is `gossip` or a free one."""
    config = configuration(routes=dict(HELLO), node={"name": label, "workers": 1, "zone": f"zone-{label}"})
    del config["upstreams"]
    config["cluster"] = {"listen": loopback(gossip or free_port()), "seeds": list(seeds), "keys": list(keys), **cluster}
    return config


def gossip_address(gateway):
    return gateway.config["cluster"]["listen"]


def members(gateway):
    """{name: member} as this node sees them."""
    return {member["name"]: member for member in json.loads(gateway.admin("/members").text)["members"]}


def states(gateway):
    return {name: member["state"] for name, member in members(gateway).items()}


class Cluster(unittest.TestCase):
    def setUp(self):
        self.stack = contextlib.ExitStack()
        self.addCleanup(self.stack.close)

    def start(self, config):
        return self.stack.enter_context(Gateway(config))

    def three(self):
        first = self.start(node("a", []))
        others = [self.start(node(name, [gossip_address(first)])) for name in "bc"]
        nodes = [first, *others]
        self.agree(nodes, {"a": "alive", "b": "alive", "c": "alive"})
        return nodes

    def agree(self, nodes, expected):
        wait_until(lambda: all(states(n) == expected for n in nodes), f"all see {expected}; {[states(n) for n in nodes]}")

    def test_three_nodes_know_each_other_and_what_each_says_of_itself(self):
        nodes = self.three()
        seen = members(nodes[1])["c"]
        self.assertEqual(seen["peer"], gossip_address(nodes[2]))
        self.assertEqual(seen["client"], nodes[2].config["listeners"][0]["address"])
        self.assertEqual(seen["zone"], "zone-c")
        self.assertEqual([m["name"] for m in members(nodes[1]).values() if m["self"]], ["b"])
        rings = {n.admin("/ring?key=some%20key&format=text").text for n in nodes}
        self.assertEqual(len(rings), 1, "all rank the nodes of a key alike")
        self.assertEqual(sorted(rings.pop().split()), ["a", "b", "c"])
        listing = subprocess.run(
            [binary(), "members", "--config", nodes[0].path], capture_output=True, text=True, timeout=30, check=True).stdout
        self.assertEqual([line.split()[:2] for line in listing.splitlines()[1:]], [["a", "alive"], ["b", "alive"], ["c", "alive"]])

    def test_a_killed_node_is_dead_and_comes_back_as_itself(self):
        nodes = self.three()
        before = members(nodes[0])["c"]
        nodes[2].process.kill()
        self.agree(nodes[:2], {"a": "alive", "b": "alive", "c": "dead"})
        nodes[2].start()
        self.agree(nodes, {"a": "alive", "b": "alive", "c": "alive"})
        after = members(nodes[0])["c"]
        self.assertEqual(after["id"], before["id"])
        self.assertGreater(after["generation"], before["generation"])

    def test_a_crashed_serving_process_is_the_same_member_again(self):
        nodes = self.three()
        before = members(nodes[0])["b"]["generation"]
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(nodes[1].process.pid)], capture_output=True, text=True, check=True)
        os.kill(int(children.stdout.split()[0]), signal.SIGKILL)
        wait_until(lambda: members(nodes[0])["b"]["generation"] > before and states(nodes[0])["b"] == "alive", "b lives again")

    def test_a_frozen_node_is_missed_and_forgiven(self):
        nodes = self.three()
        os.killpg(nodes[2].process.pid, signal.SIGSTOP)
        try:
            self.agree(nodes[:2], {"a": "alive", "b": "alive", "c": "dead"})
        finally:
            os.killpg(nodes[2].process.pid, signal.SIGCONT)
        self.agree(nodes, {"a": "alive", "b": "alive", "c": "alive"})

    def test_a_drain_is_seen_by_the_others_and_ends_in_a_goodbye(self):
        nodes = self.three()
        nodes[2].process.send(signal.SIGTERM)
        self.assertEqual(nodes[2].process.wait(30), 0)
        self.agree(nodes[:2], {"a": "alive", "b": "alive", "c": "left"})
        self.assertTrue(members(nodes[0])["c"]["draining"])

    def test_a_node_that_leaves_goes_on_serving(self):
        nodes = self.three()
        done = subprocess.run([binary(), "leave", "--config", nodes[1].path], capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 0, done.stderr)
        wait_until(lambda: states(nodes[0])["b"] == "left" and states(nodes[2])["b"] == "left", "b has left")
        self.assertEqual(nodes[1].get("/").status, 200)

    def test_nodes_that_start_before_their_seed_find_it_later(self):
        port = free_port()
        late = [self.start(node(name, [loopback(port)])) for name in "bc"]
        self.assertEqual([states(n) for n in late], [{"b": "alive"}, {"c": "alive"}], "ready although nobody answered")
        first = self.start(node("a", [], gossip=port))
        self.agree([first, *late], {"a": "alive", "b": "alive", "c": "alive"})

    def test_keys_change_while_nobody_is_missed(self):
        nodes = self.three()
        for keys in ([KEY, OTHER_KEY], [OTHER_KEY, KEY], [OTHER_KEY]):
            for gateway in nodes:
                gateway.config["cluster"]["keys"] = keys
                gateway.write(gateway.config)
                gateway.reload()
            ids = {tuple(k["id"] for k in json.loads(n.admin("/keys").text)["keys"]) for n in nodes}
            wait_until(
                lambda: len(ids := {n.admin("/keys?format=text").text for n in nodes}) == 1 and len(ids.pop().split("\n")) == len(keys) + 1,
                f"all hold {len(keys)} keys; before {ids}")
        probes = {n: n.metrics()[("tidegate_gossip_probes_total", ())] for n in nodes}
        wait_until(lambda: all(n.metrics()[("tidegate_gossip_probes_total", ())] > probes[n] + 5 for n in nodes), "probes go on")
        self.agree(nodes, {"a": "alive", "b": "alive", "c": "alive"})
        for gateway in nodes:
            self.assertEqual(gateway.metrics()[("tidegate_gossip_deaths_total", ())], 0)
            self.assertNotIn(OTHER_KEY, gateway.admin("/config").text)

    def checked(self, name, seeds, port):
        """A node that checks an endpoint ten times a second."""
        config = node(name, seeds)
        config["node"]["zone"] = "one"
        config["upstreams"] = {"main": {
            "endpoints": [loopback(port)], "health": {"path": "/health", "interval": "100ms", "jitter": 0, "healthy": 2, "unhealthy": 2}}}
        config["apis"][0]["routes"]["GET /up"] = {"upstream": "main"}
        return config

    def test_checks_are_divided_and_verdicts_shared(self):
        origin = self.stack.enter_context(Upstream())
        first = self.start(self.checked("a", [], origin.port))
        nodes = [first, *(self.start(self.checked(name, [gossip_address(first)], origin.port)) for name in "bcde")]
        self.agree(nodes, {name: "alive" for name in "abcde"})
        total = lambda: len([r for r in origin.seen if r.target == "/health"])

        def per_second():
            # Over as long as the nodes' own clocks take for twenty probes.
            before = nodes[0].metrics()[("tidegate_gossip_probes_total", ())]
            count = total()
            wait_until(lambda: nodes[0].metrics()[("tidegate_gossip_probes_total", ())] >= before + 10, "ten probes")
            return (total() - count) / 2
        wait_until(lambda: per_second() < 40, "three of five check ten times a second")
        verdicts = lambda n: n.metrics()[("tidegate_gossip_verdicts", ())]
        wait_until(lambda: all(verdicts(n) >= 3 for n in nodes), "all know what the three find")

        origin.on("/health", lambda x: x.respond(status=500))
        held = lambda n: json.loads(n.admin("/upstreams").text)["upstreams"][0]["endpoints"][0]["held_by"]
        wait_until(lambda: all("cluster_verdict" in held(n) for n in nodes), f"all take it out; {[held(n) for n in nodes]}")
        origin.on("/health", lambda x: x.respond())
        wait_until(lambda: all(held(n) == [] for n in nodes), "all take it back")

    def test_a_session_resumes_on_any_node(self):
        authority = self.stack.enter_context(Authority())
        certificate, key = authority.issue("a.test", "DNS:a.test")
        configs = [node(name, []) for name in "abc"]
        for config in configs:
            config["listeners"][0]["tls"] = {"certificates": [{"certificate": str(certificate), "key": str(key)}]}
            config["cluster"]["seeds"] = [c["cluster"]["listen"] for c in configs if c is not config]
        nodes = [self.start(config) for config in configs]
        self.agree(nodes, {"a": "alive", "b": "alive", "c": "alive"})
        context = ssl.create_default_context(cafile=authority.certificate)

        def resumes(at, session):
            with at.wire(tls=context, server_name="a.test", session=session) as wire:
                self.assertEqual(wire.request("GET", "/").status, 200)
                return wire.socket.session_reused, wire.socket.session
        # Nodes seal with a key of their own until one is known to all.
        def everywhere(session):
            return all(resumes(n, session)[0] for n in nodes)
        for at in nodes:
            wait_until(lambda: everywhere(resumes(at, None)[1]), "a session of one node resumes on all", 60)
        nodes[2].stop()
        nodes[2].start()
        self.agree(nodes, {"a": "alive", "b": "alive", "c": "alive"})
        session = resumes(nodes[0], None)[1]
        wait_until(lambda: resumes(nodes[2], session)[0], "on one that has just started as well")

    def test_a_member_that_serves_something_else_is_marked(self):
        nodes = self.three()
        differing = lambda: [n.metrics()[("tidegate_cluster_definitions_differ", ())] for n in nodes]
        wait_until(lambda: differing() == [0, 0, 0], "all serve the same")
        nodes[1].config["apis"][0]["routes"]["GET /new"] = {"mock": {"status": 200}}
        nodes[1].write(nodes[1].config)
        nodes[1].reload()
        wait_until(lambda: differing() == [1, 2, 1], f"one serves something else; {differing()}")
        self.assertIn("alive, other definitions", nodes[0].admin("/members?format=text").text)

    def refused(self, config):
        """Starts a node that is not let in: its exit code and what it said."""
        folder = self.stack.enter_context(tempfile.TemporaryDirectory(prefix="tidegate-"))
        path = f"{folder}/tidegate.yaml"
        with open(path, "w") as file:
            json.dump(config, file)
        process = Process([binary(), "run", "--config", path], folder)
        self.addCleanup(process.kill)
        return process.wait(30), process.output

    def test_a_node_with_another_key_is_told_and_ends(self):
        first = self.start(node("a", []))
        code, said = self.refused(node("b", [gossip_address(first)], keys=(OTHER_KEY,)))
        self.assertEqual(code, 1)
        self.assertIn("unknown key id", said)
        self.assertEqual(states(first), {"a": "alive"})

    def test_a_node_of_another_cluster_is_told_and_ends(self):
        first = self.start(node("a", []))
        code, said = self.refused(node("b", [gossip_address(first)], name="elsewhere"))
        self.assertEqual(code, 1)
        self.assertIn("other cluster", said)

    def test_a_seed_that_lets_it_in_is_enough(self):
        first, stranger = self.start(node("a", [])), self.start(node("x", [], keys=(OTHER_KEY,)))
        second = self.start(node("b", [gossip_address(stranger), gossip_address(first)]))
        self.agree([first, second], {"a": "alive", "b": "alive"})
        reasons = lambda: {dict(labels)["reason"] for (name, labels), value in stranger.metrics().items()
                           if name == "tidegate_gossip_packets_dropped_total" and value > 0}
        wait_until(lambda: "unknown_key" in reasons(), "what the stranger cannot open is counted by its reason")

    def test_two_nodes_on_one_data_folder_are_refused(self):
        first = self.start(node("a", []))
        config = node("b", [])
        config["node"]["data"] = str(first.folder / "var")
        code, said = self.refused(config)
        self.assertEqual(code, 1)
        self.assertIn("belongs to another node", said)


if __name__ == "__main__":
    unittest.main()
