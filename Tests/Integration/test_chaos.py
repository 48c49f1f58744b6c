"""The cache under load while nodes and origin are hurt (ops/storm): short storms over three and five nodes; and whether the storm's judge
sees what it is there to see, told of answers that nobody may give."""
import contextlib
import io
import random
import subprocess
import sys
import time
import types
import unittest

from harness import FULL, ROOT, binary

sys.path.insert(0, str(ROOT / "ops/storm"))
import content  # noqa: E402
from client import Answer, Broken  # noqa: E402
from judge import Judge  # noqa: E402
from load import Ask  # noqa: E402

NODE = types.SimpleNamespace(name="node")


class Judged(Judge):
    """Without an origin: what it said is given."""

    def __init__(self):
        super().__init__("", time.monotonic())
        self.said = []

    def tell(self, what, body=None):
        return self.said


class TheJudge(unittest.TestCase):
    def setUp(self):
        self.judge = Judged()

    def ask(self, path, method="GET", variant="", **fields):
        ask = Ask("/short/1", random.Random(1))
        ask.path, ask.method, ask.variant = path, method, variant
        ask.fields = {name.replace("_", "-"): value for name, value in fields.items()}
        return ask

    def answer(self, path, version=1, variant="", age=0.0, status=200, body=None, **fields):
        now = time.monotonic()
        whole = content.body(path, version, variant)
        head = {"etag": content.etag(path, version, variant), "x-made": str(int((now - age) * 1e9))}
        head |= {n.replace("_", "-"): v for n, v in fields.items()}
        return Answer(status, head, whole if body is None else body, NODE, now)

    def verdict(self, ask, answer):
        with contextlib.redirect_stdout(io.StringIO()):
            return self.judge.judge(ask, answer)

    def test_what_the_origin_said_is_good(self):
        long, whole = "/long/3", content.body("/long/3", 1, "")
        for ask, answer in (
                (self.ask(long), self.answer(long, age=1000)),
                (self.ask(long, "HEAD"), self.answer(long, body=b"", content_length=str(len(whole)))),
                (self.ask(long, Range="bytes=5-9"),
                 self.answer(long, status=206, body=whole[5:10], content_range=f"bytes 5-9/{len(whole)}")),
                (self.ask(long, If_None_Match=content.etag(long, 1, "")), self.answer(long, status=304, body=b"")),
                (self.ask("/vary/1", variant="de"), self.answer("/vary/1", variant="de")),
                (self.ask("/short/1"), self.answer("/short/1", age=1.5)),
                (self.ask("/while/1"), self.answer("/while/1", age=2.5))):
            self.assertTrue(self.verdict(ask, answer), answer.fields)

    def test_what_nobody_may_say_is_seen(self):
        long, whole = "/long/3", content.body("/long/3", 1, "")
        part = dict(status=206, body=whole[5:10])
        wrong = bytearray(whole)
        wrong[-1] ^= 1
        for why, ask, answer in (
                ("one byte", self.ask(long), self.answer(long, body=bytes(wrong))),
                ("cut short", self.ask(long), self.answer(long, body=whole[:-1])),
                ("a mixture", self.ask(long), self.answer(long, body=whole[:100] + content.body(long, 2, "")[100:len(whole)])),
                ("of another path", self.ask(long), self.answer("/long/4")),
                ("another variant", self.ask("/vary/1", variant="de"), self.answer("/vary/1", variant="en")),
                ("too old", self.ask("/short/1"), self.answer("/short/1", age=2.5)),
                ("beyond its window", self.ask("/while/1"), self.answer("/while/1", age=3.5)),
                ("stale without an error", self.ask("/error/1"), self.answer("/error/1", age=2)),
                ("not asked anew", self.ask(long, Cache_Control="no-cache"), self.answer(long, age=1)),
                ("another part", self.ask(long, Range="bytes=5-9"), self.answer(long, **part, content_range=f"bytes 6-10/{len(whole)}")),
                ("a wrong part", self.ask(long, Range="bytes=5-9"),
                 self.answer(long, status=206, body=whole[6:11], content_range=f"bytes 5-9/{len(whole)}")),
                ("a part unasked", self.ask(long), self.answer(long, **part, content_range=f"bytes 5-9/{len(whole)}")),
                ("not modified unasked", self.ask(long), self.answer(long, status=304, body=b"")),
                ("another length", self.ask(long, "HEAD"), self.answer(long, body=b"", content_length="1")),
                ("a stranger's", self.ask("/none/0", X_Nonce="n1"), self.answer("/none/0", variant="n2", x_nonce="n2")),
                ("a failure of its own", self.ask(long), self.answer(long, status=502, body=b""))):
            with self.subTest(why):
                before = self.judge.violations
                self.assertFalse(self.verdict(ask, answer))
                self.assertEqual(self.judge.violations, before + 1)

    def test_what_was_changed_is_not_to_be_seen_again(self):
        self.judge.raise_floor("/long/3", 2, time.monotonic() + 1000)
        self.assertTrue(self.verdict(self.ask("/long/3"), self.answer("/long/3")), "not yet")
        self.judge.raise_floor("/long/3", 2, time.monotonic())
        self.assertFalse(self.verdict(self.ask("/long/3"), self.answer("/long/3")))
        self.assertTrue(self.verdict(self.ask("/long/3"), self.answer("/long/3", version=2)))

    def test_who_got_no_answer_is_missed_unless_origin_or_node_was_hurt(self):
        now = time.monotonic()
        ask = self.ask("/long/3")
        def judged(is_hurt):
            with contextlib.redirect_stdout(io.StringIO()):
                return self.judge.judge_broken(ask, [Broken("ended", NODE, now, is_hurt)])
        self.assertTrue(judged(True))
        self.assertFalse(judged(False))
        self.judge.said = [dict(at=now, until=None, method="GET", status=None, version=1, fault="break", asked={})]
        self.assertTrue(judged(False))


class Storms(unittest.TestCase):
    def run_storm(self, nodes, rounds, seed):
        # In a process of its own, since it moves itself into another network.
        done = subprocess.run(
            [sys.executable, "-B", ROOT / "ops/chaos", "cache", "--binary", binary(), "--nodes", str(nodes), "--rounds", str(rounds),
             "--seed", str(seed), "--clients", "8"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout[-20000:] + done.stderr[-4000:])

    def test_three_nodes(self):
        self.run_storm(3, 40 if FULL else 4, 1)

    def test_five_nodes(self):
        self.run_storm(5, 40 if FULL else 4, 2)


if __name__ == "__main__":
    unittest.main()
