"""Every request of Tests/Vectors/http1 against the real binary: bad ones get their status and reach no upstream, odd ones pass."""
import concurrent.futures
import select
import unittest

import vectors
from harness import GatewayTestCase
from wire import Wire, head

PARALLEL = 24


def attempt(port, vector, cut=None):
    """Sends a vector, in two segments when there is a `cut`; returns what is wrong with the answer, or None."""
    try:
        with Wire(port) as wire:
            deliver(wire, vector.raw, cut)
            response = wire.read_head()
            if response.status not in vector.statuses:
                return f"{vector.name}: {response.status} instead of {vector.statuses} ({vector.clause})"
            if not vector.closes:
                return None
            # The answer's own bytes may follow, another answer may not: whatever stood behind a bad request was never read as one.
            rest = read_until_end(wire)
            if b"HTTP/1." in rest:
                return f"{vector.name}: a second answer follows: {rest[:200]!r}"
    except (OSError, ValueError) as fault:
        return f"{vector.name}: {fault!r} instead of {vector.statuses} ({vector.clause})"
    return None


def deliver(wire, raw, cut):
    """The gateway may answer and close before it has taken everything: that is no fault, its answer is read all the same."""
    try:
        if cut is not None:
            wire.send(raw[:cut])
            select.select([wire.socket], [], [], 0.01)
            raw = raw[cut:]
        wire.send(raw)
    except ConnectionError:
        pass


def read_until_end(wire):
    """What comes up to the end; a connection that stays open is a TimeoutError."""
    try:
        return wire.read_to_end()
    except ConnectionError:
        return wire.buffer


class Malformed(GatewayTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cases = vectors.load("malformed.json")

    def setUp(self):
        super().setUp()
        self.serving = self.gateway.serving_pid

    def run_all(self, cases, cut=lambda vector: None):
        with concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
            results = pool.map(lambda v: attempt(self.gateway.port(), v, cut(v)), cases)
            faults = [fault for fault in results if fault]
        self.assertFalse(faults, f"{len(faults)} of {len(cases)}:\n" + "\n".join(faults))

    def of_stage(self, stage):
        return [v for v in self.cases if v.stage == stage]

    def require_untouched(self):
        """No upstream connection was opened, and the same process serves on."""
        with self.upstream.changed:
            self.assertEqual((self.upstream.seen, self.upstream.accepted, self.upstream.faults), ([], 0, []))
        self.require_serving()

    def require_serving(self):
        self.assertEqual(self.gateway.get("/after").status, 200)
        self.assertEqual(self.gateway.serving_pid, self.serving, "the serving process died and was started again")

    def test_there_are_enough_of_them(self):
        self.assertGreaterEqual(len(self.cases), 320)
        self.assertEqual(len({v.name for v in self.cases}), len(self.cases))

    def test_1_a_bad_head_gets_its_status_and_reaches_no_upstream(self):
        self.upstream_is_fresh()
        self.run_all(self.of_stage("head"))
        self.require_untouched()

    def test_2_a_bad_head_in_two_segments_is_no_better(self):
        self.upstream_is_fresh()
        self.run_all(self.of_stage("head"), cut=lambda v: len(v.raw) // 2)
        self.require_untouched()

    def test_3_a_bad_head_whose_last_byte_comes_late_is_no_better(self):
        self.upstream_is_fresh()
        self.run_all(self.of_stage("head"), cut=lambda v: len(v.raw) - 1)
        self.require_untouched()

    def upstream_is_fresh(self):
        """Connections that earlier tests left in the pool are ended, so that `accepted` counts from zero."""
        self.upstream.stop()
        self.upstream.start()
        self.upstream.clear()

    def test_a_bad_body_gets_its_status_and_is_complete_for_no_upstream(self):
        cases = self.of_stage("body")
        for cut in (lambda v: None, lambda v: v.raw.index(b"\r\n\r\n") + 4, lambda v: len(v.raw) - 1):
            self.run_all(cases, cut)
            with self.upstream.changed:
                self.assertEqual([r for r in self.upstream.seen if r.complete], [])
                self.assertEqual([r for r in self.upstream.seen if r.target != "/p"], [])
                self.assertEqual(self.upstream.faults, [])
        self.require_serving()

    def test_a_good_request_before_a_bad_one_is_answered(self):
        wire = self.wire()
        wire.send(head("GET", "/good") + b"GET /bad HTTP/1.1\r\nHost: a.test\r\nBad Name: x\r\n\r\n" + head("GET", "/smuggled"))
        self.assertEqual(wire.read().status, 200)
        self.assertEqual(wire.read().status, 400)
        self.assertTrue(wire.ends())
        self.assertEqual([r.target for r in self.upstream.seen], ["/good"])


class Wellformed(GatewayTestCase):
    def test_odd_requests_pass_and_arrive_unharmed(self):
        cases = vectors.load("wellformed.json")
        self.assertGreaterEqual(len(cases), 60)
        for vector in cases:
            with self.subTest(vector.name):
                self.check(vector, lambda wire: wire.send(vector.raw))

    def test_odd_requests_pass_byte_by_byte(self):
        for vector in vectors.load("wellformed.json"):
            if len(vector.raw) < 600:
                with self.subTest(vector.name):
                    self.check(vector, lambda wire: wire.send_slowly(vector.raw))

    def check(self, vector, send):
        self.upstream.clear()
        with self.gateway.wire() as wire:
            send(wire)
            response = wire.read(vector.method)
        self.assertIn(response.status, vector.statuses, response)
        self.assertEqual(len(self.upstream.seen), 1, self.upstream.seen)
        request = self.upstream.last()
        self.assertEqual((request.method, request.target, request.version), (vector.method, vector.target, "HTTP/1.1"))
        self.assertEqual(request.body.decode("latin-1"), vector.body)
        self.assertIn(request.framing, ("none", "length") if vector.framing == "length" and not vector.body else (vector.framing,))
        for name, value in vector.case.get("fields", {}).items():
            self.assertEqual(request.get(name), value, name)
        for name in vector.case.get("absent", ()):
            self.assertEqual(request.all(name), [], name)


if __name__ == "__main__":
    unittest.main()
