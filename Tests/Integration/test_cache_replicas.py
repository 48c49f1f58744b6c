"""Copies of stored responses on other nodes: they answer when the owner is lost or slow, and never what has become stale."""
import contextlib
import json
import os
import signal
import threading
import unittest

from cache_nodes import Nodes, get
from harness import Gateway, configuration, wait_until
from upstream import Upstream


class ReplicaCase(unittest.TestCase):
    COUNT, CACHE = 3, None

    def setUp(self):
        self.stack = self.enterContext(contextlib.ExitStack())
        self.nodes = Nodes(self.stack, self.COUNT, self.CACHE)
        self.origin = self.nodes.origin

    def owned_by_other(self, asked="a", prefix="/k"):
        """A path that is stored at another node than `asked`, whose replica has said that it keeps a copy."""
        for i in range(64):
            path = f"{prefix}{i}"
            before = {n: self.nodes.copies(n) for n in self.nodes.nodes}
            owner = self.nodes.owner(path, asked)
            if owner != asked:
                wait_until(lambda: self.nodes.copies(owner) > before[owner], "a replica has a copy")
                return path, owner
        self.fail("no path is another node's")

    def others(self, *labels):
        return [label for label in self.nodes.nodes if label not in labels]


class OneReplica(ReplicaCase):
    def test_a_replica_answers_for_an_owner_that_was_killed(self):
        path, owner = self.owned_by_other()
        body = get(self.nodes["a"], path)[0]
        self.nodes.kill(owner)
        for label in self.nodes.nodes:
            got, status = get(self.nodes[label], path)
            self.assertEqual(got, body)
            self.assertIn("; hit", status)
        self.assertEqual(self.origin.fetches(path), 1)

    def test_a_replica_answers_for_an_owner_that_is_frozen(self):
        path, owner = self.owned_by_other()
        body = get(self.nodes["a"], path)[0]
        pids = self.nodes[owner].serving_pids
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            for label in self.others(owner):
                self.assertEqual(get(self.nodes[label], path)[0], body)
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        self.assertEqual(self.origin.fetches(path), 1)

    def test_what_an_unsafe_request_made_stale_is_not_served_by_the_replica(self):
        path, owner = self.owned_by_other()
        old = get(self.nodes["a"], path)[0]
        self.assertEqual(self.nodes["a"].get(path, method="POST", body=b"x").status, 200)
        self.nodes.kill(owner)
        for label in self.nodes.nodes:
            self.assertNotEqual(get(self.nodes[label], path)[0], old)

    def test_what_was_purged_is_not_served_by_the_replica(self):
        path, owner = self.owned_by_other()
        old = get(self.nodes["a"], path)[0]
        answer = self.nodes["a"].admin(
            "/purge?wait=5s", "POST", {"Content-Type": "application/json"}, json.dumps({"all": True}))
        self.assertEqual(json.loads(answer.text)["awaited"], [])
        self.nodes.kill(owner)
        for label in self.nodes.nodes:
            self.assertNotEqual(get(self.nodes[label], path)[0], old)

    def test_what_replaced_a_response_replaces_its_copy(self):
        path, owner = self.owned_by_other()
        before = self.nodes.copies(owner)
        new = get(self.nodes["a"], path, [("Cache-Control", "no-cache")])[0]
        self.assertEqual(new, get(self.nodes["a"], path)[0])
        wait_until(lambda: self.nodes.copies(owner) > before, "the replica has the new one")
        self.nodes.kill(owner)
        self.assertEqual(get(self.nodes["a"], path)[0], new)
        self.assertEqual(self.origin.fetches(path), 2)

    def test_variants_are_copied_each_under_its_own_fields(self):
        for i in range(64):
            path = f"/v{i}"
            self.origin.fields[path] = [("Cache-Control", "max-age=600"), ("Vary", "X-Kind")]
            before = {n: self.nodes.copies(n) for n in self.nodes.nodes}
            owner = self.nodes.owner(path)
            if owner != "a":
                break
        get(self.nodes["a"], path, [("X-Kind", "one")])
        get(self.nodes["a"], path, [("X-Kind", "two")])
        wait_until(lambda: self.nodes.copies(owner) >= before[owner] + 3, "three variants have copies")
        fetched = self.origin.fetches(path)
        self.nodes.kill(owner)
        for kind in ("one", "two"):
            self.assertTrue(get(self.nodes["a"], path, [("X-Kind", kind)])[0].endswith(f"for {kind}"))
        self.assertEqual(self.origin.fetches(path), fetched)
        self.assertTrue(get(self.nodes["a"], path, [("X-Kind", "three")])[0].endswith("for three"))

    def test_a_copy_is_as_old_as_what_it_is_a_copy_of(self):
        for i in range(64):
            path = f"/aged{i}"
            self.origin.fields[path] = [("Cache-Control", "max-age=600"), ("Age", "100")]
            before = {n: self.nodes.copies(n) for n in self.nodes.nodes}
            owner = self.nodes.owner(path)
            if owner != "a":
                break
        wait_until(lambda: self.nodes.copies(owner) > before[owner], "a replica has a copy")
        self.nodes.kill(owner)
        answer = self.nodes["a"].get(path)
        self.assertGreaterEqual(int(answer.get("age")), 100)
        self.assertIn("; hit", answer.get("cache-status"))


