"""What the storm's clients ask for: requests of all kinds for paths by a Zipf law, drawn from a seed, with changes by unsafe requests among
them; each client is a thread with connections of its own."""
import bisect
import itertools
import random
import threading
import time

import content
from client import Broken, Client

EXPONENT = 0.9
UNSAFE_SHARE, FROZEN_SHARE = 0.025, 0.1
QUICK_SECONDS = 0.6    # a change that was answered so fast was heard by all who keep it: nobody's patience had ended
LATE_SECONDS = 5.0     # after which it was also otherwise
SLOW_SECONDS = 0.02
SEEN_MAX = 5000


class Paths:
    def __init__(self):
        self.kinds = list(content.KINDS)
        self.weights = list(itertools.accumulate(kind.weight for kind in content.KINDS.values()))
        most = max(kind.count for kind in content.KINDS.values())
        self.ranks = list(itertools.accumulate(1 / (rank + 1) ** EXPONENT for rank in range(most)))

    def draw(self, rng):
        kind = self.kinds[bisect.bisect(self.weights, rng.random() * self.weights[-1])]
        return f"/{kind}/{self.number(kind, rng)}"

    def number(self, kind, rng):
        return bisect.bisect(self.ranks, rng.random() * self.ranks[content.KINDS[kind].count - 1])


class Ask:
    """One request as its client wants it."""
    tags = {}    # the last entity tags that were seen, for conditions

    def __init__(self, path, rng):
        self.path, self.method, self.fields, self.variant = path, "GET", {}, ""
        kind = content.KINDS[content.kind_of(path)]
        if content.is_personal(path):
            self.fields["X-Nonce"] = f"n{rng.getrandbits(60):x}"
            if path.startswith("/private/") and content.number_of(path) % 3 == 2:
                self.fields["Authorization"] = "Bearer " + self.fields["X-Nonce"]
            return
        if path.startswith("/vary/"):
            self.variant = self.fields["Accept-Language"] = rng.choice(content.LANGUAGES)
        dice = rng.random()
        tag = Ask.tags.get((path, self.variant))
        if dice < 0.04:
            self.method = "HEAD"
        elif dice < 0.12 and tag:
            self.fields["If-None-Match"] = tag
        elif dice < 0.25 and kind.ranges:
            first = rng.randrange(kind.smallest)
            self.fields["Range"] = rng.choice((f"bytes={first}-{first + rng.randrange(1, 5000)}", f"bytes={first}-", f"bytes=-{first + 1}"))
            if tag and rng.random() < 0.2:
                self.fields["If-Range"] = tag
        elif dice < 0.27:
            self.fields["Cache-Control"] = "no-cache"
        elif dice < 0.30:
            self.fields["Cache-Control"] = rng.choice(("only-if-cached", "max-age=1", "max-stale=2", "min-fresh=1"))

    def seen(self, tag):
        if len(Ask.tags) > SEEN_MAX:
            Ask.tags.clear()
        Ask.tags[self.path, self.variant] = tag

    def part(self, length):
        first, _, last = self.fields["Range"].removeprefix("bytes=").partition("-")
        if not first:
            return max(0, length - int(last)), length
        return int(first), min(length, int(last) + 1 if last else length)


class Load:
    """All clients. `calm` says when nobody had been hurt for a while, or None."""

    def __init__(self, seed, nodes, judge, threads, calm):
        self.nodes, self.judge, self.calm = nodes, judge, calm
        self.paths, self.over = Paths(), threading.Event()
        self.threads = [
            threading.Thread(target=self.run, args=(random.Random(f"client {seed} {i}"), i), daemon=True) for i in range(threads)]
        self.broken = []

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join(60)
        return [t for t in self.threads if t.is_alive()]

    def run(self, rng, number):
        client = Client(self.nodes)
        try:
            while not self.over.is_set():
                path = self.paths.draw(rng)
                if number % 8 == 7:    # a slow reader of large bodies
                    kind = rng.choice(("medium", "medium", "big"))
                    self.get(client, Ask(f"/{kind}/{self.paths.number(kind, rng)}", rng), rng, SLOW_SECONDS * rng.random())
                elif rng.random() < UNSAFE_SHARE and not content.is_personal(path):
                    self.change(client, path, rng)
                else:
                    self.get(client, Ask(path, rng), rng)
        except Exception as error:  # noqa: BLE001 (a client that stops is a fault of the storm's own, and ends it)
            self.broken.append(error)
            raise
        finally:
            client.close()

    def get(self, client, ask, rng, slowly=0.0):
        order = rng.sample(self.nodes, len(self.nodes))
        if not order[0].is_up and rng.random() > FROZEN_SHARE:
            order.sort(key=lambda n: not n.is_up)    # or all would wait for the frozen one
        tries = []
        for node in order:
            try:
                answer = client.ask(node, ask.method, ask.path, ask.fields.items(), slowly)
            except Broken as broken:
                tries.append(broken)
                continue
            self.judge.judge(ask, answer)
            if tries:
                self.judge.counted("answered at a further node")
            return
        self.judge.judge_broken(ask, tries)

    def change(self, client, path, rng):
        """An unsafe request: from its answer on, nobody sees what was before."""
        calm = self.calm()
        also = f"/long/{self.paths.number('long', rng)}" if rng.random() < 0.2 else None
        try:
            answer = client.ask(rng.choice(self.nodes), rng.choice(("POST", "PUT", "DELETE")), path, [("X-Also", also)] if also else ())
        except Broken:
            return self.judge.counted("changes without an answer")
        version = answer.get("x-version")
        if answer.status != 200 or not version:
            return self.judge.counted("changes that failed")
        changed = [(path, int(version))] + ([(also, int(answer.get("x-also-version")))] if also else [])
        at = time.monotonic() + (0 if answer.ended - answer.began < QUICK_SECONDS else LATE_SECONDS)
        for one, version in changed:
            if calm is None or calm != self.calm():
                self.judge.raise_later(one, version)
            else:
                self.judge.raise_floor(one, version, at)
        return self.judge.counted("changes")
