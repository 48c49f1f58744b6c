"""The admin listener: what it says, to whom, and that asking never changes anything."""
import json
import signal
import subprocess
import threading
import unittest

from harness import Gateway, GatewayTestCase, binary, configuration, free_port, loopback, wait_until
from upstream import Upstream
from wire import Wire, head

PATHS = ("/healthz", "/readyz", "/metrics", "/stats", "/upstreams", "/config")
SECRET = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTAxMjM="


class Reading(GatewayTestCase):
    @classmethod
    def configure(cls, port):
        config = configuration(port, cluster={"listen": loopback(free_port()), "keys": [SECRET]})
        config["admin"]["token"] = "${ADMIN_TOKEN}"
        return config

    @classmethod
    def setUpClass(cls):
        cls.upstream = cls.enterClassContext(Upstream())
        config = cls.configure(cls.upstream.port)
        cls.gateway = cls.enterClassContext(TokenGateway(config, environment={"ADMIN_TOKEN": TokenGateway.TOKEN}))

    def test_healthz_and_readyz(self):
        self.assertEqual((self.gateway.admin("/healthz").status, self.gateway.admin("/readyz").status), (200, 200))

    def test_metrics_are_prometheus_text_and_count(self):
        def total():
            requests = [v for (name, labels), v in self.gateway.metrics().items() if "requests" in name and name.endswith("_total")]
            self.assertTrue(requests, "there is a counter of requests")
            return max(requests)
        before = total()
        with self.gateway.wire() as wire:
            for _ in range(50):
                wire.request("GET", "/")
        wait_until(lambda: total() >= before + 50, "the counter has gone up by 50")
        answer = self.gateway.admin("/metrics")
        self.assertTrue(answer.headers["Content-Type"].startswith("text/plain"), answer.headers["Content-Type"])
        for line in answer.text.splitlines():
            if line.startswith("#"):
                self.assertRegex(line, r"^# (HELP|TYPE) [a-zA-Z_:][a-zA-Z0-9_:]* \S")

    def test_histograms_are_whole(self):
        """Buckets never fall, end in +Inf, and agree with their count."""
        self.gateway.get("/")
        samples = self.gateway.metrics()
        series = {}
        for (name, labels), value in samples.items():
            if name.endswith("_bucket"):
                rest = tuple(pair for pair in labels if pair[0] != "le")
                series.setdefault((name[:-7], rest), []).append((float(dict(labels)["le"].replace("+Inf", "inf")), value))
        self.assertTrue(series, "there is a histogram")
        for (name, labels), buckets in series.items():
            buckets.sort()
            counts = [value for _, value in buckets]
            self.assertEqual(counts, sorted(counts), name)
            self.assertEqual((buckets[-1][0], counts[-1]), (float("inf"), samples[(name + "_count", labels)]), name)

    def test_stats_upstreams_and_config_are_json(self):
        for path in ("/stats", "/upstreams", "/config"):
            answer = self.gateway.admin(path)
            self.assertEqual((answer.status, answer.headers.get_content_type()), (200, "application/json"), path)
            self.assertTrue(json.loads(answer.text), path)
        upstreams = self.gateway.admin("/upstreams").text
        self.assertIn('"main"', upstreams)
        self.assertIn(loopback(self.upstream.port), upstreams)

    def test_no_secret_is_told(self):
        text = self.gateway.admin("/config").text
        self.assertIn(loopback(self.upstream.port), text)
        for path in PATHS:
            told = self.gateway.admin(path).text
            self.assertNotIn(SECRET, told, path)
            self.assertNotIn(TokenGateway.TOKEN, told, path)

    def test_a_token_is_demanded_where_one_is_set(self):
        for fields in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TokenGateway.TOKEN}, {"Authorization": "Bearer "},
                       {"Authorization": f"Bearer {TokenGateway.TOKEN}x"}):
            for path in ("/metrics", "/stats", "/upstreams", "/config"):
                answer = Gateway.admin(self.gateway, path, fields=fields)
                self.assertIn(answer.status, (401, 403), (path, fields))
                self.assertNotIn("main", answer.text)

    def test_unknown_paths_and_methods(self):
        self.assertEqual(self.gateway.admin("/nowhere").status, 404)
        for path in PATHS:
            self.assertIn(self.gateway.admin(path, method="DELETE").status, (403, 404, 405), path)

    def test_a_head_has_no_body(self):
        for path in PATHS:
            answer = self.gateway.admin(path, method="HEAD")
            self.assertIn((answer.status, answer.text), ((200, ""), (405, "")), path)

    def test_the_admin_paths_are_not_on_the_listeners(self):
        for path in PATHS:
            self.assertEqual(self.gateway.get(path).body, b"ok", path)

    def test_a_bad_request_to_the_admin_listener_is_refused(self):
        for raw in (b"GET /stats HTTP/1.1\r\n\r\n", b"GET /stats HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n", b"\x16\x03\x01\r\n\r\n"):
            with Wire(self.gateway.admin_port) as wire:
                wire.send(raw)
                self.assertEqual(wire.read_head().status, 400)
        self.assertEqual(self.gateway.admin("/healthz").status, 200)