class HotKeys(ReplicaCase):
    CACHE = {"replicas": 0}

    def rank(self, path):
        return json.loads(self.nodes["a"].admin("/cache?url=http://a.test" + path).text)["rank"]

    def hot(self):
        """A path that another node owns and this one, a, answers by itself."""
        for i in range(64):
            path = f"/hot{i}"
            owner = self.nodes.owner(path)
            # Nor is `a` the one that takes over: that one keeps its copy.
            rank = self.rank(path)
            self.assertEqual((rank[0], len(rank)), (owner, 3))
            if rank[-1] == "a":
                break
        def answers():
            before = self.nodes.judged("a")
            for _ in range(40):
                self.assertIn("; hit", get(self.nodes["a"], path)[1])
            return self.nodes.judged("a") > before
        wait_until(answers, "a node answers by itself what it is asked for often")
        return path, owner

    def test_a_copy_is_used_for_a_moment_and_goes_by_the_terms_of_the_original(self):
        path, owner = self.hot()
        self.assertEqual(self.origin.fetches(path), 1)
        self.nodes.kill(owner)
        # Nobody who could tell is left, and the copy does not outlive its moment.
        wait_until(lambda: "; hit" not in get(self.nodes["a"], path)[1] or self.origin.fetches(path) > 1, "the copy is not used for long")

    def test_an_unsafe_request_anywhere_reaches_the_copy_before_its_client_hears(self):
        path, owner = self.hot()
        third = next(label for label in self.nodes.nodes if label not in ("a", owner))
        for poster in (third, owner, "a") * 5:
            for _ in range(40):
                old = get(self.nodes["a"], path)[0]
            self.assertEqual(self.nodes[poster].get(path, method="POST", body=b"x").status, 200)
            self.assertNotEqual(get(self.nodes["a"], path)[0], old, f"posted at {poster}")

    def test_a_purge_reaches_the_copy(self):
        path, _ = self.hot()
        old = get(self.nodes["a"], path)[0]
        answer = self.nodes["a"].admin(
            "/purge?wait=5s", "POST", {"Content-Type": "application/json"}, json.dumps({"all": True}))
        self.assertEqual(json.loads(answer.text)["awaited"], [])
        self.assertNotEqual(get(self.nodes["a"], path)[0], old)


