"""Route keys as AWS HTTP APIs have them, hosts, mock integrations: which request goes where."""
import unittest

from harness import Gateway, GatewayTestCase, configuration
from upstream import Upstream


def mock(body, status=200, **more):
    return {"mock": {"status": status, "body": body, **more}}


class Routes(GatewayTestCase):
    ROUTES = {
        "GET /pets": "list", "POST /pets": "create", "GET /pets/{id}": "one", "ANY /pets/{id}": "any", "GET /pets/special": "special",
        "GET /pets/{id}/toys/{toy}": "toy", "ANY /files/{proxy+}": "files", "GET /files/fixed/{proxy+}": "fixed", "GET /": "root",
    }

    @classmethod
    def configure(cls, port):
        many = {f"GET /many/r{i}/{{id}}": mock(f"many {i}") for i in range(300)}
        return configuration(port, routes={**{k: mock(v) for k, v in cls.ROUTES.items()}, **many, "$default": mock("default")})

    def test_the_most_exact_route_wins(self):
        with self.gateway.wire() as wire:
            for method, target, expected in (
                ("GET", "/pets", "list"), ("POST", "/pets", "create"), ("DELETE", "/pets", "default"), ("GET", "/pets/7", "one"),
                ("PUT", "/pets/7", "any"), ("GET", "/pets/special", "special"), ("PUT", "/pets/special", "any"),
                ("GET", "/pets/7/toys/8", "toy"), ("GET", "/pets/7/toys", "default"),
                ("GET", "/files/a", "files"), ("PUT", "/files/a/b/c", "files"), ("GET", "/files/fixed/a", "fixed"), ("GET", "/", "root"),
                ("GET", "/?a=/pets", "root"), ("GET", "/pets?id=7", "list"), ("GET", "/nowhere", "default"), ("GET", "/PETS", "default"),
                ("GET", "/pets/a%20b", "one"), ("GET", "/many/r0/x", "many 0"), ("GET", "/many/r299/x", "many 299"),
                ("GET", "/many/r300/x", "default"),
            ):
                with self.subTest(f"{method} {target}"):
                    response = wire.request(method, target, body=b"" if method in ("POST", "PUT") else None)
                    self.assertEqual((response.status, response.body), (200, expected.encode()))
        self.assertEqual(self.upstream.seen, [])


class Integrations(GatewayTestCase):
    @classmethod
    def configure(cls, port):
        return configuration(port, routes={
            "GET /teapot": mock("short and stout", 418, headers={"X-Kind": "tea", "Content-Type": "text/plain"}),
            "GET /empty": {"mock": 204},
            "GET /up/{id}": {"upstream": "main"}, "GET /named": {"upstream": "main", "host": "named.test"}})

    def test_a_mock_answers_by_itself(self):
        with self.gateway.wire() as wire:
            response = wire.request("GET", "/teapot")
            self.assertEqual((response.status, response.body, response.get("x-kind")), (418, b"short and stout", "tea"))
            self.assertEqual(wire.request("GET", "/empty").status, 204)
        self.assertEqual(self.upstream.seen, [])

    def test_an_upstream_gets_the_whole_target(self):
        self.assertEqual(self.gateway.get("/up/7?a=b").body, b"ok")
        self.assertEqual(self.upstream.last().target, "/up/7?a=b")
        self.assertEqual(self.gateway.get("/named").body, b"ok")
        self.assertEqual(self.upstream.last().get("host"), "named.test")

    def test_no_route_is_404(self):
        response = self.gateway.get("/nowhere")
        self.assertEqual(response.status, 404)
        self.assertEqual(response.body, b'{"message":"Not Found"}')
        self.assertEqual(self.upstream.seen, [])

    def test_a_request_without_a_route_leaves_the_connection_usable(self):
        with self.gateway.wire() as wire:
            self.assertEqual(wire.request("GET", "/nowhere").status, 404)
            self.assertEqual(wire.request("GET", "/up/7").body, b"ok")


class Hosts(unittest.TestCase):
    def test_an_api_serves_its_hosts(self):
        upstream = self.enterContext(Upstream())
        config = configuration(upstream.port)
        config["apis"] = [
            {"name": name, "protocol": "http", "hosts": hosts, "routes": {"$default": mock(name)}}
            for name, hosts in {"exact": ["www.a.test", "b.test"], "wild": ["*.a.test"]}.items()]
        gateway = self.enterContext(Gateway(config))
        with gateway.wire() as wire:
            for host, expected in (
                ("www.a.test", "exact"), ("WWW.A.Test:8080", "exact"), ("b.test", "exact"), ("x.a.test", "wild"), ("c.test", None),
            ):
                response = wire.request("GET", "/", host=host)
                if expected:
                    self.assertEqual((response.status, response.body), (200, expected.encode()), host)
                else:
                    self.assertIn(response.status, (404, 421), host)


if __name__ == "__main__":
    unittest.main()
