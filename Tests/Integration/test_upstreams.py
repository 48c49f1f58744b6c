"""Upstream pools that heal: endpoints die and return under load, are chosen by weight, checked, ejected, retried, bounded and timed."""
import collections
import http.client
import json
import select
import socket
import threading
import unittest

import http2
from harness import Gateway, Origin, configuration, free_port, loopback, wait_until
from upstream import Upstream
from wire import Truncated, head

FAST_HEALTH = {"path": "/health", "interval": "100ms", "timeout": "500ms", "healthy": 1, "unhealthy": 2}


class Load:
    """Clients that send idempotent requests, one after the other on kept connections, until told to stop."""

    def __init__(self, port, clients=8, target="/get"):
        self.port, self.target = port, target
        self.answered, self.failures = 0, []
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(clients)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        self.more(200)
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(20)

    def _run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        while not self._stop.is_set():
            try:
                connection.request("GET", self.target)
                answer = connection.getresponse()
                answer.read()
                fault = None if answer.status == 200 else answer.status
            except (OSError, http.client.HTTPException) as error:
                fault = repr(error)
                connection.close()
            with self._lock:
                self.answered += 1
                if fault:
                    self.failures.append(fault)
        connection.close()

    def more(self, count):
        """Waits until so many more requests have been answered."""
        goal = self.answered + count
        wait_until(lambda: self.answered >= goal, f"{count} more requests are answered", 30)


class PoolTestCase(unittest.TestCase):
    def upstreams(self, count, **options):
        return [self.enterContext(Upstream(name=f"u{i}", **options)) for i in range(count)]

    def serve(self, *endpoints, workers=1, routes=None, **upstream):
        """A gateway before endpoints (Upstream objects, or entries as they stand in the configuration)."""
        entries = [loopback(e.port) if hasattr(e, "port") else e for e in endpoints]
        config = configuration(upstream={"endpoints": entries, **upstream}, node={"workers": workers}, routes=routes)
        return self.enterContext(Gateway(config))

    @staticmethod
    def spread(gateway, count, fields=()):
        """How many of so many requests each upstream answered, by its name."""
        with gateway.wire() as wire:
            return collections.Counter(wire.request("GET", "/", fields).body.decode() for _ in range(count))