class Moves(ReplicaCase):
    PATHS = [f"/m{i}" for i in range(40)]

    def fetches(self):
        return sum(self.origin.fetches(path) for path in self.PATHS)

    def fill(self):
        for path in self.PATHS:
            get(self.nodes["a"], path)
        wait_until(lambda: sum(self.nodes.copies(n) for n in self.nodes.nodes) >= len(self.PATHS), "all have copies")

    def settle(self, before):
        """Waits until members' changes have led to offers, and all of those are through."""
        # Of 40 keys each node among three or four has a part in 20 or so: fewer than 5 have a chance below one in a million.
        wait_until(lambda: sum(self.nodes.copies(n) for n in self.nodes.nodes) >= before + 5, "copies are made")
        wait_until(lambda: all(self.nodes.waiting(n) == 0 for n in self.nodes.nodes), "all offers are through")

    def assert_all_hit(self, label):
        for path in self.PATHS:
            self.assertIn("; hit", get(self.nodes[label], path)[1], path)
        self.assertEqual(self.fetches(), len(self.PATHS))

    def test_a_new_node_is_given_what_is_its_own(self):
        self.fill()
        before = sum(self.nodes.copies(n) for n in self.nodes.nodes)
        self.nodes.add("d")
        self.nodes.wait_alive(4)
        self.settle(before)
        self.assert_all_hit("d")

    def test_after_a_death_there_is_another_replica(self):
        self.fill()
        before = sum(self.nodes.copies(n) for n in self.nodes.nodes if n != "c")
        self.nodes.kill("c")
        self.nodes.wait_alive(2)
        self.settle(before)
        self.nodes.kill("b")
        self.assert_all_hit("a")


class HandOver(ReplicaCase):
    CACHE = {"replicas": 0}

    def test_a_node_that_drains_hands_over_what_it_has(self):
        paths = [f"/d{i}" for i in range(40)]
        for path in paths:
            get(self.nodes["b"], path)
        leaving = self.nodes.nodes.pop("a")
        leaving.stop()
        for path in paths:
            self.assertIn("; hit", get(self.nodes["b"], path)[1], path)
        self.assertEqual(sum(self.origin.fetches(path) for path in paths), len(paths))


class ColdStart(unittest.TestCase):
    def test_fetches_beyond_the_bound_wait_for_their_turn(self):
        upstream = self.enterContext(Upstream())
        inside, released = [], threading.Event()
        def answer(exchange):
            inside.append(exchange.request.target)
            released.wait(15)
            exchange.respond(200, [("Cache-Control", "max-age=600")], exchange.request.target.encode())
        upstream.on(None, answer)
        config = configuration(
            upstream.port, routes={"$default": {"upstream": "main", "cache": {}}}, node={"workers": 2},
            cache={"ram": "16MiB", "fills": 2})
        gateway = self.enterContext(Gateway(config))
        paths, got = [f"/c{i}" for i in range(8)], {}
        def ask(path):
            got[path] = gateway.get(path).body.decode()
        threads = [threading.Thread(target=ask, args=(path,)) for path in paths]
        for thread in threads:
            thread.start()
        wait_until(lambda: json.loads(gateway.admin("/cache").text)["fills_under_way"] == 8, "all are asked for")
        wait_until(lambda: len(inside) >= 2, "the first are at the origin")
        self.assertEqual(len(inside), 2)
        released.set()
        for thread in threads:
            thread.join(15)
        self.assertEqual(got, {path: path for path in paths})
        self.assertEqual(sorted(inside), sorted(paths))


class WithoutReplicas(ReplicaCase):
    CACHE = {"replicas": 0}

    def test_nothing_is_copied_and_the_next_node_fetches(self):
        owner = None
        for i in range(64):
            path = f"/n{i}"
            owner = self.nodes.owner(path)
            if owner != "a":
                break
        self.nodes.kill(owner)
        self.assertNotIn("; hit", get(self.nodes["a"], path)[1])
        self.assertEqual(self.origin.fetches(path), 2)
        self.assertEqual(sum(self.nodes.copies(label) for label in self.nodes.nodes), 0)


if __name__ == "__main__":
    unittest.main()
