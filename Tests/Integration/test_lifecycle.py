"""Start, reload, drain, crash: the gateway as the operator and the kernel see it."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import unittest

from harness import Gateway, binary, configuration, free_port, loopback, wait_until
from test_upstreams import Load
from upstream import Upstream
from wire import Wire, head


class LifecycleTestCase(unittest.TestCase):
    def setUp(self):
        self.upstream = self.enterContext(Upstream())
        self.hold = threading.Event()
        self.addCleanup(self.hold.set)
        self.upstream.on("/held", lambda x: (self.hold.wait(30), x.respond(body=b"held")))

    def serve(self, **sections):
        self.config = configuration(self.upstream.port, **sections)
        return self.enterContext(Gateway(self.config))

    def hold_one(self, gateway):
        """A connection with a request that the upstream has got and does not answer yet."""
        wire = self.enterContext(gateway.wire())
        before = len(self.upstream.seen)
        wire.send(head("GET", "/held"))
        self.upstream.wait_for(lambda u: len(u.seen) > before, "the request is under way")
        return wire


def refuses(gateway):
    """No new connection is served any more."""
    try:
        with Wire(gateway.port(), timeout=1) as wire:
            return wire.request("GET", "/").status == 503
    except (OSError, ValueError):
        return True


class Draining(LifecycleTestCase):
    def test_a_signal_lets_what_runs_finish(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number.name):
                self.hold.clear()
                gateway = self.serve()
                running, idle = self.hold_one(gateway), self.enterContext(gateway.wire())
                self.assertEqual(idle.request("GET", "/").status, 200)
                gateway.process.send(number)
                self.assertTrue(idle.ends(), "an idle connection is closed")
                wait_until(lambda: refuses(gateway), "no new connection is served")
                self.assertIsNone(gateway.process.child.poll(), "it waits for what runs")
                self.hold.set()
                response = running.read()
                self.assertEqual((response.status, response.body), (200, b"held"))
                self.assertTrue(running.ends())
                self.assertEqual(gateway.process.wait(), 0)

    def test_while_it_drains_it_is_not_ready(self):
        gateway = self.serve()
        self.hold_one(gateway)
        gateway.process.send(signal.SIGTERM)

        def is_unready():
            try:
                return gateway.admin("/readyz").status == 503
            except OSError:
                return True
        wait_until(is_unready, "/readyz is 503 or gone")
        self.hold.set()
        self.assertEqual(gateway.process.wait(), 0)

    def test_a_second_signal_forces_the_end(self):
        gateway = self.serve()
        running = self.hold_one(gateway)
        gateway.process.send(signal.SIGTERM)
        wait_until(lambda: refuses(gateway), "it drains")
        gateway.process.send(signal.SIGTERM)
        self.assertEqual(gateway.process.wait(), 2)
        with self.assertRaises((ValueError, ConnectionError)):
            running.read()

    def test_the_deadline_ends_what_does_not_finish(self):
        gateway = self.serve(node={"drain": "500ms"})
        running = self.hold_one(gateway)
        gateway.process.send(signal.SIGTERM)
        self.assertIn(gateway.process.wait(), (0, 2, 3), "not a signal, not a bad start")
        with self.assertRaises((ValueError, ConnectionError)):
            self.assertNotEqual(running.read().status, 503)

    def test_it_leaves_no_process_and_no_socket(self):
        gateway = self.serve()
        pids = [gateway.process.pid, *gateway.serving_pids]
        gateway.stop()
        self.assertEqual([p for p in pids if pathlib.Path(f"/proc/{p}").exists()], [])
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(("127.0.0.1", gateway.port()))

    def test_under_load_a_drain_cuts_no_response_short(self):
        gateway = self.serve()
        with Load(gateway.port(), clients=4, target="/") as load:
            gateway.stop()
        cut = [f for f in load.failures if "IncompleteRead" in str(f) or isinstance(f, int)]
        self.assertEqual(cut, [])


class Reloading(LifecycleTestCase):
    def reroute(self, gateway, body):
        """Reloads with a mock route that answers `body`, and waits until it is in effect."""
        self.config["apis"][0]["routes"]["GET /version"] = {"mock": {"status": 200, "body": body}}
        gateway.write(self.config)
        gateway.reload()
        wait_until(lambda: gateway.get("/version").body == body.encode(), f"version {body} is in effect")

    def test_a_reload_takes_effect_without_dropping_anything(self):
        gateway = self.serve()
        serving = gateway.serving_pid
        kept, running = self.enterContext(gateway.wire()), self.hold_one(gateway)
        self.assertEqual(kept.request("GET", "/").status, 200)
        with Load(gateway.port(), target="/") as load:
            for i in range(5):
                self.reroute(gateway, f"v{i}")
            load.more(200)
        self.assertEqual(load.failures, [])
        self.assertEqual(kept.request("GET", "/version").body, b"v4", "a connection from before is kept and sees the new routes")
        self.hold.set()
        self.assertEqual(running.read().body, b"held", "a request from before is finished")
        self.assertEqual(gateway.serving_pid, serving)

    def test_a_reload_moves_listeners_and_upstreams(self):
        gateway = self.serve()
        old, new, other = gateway.port(), free_port(), self.enterContext(Upstream(name="other"))
        self.config["listeners"].append({"address": loopback(new)})
        self.config["upstreams"]["main"]["endpoints"] = [loopback(other.port)]
        gateway.write(self.config)
        gateway.reload()

        def serves(port):
            try:
                with Wire(port) as wire:
                    return wire.request("GET", "/").body == b"other"
            except OSError:
                return False
        wait_until(lambda: serves(new) and serves(old), "both listeners serve from the new upstream")
        del self.config["listeners"][0]
        gateway.write(self.config)
        gateway.reload()

        def is_gone():
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", old)) != 0
        wait_until(is_gone, "the old listener is closed")
        self.assertTrue(serves(new))

    def test_a_bad_reload_keeps_the_last_good_configuration(self):
        gateway = self.serve()
        self.reroute(gateway, "good")
        for text in ("listeners: [", '{"listeners": [{"address": "nowhere"}], "upstream": {}}', ""):
            with self.subTest(text):
                before = failed_reloads(gateway)
                gateway.write(text)
                gateway.reload()
                wait_until(lambda: failed_reloads(gateway) > before, "the metric counts the failed reload")
                self.assertEqual(gateway.get("/version").body, b"good")
        self.reroute(gateway, "better")

    def test_a_reload_on_the_command_line(self):
        gateway = self.serve()
        self.config["apis"][0]["routes"]["GET /version"] = {"mock": {"status": 200, "body": "cli"}}
        gateway.write(self.config)
        done = subprocess.run(
            [binary(), "reload", "--config", gateway.path], cwd=gateway.folder, capture_output=True, text=True, timeout=20)
        self.assertEqual(done.returncode, 0, done.stderr)
        wait_until(lambda: gateway.get("/version").body == b"cli", "the reload is in effect")


def failed_reloads(gateway):
    """The sum of the counters that speak of reloads that failed."""
    def speaks(name, labels):
        words = (name + json.dumps(labels)).lower()
        return "reload" in words and any(w in words for w in ("fail", "error", "rejected", "bad"))
    found = [value for (name, labels), value in gateway.metrics().items() if speaks(name, labels)]
    if not found:
        raise AssertionError("no metric counts failed reloads")
    return sum(found)


class Crashing(LifecycleTestCase):
    def test_the_master_starts_a_dead_server_again_on_the_same_sockets(self):
        gateway = self.serve()
        for number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT):
            with self.subTest(number.name):
                victim = gateway.serving_pid
                self.assertEqual(gateway.get("/").status, 200)
                os.kill(victim, number)
                wait_until(lambda: victim not in gateway.serving_pids, "the serving process is gone")
                # Nobody is refused meanwhile: the sockets are the master's, and its queue waits for the next server.
                self.assertEqual(gateway.get("/").status, 200)
                self.assertNotEqual(gateway.serving_pid, victim)

    def test_a_crash_leaves_a_report(self):
        gateway = self.serve()
        running = self.hold_one(gateway)
        victim = gateway.serving_pid
        os.kill(victim, signal.SIGSEGV)
        wait_until(lambda: victim not in gateway.serving_pids, "the serving process is gone")
        wait_until(lambda: self.reports(gateway), "a crash report is kept")
        text = self.reports(gateway)[0].read_text(errors="replace")
        self.assertIn("SIGSEGV", text)
        self.assertIn("/held", text, "the requests in flight are named")

    @staticmethod
    def reports(gateway):
        data = gateway.folder / "var"
        return [p for p in data.rglob("*") if "crash" in str(p.relative_to(data)) and p.is_file() and p.stat().st_size]

    def test_a_crash_report_names_no_secret(self):
        gateway = self.serve()
        wire = self.enterContext(gateway.wire())
        wire.send(head("GET", "/held?token=s3cret-query", [("Authorization", "Bearer s3cret-header")]))
        self.upstream.on("/held", lambda x: self.hold.wait(30))
        self.upstream.wait_for(lambda u: u.seen, "the request is under way")
        os.kill(gateway.serving_pid, signal.SIGSEGV)
        wait_until(lambda: self.reports(gateway), "a crash report is kept")
        self.assertNotIn("s3cret", self.reports(gateway)[0].read_text(errors="replace"))


class Starting(LifecycleTestCase):
    def run_once(self, config):
        """(exit code, output) of a gateway that cannot start."""
        gateway = Gateway(config)
        self.addCleanup(gateway._folder.cleanup)
        gateway.write(config)
        done = subprocess.run([binary(), "run", "--config", gateway.path], cwd=gateway.folder, capture_output=True, text=True, timeout=20)
        return done.returncode, done.stdout + done.stderr

    def test_a_taken_port_is_a_bad_start(self):
        config = configuration(self.upstream.port, listener={"address": loopback(self.upstream.port)})
        code, output = self.run_once(config)
        self.assertEqual(code, 1, output)
        self.assertIn(str(self.upstream.port), output)

    def test_a_bad_configuration_is_a_bad_start(self):
        config = configuration(self.upstream.port)
        config["listners"] = config.pop("listeners")
        self.assertEqual(self.run_once(config)[0], 1)


class AccessLog(LifecycleTestCase):
    def test_a_line_for_each_request_and_a_new_file_on_demand(self):
        gateway = self.serve(log={"access": "access.log", "level": "info"})
        log = gateway.folder / "access.log"
        wire = self.enterContext(gateway.wire())
        trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        wire.request("GET", "/first?q=1", [("traceparent", f"00-{trace}-00f067aa0ba902b7-01"), ("Authorization", "Bearer s3cret")])
        line = wait_until(lambda: self.lines(log, "/first"), "the line is written")[0]
        text = json.dumps(line)
        self.assertEqual(line["status"], 200)
        self.assertIn(trace, text)
        self.assertIn(loopback(self.upstream.port), text)
        self.assertNotIn("s3cret", text)
        log.rename(gateway.folder / "access.log.1")
        gateway.process.send(signal.SIGUSR1)
        wait_until(log.exists, "the log is opened anew")
        wire.request("GET", "/second")
        wait_until(lambda: self.lines(log, "/second"), "the next line is in the new file")
        self.assertEqual(self.lines(gateway.folder / "access.log.1", "/second"), [])

    def test_an_answer_of_the_gateway_s_own_belongs_to_the_client_s_trace(self):
        gateway = self.serve(log={"access": "access.log"}, routes={"GET /known": {"upstream": "main"}})
        trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        with gateway.wire() as wire:
            for target, fields in (("/a", [("traceparent", f"00-{trace}-00f067aa0ba902b7-01")]), ("/b", [])):
                self.assertEqual(wire.request("GET", target, fields).status, 404)
        log = gateway.folder / "access.log"
        (first,), (second,) = (wait_until(lambda: self.lines(log, f'"{target}"'), "the line is written") for target in ("/a", "/b"))
        self.assertEqual((first["trace_id"], second["trace_id"]), (trace, second["request_id"]))

    def test_requests_that_cannot_be_read_are_counted_and_logged(self):
        gateway = self.serve(log={"access": "access.log"})
        log = gateway.folder / "access.log"
        for raw, status in ((b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400), (b"GET / HTTP/1.1\r\nX: " + b"y" * 70000 + b"\r\n\r\n", 431)):
            with gateway.wire() as wire:
                wire.send(raw)
                response = wire.read()
                self.assertEqual((response.status, len(response.get("x-request-id"))), (status, 32))
        lines = wait_until(lambda: len(found := self.lines(log, '"method":"-"')) == 2 and found, "both lines are written")
        self.assertEqual({(l["status"], l["path"], l["fault"]) for l in lines}, {(400, "-", "malformed"), (431, "-", "fields_too_large")})
        self.assertEqual(gateway.metrics()["tidegate_responses_total", (("class", "4xx"),)], 2)

    @staticmethod
    def lines(log, path):
        """The whole lines of the log that speak of a path."""
        if not log.exists():
            return []
        return [json.loads(t) for t in log.read_text().split("\n")[:-1] if path in t]

    def test_nothing_is_lost_at_the_end(self):
        gateway = self.serve(log={"access": "access.log"})
        with gateway.wire() as wire:
            for i in range(300):
                wire.request("GET", f"/{i}")
        gateway.stop()
        self.assertEqual(len(self.lines(gateway.folder / "access.log", "/")), 300)


if __name__ == "__main__":
    unittest.main()