class Healing(PoolTestCase):
    def test_killing_one_of_two_under_load_loses_no_request_and_it_returns(self):
        first, second = self.enterContext(Origin()), self.enterContext(Origin())
        gateway = self.serve(first, second, workers=2, health={**FAST_HEALTH, "path": "/get"}, ejection={"base_time": "200ms"})
        with Load(gateway.port()) as load:
            for victim, other in ((first, second), (second, first)):
                victim.kill()
                load.more(1500)
                self.assertEqual(load.failures, [])
                victim.start()
                # It is back in rotation when the other can be taken away: the next round does so, after a few checks have passed.
                self.wait_until_in_rotation(gateway, victim)
        self.assertEqual(load.failures, [])

    @staticmethod
    def wait_until_in_rotation(gateway, origin):
        def states():
            return json.dumps(find(json.loads(gateway.admin("/upstreams").text), loopback(origin.port))).lower()
        wait_until(lambda: '"healthy": true' in states() and '"ejected": true' not in states(), f"{origin.port} is healthy again")

    def test_an_endpoint_that_returns_takes_traffic_again(self):
        first, second = self.upstreams(2)
        gateway = self.serve(first, second, health=FAST_HEALTH, ejection={"base_time": "200ms"})
        self.assertEqual(set(self.spread(gateway, 20)), {"u0", "u1"})
        first.stop()
        self.assertEqual(self.spread(gateway, 50), {"u1": 50})
        first.start()
        wait_until(lambda: "u0" in self.spread(gateway, 4), "the first upstream takes traffic again")

    def test_a_failing_check_takes_an_endpoint_out_and_a_good_one_brings_it_back(self):
        first, second = self.upstreams(2)
        for u in (first, second):
            u.on("/health", lambda x: x.respond())
        gateway = self.serve(first, second, health=FAST_HEALTH)
        first.on("/health", lambda x: x.respond(503))
        wait_until(lambda: self.spread(gateway, 10) == {"u1": 10}, "the endpoint that fails its checks gets nothing")
        first.on("/health", lambda x: x.respond(204))
        wait_until(lambda: self.spread(gateway, 10) == {"u0": 5, "u1": 5}, "it gets its share again")

    def test_when_all_checks_fail_all_endpoints_serve(self):
        first, second = self.upstreams(2)
        for u in (first, second):
            u.on("/health", lambda x: x.respond(500))
        gateway = self.serve(first, second, health=FAST_HEALTH)
        for u in (first, second):
            u.wait_for(lambda u: len([r for r in u.seen if r.target == "/health"]) > 4, "several checks have failed")
        self.assertEqual(set(self.spread(gateway, 20)), {"u0", "u1"})

    def test_failures_in_a_row_eject_an_endpoint(self):
        first, second = self.upstreams(2)
        first.on(None, lambda x: x.respond(503))
        gateway = self.serve(first, second, ejection={"consecutive": 3, "base_time": "60s"}, retries={"attempts": 1}, balance="round_robin")
        with gateway.wire() as wire:
            statuses = [wire.request("GET", "/").status for _ in range(60)]
        self.assertEqual(statuses.count(503), 3)
        self.assertEqual(statuses[10:], [200] * 50)

    def test_an_application_s_own_500_ejects_nobody(self):
        first, second = self.upstreams(2)
        first.on(None, lambda x: x.respond(500))
        gateway = self.serve(first, second, ejection={"consecutive": 3, "base_time": "60s"}, balance="round_robin")
        with gateway.wire() as wire:
            statuses = [wire.request("GET", "/").status for _ in range(40)]
        self.assertEqual(statuses.count(500), 20)

    def test_two_nodes_of_different_priority(self):
        first, second = self.upstreams(2)
        gateway = self.serve(
            {"address": loopback(first.port)}, {"address": loopback(second.port), "priority": 1}, health=FAST_HEALTH, panic_threshold=0)
        self.assertEqual(self.spread(gateway, 30), {"u0": 30})
        first.stop()
        wait_until(lambda: self.spread(gateway, 10) == {"u1": 10}, "the second priority takes over")


def find(value, text):
    """The innermost mappings below `value` that mention `text`."""
    if isinstance(value, dict):
        inner = [hit for v in value.values() for hit in find(v, text)]
        return inner or ([value] if any(v == text for v in value.values()) or text in value else [])
    if isinstance(value, list):
        return [hit for v in value for hit in find(v, text)]
    return []


class Balancing(PoolTestCase):
    def test_round_robin_goes_by_weight(self):
        upstreams = self.upstreams(3)
        weights = dict(zip(("u0", "u1", "u2"), (1, 2, 5)))
        gateway = self.serve(
            *({"address": loopback(u.port), "weight": w} for u, w in zip(upstreams, weights.values())), balance="round_robin")
        self.assertEqual(self.spread(gateway, 160), {name: 20 * w for name, w in weights.items()})

    def test_least_requests_avoids_a_busy_endpoint(self):
        busy, idle = self.upstreams(2)
        hold = threading.Event()
        self.addCleanup(hold.set)
        busy.on("/held", lambda x: (hold.wait(20), x.respond()))
        idle.on("/held", lambda x: x.respond())
        gateway = self.serve(busy, idle, balance="least_requests")
        for sent in range(1, 60):  # of two that are idle either may be chosen
            self.enterContext(gateway.wire()).send(head("GET", "/held"))
            wait_until(lambda: len(busy.seen) + len(idle.seen) >= sent, "the request arrives")
            if busy.seen:
                break
        self.assertEqual(self.spread(gateway, 100), {"u1": 100})

    def test_peak_ewma_prefers_the_faster_endpoint(self):
        slow, fast = self.upstreams(2)
        slow.on(None, lambda x: (threading.Event().wait(0.05), x.respond(body=b"u0")))
        gateway = self.serve(slow, fast, balance="peak_ewma")
        spread = self.spread(gateway, 100)
        self.assertGreater(spread["u1"], 80, spread)

    def test_a_hash_keeps_a_key_on_its_endpoint(self):
        upstreams = self.upstreams(4)
        for on, fields in {
            "header": lambda i: [("X-User", f"user-{i}")], "cookie": lambda i: [("Cookie", f"a=b; X-User={i}; c=d")],
        }.items():
            with self.subTest(on):
                gateway = self.serve(*upstreams, balance={"policy": "hash", "on": on, "name": "X-User"})
                homes = {}
                for i in range(40):
                    homes[i] = self.spread(gateway, 3, fields(i))
                    self.assertEqual(len(homes[i]), 1, f"key {i} moved")
                self.assertEqual(len({next(iter(h)) for h in homes.values()}), 4, "all the endpoints are used")

    def test_names_are_resolved(self):
        (only,) = self.upstreams(1)
        gateway = self.serve(f"localhost:{only.port}")
        self.assertEqual(self.spread(gateway, 5), {"u0": 5})


