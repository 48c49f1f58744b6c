"""The table of caching cases (Tests/Vectors/cache) against the real binary: one node, then three,
each request at a node drawn at random."""
import base64
import contextlib
import json
import os
import unittest

import cache_table
from cache_judge import parse_cache_status
from cache_origin import CacheOrigin
from harness import Gateway, configuration, free_port, loopback, wait_until

# What the cases' routes stand for; `plain` is what everybody gets who turns the cache on and says no more.
ROUTES = {
    "plain": {},
    "ttl": {"default_ttl": "60s"},
    "negative": {"negative_ttl": "60s"},
    "maximum": {"maximum_ttl": "1s"},
    "swr": {"stale_while_revalidate": "60s"},
    "sie": {"stale_if_error": "60s"},
    "keyed": {"key": {"query": ["a", "b"], "headers": ["X-Key"]}},
    "bypass": {"bypass": ["X-Bypass"]},
    "small": {"body_max": "1KiB"},
    "off": None,
}
SEED = 9111


def settings(origin_port, label="one", cluster=None):
    """A node that caches. Nothing between cache and origin may repeat, eject or give up: the cases count what the origin is asked."""
    routes = {}
    for name, cache in ROUTES.items():
        routes[f"ANY /{name}/{{proxy+}}"] = {"upstream": "main"} if cache is None else {"upstream": "main", "cache": cache}
    upstream = {"retries": {"attempts": 1}, "ejection": {"consecutive": 0}}
    sections = {"cache": {"ram": "64MiB"}, **({"cluster": cluster} if cluster else {})}
    return configuration(origin_port, upstream=upstream, routes=routes, node={"name": label, "workers": 2}, **sections)


class CachingTable(unittest.TestCase):
    """Both tests run the same cases; a case that fails is a subTest of its own."""

    @classmethod
    def setUpClass(cls):
        cls.cases = cache_table.load()
        cls.origin = cls.enterClassContext(CacheOrigin())

    def judge(self, gateways):
        table = cache_table.Table(self.origin, [g.port() for g in gateways], SEED, demands_status=True)
        for result in table.judge_all(self.cases):
            with self.subTest(case=result.case.id):
                if result.outcome != "pass":
                    self.fail(f"{result.case.says} ({result.case.clause}) step {result.step}: {'; '.join(result.faults)}")

    def test_one_node(self):
        with Gateway(settings(self.origin.port)) as gateway:
            self.judge([gateway])

    def test_three_nodes(self):
        key = base64.b64encode(os.urandom(32)).decode()
        gossip = free_port()
        with contextlib.ExitStack() as stack:
            nodes = []
            for label in ("a", "b", "c"):
                cluster = {"listen": loopback(gossip if label == "a" else free_port()),
                           "seeds": [] if label == "a" else [loopback(gossip)], "keys": [key]}
                nodes.append(stack.enter_context(Gateway(settings(self.origin.port, label, cluster))))
            wait_until(lambda: all(self.alive(n) == 3 for n in nodes), "the three nodes know each other")
            self.judge(nodes)

    @staticmethod
    def alive(node):
        return sum(m["state"] == "alive" for m in json.loads(node.admin("/members").text)["members"])

    def test_without_a_cache_nothing_that_is_promised_seems_to_happen(self):
        """The origin asked directly: a case that promises reuse and passes here could not fail."""
        promised = [c for c in self.cases if c.kind == "optimal"]
        passed = {r.case.id for r in cache_table.Table(self.origin, [self.origin.port], SEED).judge_all(promised) if r.outcome == "pass"}
        self.assertLessEqual(passed, {"conditional-stale-same"}, "the origin itself confirms that one")

    def test_the_table_is_large_enough_and_names_its_clauses(self):
        self.assertGreaterEqual(len(self.cases), 250)
        for case in self.cases:
            with self.subTest(case=case.id):
                self.assertRegex(case.clause, r"^(RFC \d{4} \d+(\.\d+)*|docs/cache\.md)$")
                self.assertIn(case.route, ROUTES)


class CacheStatus(unittest.TestCase):
    def test_members_and_parameters_are_read(self):
        for text, expected in (
                ("Tidegate; hit", [("Tidegate", {"hit": True})]),
                ('"a \\"b\\""; fwd=uri-miss;stored , C;ttl=-5;detail="x, y"',
                 [('a "b"', {"fwd": "uri-miss", "stored": True}), ("C", {"ttl": -5, "detail": "x, y"})]),
                ("A;hit=?0;r=1.5", [("A", {"hit": False, "r": 1.5})])):
            with self.subTest(text):
                self.assertEqual(parse_cache_status(text), expected)

    def test_what_is_no_list_is_refused(self):
        for text in ("A,", "A; ", "A;Hit", "A;ttl=", "A B", ";hit", '"A', "A;x=\u00e9", ", A", "1;hit"):
            with self.subTest(text), self.assertRaises(ValueError):
                parse_cache_status(text)


if __name__ == "__main__":
    unittest.main()
