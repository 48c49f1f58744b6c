"""The storm's nodes: started, killed, frozen and asked what they think of each other. Each says how often it was hurt (`lives`), so that a
client can tell whether it was while it waited."""
import base64
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import time
import urllib.error
import urllib.request

TOKEN = "storm-" + os.urandom(8).hex()
STOP_SECONDS, START_SECONDS = 30.0, 30.0


class Node:
    def __init__(self, number, network, binary, folder, origin, key, cache):
        self.name, self.number, self.network, self.binary, self.folder = f"node-{number + 1}", number, network, binary, folder
        gossip, self.port, self.admin = network.ports[number]
        self.host, self.gossip = network.host(number), f"{network.host(number)}:{gossip}"
        self.path, self.log = folder / f"{self.name}.json", folder / f"{self.name}.log"
        seed = f"{network.host(0)}:{network.ports[0][0]}"
        self.settings = {
            "node": {"name": self.name, "workers": 2, "data": str(folder / self.name), "drain": "10s"},
            "cluster": {"listen": self.gossip, "seeds": [seed] if number else [], "keys": [key]},
            "listeners": [{"address": f"{self.host}:{self.port}"}], "admin": {"listen": f"{self.host}:{self.admin}", "token": TOKEN},
            "upstreams": {"origin": {"endpoints": [origin]}}, "cache": cache,
            "apis": [{"name": "storm", "protocol": "http", "hosts": ["*"], "cache": {}, "routes": {"$default": {"upstream": "origin"}}}]}
        self.write()
        self.child, self.is_up, self.lives = None, False, 0

    def write(self):
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(self.settings))
        fresh.rename(self.path)

    def define(self, is_other):
        """Has it serve other definitions than the rest, or the same again."""
        routes = self.settings["apis"][0]["routes"]
        routes.pop("GET /other", None)
        if is_other:
            routes["GET /other"] = {"upstream": "origin"}
        self.write()
        return self.ask("/reload", {}) is not None

    def start(self):
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(
                self.network.command(self.number, [str(self.binary), "run", "--config", str(self.path)]), stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True)
        self.is_up = True

    def hurt(self):
        self.is_up, self.lives = False, self.lives + 1

    def kill(self):
        if self.child:
            self.hurt()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.child.pid, signal.SIGKILL)
            self.child.wait()
        self.child = None

    def drain(self):
        """SIGTERM; the exit code, None where it had to be killed."""
        self.lives += 1
        self.child.send_signal(signal.SIGTERM)
        try:
            return self.child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            return None
        finally:
            self.kill()

    def freeze(self):
        self.hurt()
        os.killpg(self.child.pid, signal.SIGSTOP)

    def thaw(self):
        self.lives += 1
        self.is_up = True
        os.killpg(self.child.pid, signal.SIGCONT)

    def crash(self):
        """Kills the serving process; the master starts another."""
        children = pathlib.Path(f"/proc/{self.child.pid}/task/{self.child.pid}/children").read_text().split()
        self.lives += 1
        for pid in children:
            os.kill(int(pid), signal.SIGKILL)

    def ask(self, path, body=None):
        """The admin listener's answer; None when there is none."""
        request = urllib.request.Request(
            f"http://{self.host}:{self.admin}{path}", None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)
        except (OSError, ValueError, urllib.error.HTTPError):
            return None

    def sees(self):
        """The names that this node sees alive."""
        answer = self.ask("/members")
        return {m["name"] for m in answer["members"] if m["state"] == "alive"} if answer else None


class Cluster:
    def __init__(self, count, network, binary, folder, origin, cache):
        self.network = network
        key = base64.b64encode(os.urandom(32)).decode()
        self.nodes = [Node(i, network, binary, folder, origin, key, cache) for i in range(count)]

    def up(self):
        return [n for n in self.nodes if n.is_up]

    def agree(self, seconds=START_SECONDS):
        """Waits until those that are up see exactly each other; what is wrong still when the time is over, else nothing."""
        until = time.monotonic() + seconds
        while True:
            names = {n.name for n in self.up()}
            wrong = {n.name: sorted(seen or []) for n in self.up() if (seen := n.sees()) != names}
            if not wrong or time.monotonic() > until:
                return wrong
            time.sleep(0.02)

    def stop(self):
        self.network.heal()
        for node in self.nodes:
            node.kill()
        self.network.close()