class Retrying(PoolTestCase):
    def test_a_named_status_is_tried_elsewhere(self):
        bad, good = self.upstreams(2)
        bad.on(None, lambda x: x.respond(503))
        gateway = self.serve(bad, good, retries={"on": ["503"]}, ejection={"consecutive": 0, "failure_ratio": 0})
        self.assertEqual(self.spread(gateway, 20), {"u1": 20})
        self.assertGreater(len(bad.seen), 0, "chance has sent some there first")

    def test_so_is_a_named_status_of_a_client_error(self):
        bad, good = self.upstreams(2)
        bad.on(None, lambda x: x.respond(429))
        gateway = self.serve(bad, good, retries={"on": ["429"]}, ejection={"consecutive": 0, "failure_ratio": 0})
        self.assertEqual(self.spread(gateway, 20), {"u1": 20})

    def test_and_a_named_status_over_http2(self):
        fields = [(":status", "503"), ("content-length", "0")]
        bad = self.enterContext(http2.Upstream(answer=fields))
        good = self.enterContext(http2.Upstream(answer=[(":status", "204"), ("x-request-id", "its own")]))
        gateway = self.serve(bad, good, protocol="http2", retries={"on": ["503"]}, ejection={"consecutive": 0, "failure_ratio": 0})
        with gateway.wire() as wire:
            answers = [wire.request("GET", "/") for _ in range(20)]
        self.assertEqual([(a.status, a.reason) for a in answers], [(204, "No Content")] * 20)
        self.assertEqual({len(a.all("x-request-id")) for a in answers}, {1}, "the id of the gateway's own log, once")
        self.assertGreater(len(bad.seen), 0, "chance has sent some there first")

    def test_an_unsafe_method_is_tried_again_only_when_asked(self):
        for asked in (False, True):
            with self.subTest(asked=asked):
                bad, good = self.upstreams(2)
                bad.on(None, lambda x: (x.read(), x.reset()))
                gateway = self.serve(
                    bad, good, retries={"unsafe_methods": asked}, ejection={"consecutive": 0, "failure_ratio": 0}, balance="round_robin")
                with gateway.wire() as wire:
                    statuses = [wire.request("POST", "/").status for _ in range(10)]
                self.assertEqual(statuses.count(502), 0 if asked else 5, statuses)

    def test_an_endpoint_that_refuses_connections_costs_nothing(self):
        (good,) = self.upstreams(1)
        gateway = self.serve(loopback(free_port()), good)
        with gateway.wire() as wire:
            self.assertEqual([wire.request("POST", "/", body=b"x").status for _ in range(20)], [200] * 20)

    def test_a_request_whose_body_is_under_way_is_not_tried_again(self):
        bad, good = self.upstreams(2)
        for u in (bad, good):
            u.on("/", lambda x: (next(x.body_parts()), x.reset()))
        gateway = self.serve(bad, good)
        with gateway.wire() as wire:
            wire.send(head("PUT", "/", [("Content-Length", 1_000_000)]) + b"x" * 200_000)
            self.assertEqual(wire.read_head().status, 502)
        self.assertEqual(len(bad.seen) + len(good.seen), 1)

    def test_attempts_are_bounded(self):
        upstreams = self.upstreams(3)
        for u in upstreams:
            u.on(None, lambda x: x.reset())
        gateway = self.serve(*upstreams, retries={"attempts": 2})
        self.assertEqual(gateway.get("/").status, 502)
        self.assertEqual(sum(len(u.seen) for u in upstreams), 2)