class TokenGateway(Gateway):
    """Sends its token with every admin request."""

    TOKEN = "a-token-of-some-length"

    def admin(self, path, method="GET", fields=None, body=None):
        return super().admin(path, method, {"Authorization": f"Bearer {self.TOKEN}", **(fields or {})}, body)


class Changing(GatewayTestCase):
    """What changes something wants POST, a JSON content type, and a Host and Origin of its own."""

    JSON = {"Content-Type": "application/json"}

    def revision(self):
        """Everything that a change would show in: the number of reloads, good or bad."""
        return {k: v for k, v in self.gateway.metrics().items() if "reload" in (k[0] + str(k[1])).lower()}

    def test_get_changes_nothing(self):
        before, pid = self.revision(), self.gateway.serving_pid
        for path in (*PATHS, "/reload", "/drain", "/stop", "/shutdown", "/quit", "/quitquitquit", "/upstreams/main/drain"):
            self.assertIn(self.gateway.admin(path).status, (200, 404, 405), path)
        self.assertEqual((self.revision(), self.gateway.serving_pid), (before, pid))
        self.assertEqual(self.gateway.admin("/readyz").status, 200)
        self.assertEqual(self.gateway.get("/").status, 200)

    def test_a_page_elsewhere_cannot_reload(self):
        before = self.revision()
        own = loopback(self.gateway.admin_port)
        for fields in (
            {}, {"Content-Type": "text/plain"}, {"Content-Type": "application/x-www-form-urlencoded"},
            {"Content-Type": "multipart/form-data"},
            {**self.JSON, "Origin": "http://evil.test"}, {**self.JSON, "Origin": "null"}, {**self.JSON, "Host": "evil.test"},
            {**self.JSON, "Host": f"evil.test:{self.gateway.admin_port}"}, {**self.JSON, "Origin": f"http://{own}.evil.test"},
            {**self.JSON, "Origin": f"https://evil.test:{self.gateway.admin_port}", "Host": own},
        ):
            for path in ("/reload", "/config", "/upstreams"):
                answer = self.gateway.admin(path, "POST", fields, b"{}")
                self.assertGreaterEqual(answer.status, 400, (path, fields))
                self.assertLess(answer.status, 500, (path, fields))
                self.assertNotIn("Access-Control-Allow-Origin", answer.headers)
        self.assertEqual(self.revision(), before)

    def test_a_foreign_host_reads_nothing(self):
        """A name that was rebound to loopback makes a browser an insider; Host gives it away."""
        for path in ("/stats", "/upstreams", "/config"):
            answer = self.gateway.admin(path, fields={"Host": "evil.test"})
            self.assertIn(answer.status, (400, 403, 421), path)
            self.assertNotIn("main", answer.text)


class Readiness(unittest.TestCase):
    def test_the_reason_is_said_while_it_drains(self):
        upstream, hold = self.enterContext(Upstream()), threading.Event()
        self.addCleanup(hold.set)
        upstream.on("/held", lambda x: (hold.wait(20), x.respond()))
        gateway = self.enterContext(Gateway(configuration(upstream.port)))
        wire = self.enterContext(gateway.wire())
        wire.send(head("GET", "/held"))
        upstream.wait_for(lambda u: u.seen, "the request is under way")
        gateway.process.send(signal.SIGTERM)
        answer = wait_until(lambda: self.unready(gateway), "/readyz says 503 while a request still runs")
        self.assertIn("drain", answer.text.lower())
        hold.set()
        self.assertEqual(gateway.process.wait(), 0)

    @staticmethod
    def unready(gateway):
        answer = gateway.admin("/readyz")
        return answer if answer.status == 503 else None


class BeyondLoopback(unittest.TestCase):
    """Without a token or a client CA, an admin listener that others can reach is refused at load."""

    def validate(self, **admin):
        config = configuration(1)
        config["admin"] = {"listen": f"0.0.0.0:{free_port()}", **admin}
        gateway = Gateway(config)
        self.addCleanup(gateway._folder.cleanup)
        gateway.write(config)
        return subprocess.run(
            [binary(), "validate", "--config", gateway.path], capture_output=True, text=True, timeout=20, cwd=gateway.folder)

    def test_it_is_refused(self):
        done = self.validate()
        self.assertEqual(done.returncode, 1)
        self.assertIn("admin", done.stdout + done.stderr)

    def test_it_is_accepted_with_a_token(self):
        done = self.validate(token="a-token-of-some-length")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
