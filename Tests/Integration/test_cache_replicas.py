"""Copies of stored responses on other nodes: they answer when the owner is lost or slow, and never what has become stale."""
import contextlib
import json
import os
import signal
import unittest

from cache_nodes import Nodes, get
from harness import wait_until


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

    def hot(self):
        """A path that another node owns and this one, a, answers by itself."""
        for i in range(64):
            path = f"/hot{i}"
            owner = self.nodes.owner(path)
            if owner != "a":
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