class Bounds(PoolTestCase):
    def test_beyond_its_limit_a_pool_answers_503_at_once(self):
        (only,) = self.upstreams(1)
        hold = threading.Event()
        self.addCleanup(hold.set)
        only.on("/held", lambda x: (hold.wait(20), x.respond()))
        for limits in ({"requests": 3}, {"connections": 3, "pending": 0}):
            with self.subTest(limits):
                hold.clear()
                gateway = self.serve(only, limits=limits, ejection={"consecutive": 0})
                held = [self.enterContext(gateway.wire()) for _ in range(3)]
                before = len(only.seen)
                for wire in held:
                    wire.send(head("GET", "/held"))
                only.wait_for(lambda u: len(u.seen) == before + 3, "three requests are under way")
                self.assertEqual([gateway.get("/").status for _ in range(5)], [503] * 5)
                hold.set()
                self.assertEqual([wire.read().status for wire in held], [200] * 3)
                self.assertEqual(gateway.get("/").status, 200)

    def test_pending_requests_wait_for_a_connection(self):
        """One request has the only connection, two wait for it, those beyond are refused at once."""
        (only,) = self.upstreams(1)
        hold = threading.Event()
        self.addCleanup(hold.set)
        only.on("/held", lambda x: (hold.wait(20), x.respond()))
        gateway = self.serve(only, limits={"connections": 1, "pending": 2})
        wires = {wire.socket: wire for wire in (self.enterContext(gateway.wire()) for _ in range(7))}
        for wire in wires.values():
            wire.send(head("GET", "/held"))
        refused = wait_until(lambda: len(r := select.select(wires, [], [], 0.1)[0]) >= 4 and r, "four are refused")
        self.assertEqual([wires.pop(s).read().status for s in refused], [503] * 4)
        wait_until(lambda: len(only.seen) == 1, "one has the connection")
        hold.set()
        self.assertEqual([wire.read().status for wire in wires.values()], [200] * 3)


class Timing(PoolTestCase):
    def held(self):
        (only,) = self.upstreams(1)
        hold = threading.Event()
        self.addCleanup(hold.set)
        only.on("/held", lambda x: (x.read(), hold.wait(20), x.close()))
        return only

    def test_no_first_byte_is_504(self):
        gateway = self.serve(self.held(), timeouts={"first_byte": "200ms"})
        self.assertEqual(gateway.get("/held").status, 504)
        self.assertEqual(gateway.get("/held", method="POST", body=b"x").status, 504)
        self.assertEqual(gateway.get("/").status, 200)

    def test_a_route_has_a_timeout_of_its_own(self):
        only = self.held()
        gateway = self.serve(only, routes={"GET /held": {"upstream": "main", "timeout": "200ms"}, "$default": {"upstream": "main"}})
        self.assertEqual(gateway.get("/held").status, 504)

    def test_a_request_as_a_whole_has_its_time(self):
        gateway = self.serve(self.held(), timeouts={"request": "300ms"}, retries={"on": ["timeout"], "attempts": 5})
        self.assertEqual(gateway.get("/held").status, 504)

    def test_a_pause_in_mid_response_ends_it(self):
        (only,) = self.upstreams(1)
        hold = threading.Event()
        self.addCleanup(hold.set)
        only.on("/", lambda x: (x.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"), hold.wait(20), x.close()))
        gateway = self.serve(only, timeouts={"idle": "200ms"})
        with gateway.wire() as wire:
            wire.send(head("GET", "/"))
            response = wire.read_head()
            with self.assertRaises((Truncated, ConnectionError)):
                wire.read_body(response)

    def test_no_connection_is_504(self):
        """A listener whose queue is full answers no SYN."""
        with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
            port = full.getsockname()[1]
            fillers = [socket.socket() for _ in range(4)]
            for filler in fillers:
                self.addCleanup(filler.close)
                filler.setblocking(False)
                filler.connect_ex(("127.0.0.1", port))
            gateway = self.serve(loopback(port), timeouts={"connect": "300ms"}, retries={"attempts": 1})
            self.assertEqual(gateway.get("/").status, 504)


if __name__ == "__main__":
    unittest.main()
