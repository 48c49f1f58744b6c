"""The cache's part of the chaos: a cluster of real nodes before an origin that stamps all it says, under load from clients that look at
every byte, while a schedule that the seed decides hurts nodes and origin. Between the blows the nodes come to agree again; purges are
made then, too."""
import pathlib
import random
import subprocess
import sys
import threading
import time
from collections import Counter

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import content  # noqa: E402
from cluster import Cluster  # noqa: E402
from judge import Judge  # noqa: E402
from load import Load  # noqa: E402
from network import open_network  # noqa: E402

BLOWS = ("kill", "kill", "freeze", "freeze", "crash", "drain", "two", "part", "part", "deaf", "define", "origin")
HARMLESS, PARTITIONS = ("origin", "define"), ("part", "deaf")
AGREED_SECONDS = 1.0      # what placement may take to follow
GRACE_SECONDS = 5.0       # after which a node that came back knows what it is to be told
WARM_SECONDS = 2.0


class Storm:
    def __init__(self, nodes, rounds, seed, binary, folder, clients, cache, strict, report=print):
        self.report, self.seed, self.strict = report, seed, strict
        self.network = open_network(nodes)
        self.cluster = None
        self.source = subprocess.Popen(
            [sys.executable, "-B", pathlib.Path(__file__).with_name("origin.py"), self.network.origin, str(seed)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, start_new_session=True)
        self.origin = f"{self.network.origin}:{int(self.source.stdout.readline())}"
        self.cluster = Cluster(nodes, self.network, binary, folder, self.origin, cache)
        self.began = time.monotonic()
        self.judge = Judge(self.origin, self.began)
        self.calm_since = None
        self.load = Load(seed, self.cluster.nodes, self.judge, clients, lambda: self.calm_since)
        self.schedule = self.make_schedule(random.Random(f"schedule {seed}"), rounds, nodes)
        self.random = random.Random(f"purges {seed}")
        self.purges, self.faults = Counter(), []

    def make_schedule(self, rng, rounds, nodes):
        """(blow, victims, seconds that it lasts, seconds of calm behind it) of each round."""
        blows = [b for b in BLOWS if (self.network.can_part or b not in ("part", "deaf")) and (nodes > 3 or b != "two")]
        schedule = []
        for _ in range(rounds):
            blow = rng.choice(blows)
            count = {"origin": 0, "two": 2, "part": rng.randrange(1, nodes // 2 + 1)}.get(blow, 1)
            victims = sorted(rng.sample(range(nodes), count))
            schedule.append((blow, victims, round(rng.uniform(0.3, 6.0), 1), round(rng.uniform(1.0, 4.0), 1)))
        return schedule

    def say(self, text):
        line = f"{time.monotonic() - self.began:8.3f}  {text}"
        self.judge.story.append(line)
        self.report(line)

    # ---- what is done
    def disturb(self):
        self.calm_since = None

    def settle(self):
        """Waits until all agree; from then on what is changed is known everywhere."""
        if wrong := self.cluster.agree():
            self.fault(f"the nodes do not agree: {wrong}")
        time.sleep(AGREED_SECONDS)
        for path, version, is_soft in self.judge.take_loose():
            self.judge.raise_floor(path, version, time.monotonic() + GRACE_SECONDS, is_soft)
        if self.calm_since is None:
            self.calm_since = time.monotonic()

    def fault(self, text):
        self.faults.append(text)
        self.say(f"FAULT: {text}")

    def strike(self, blow, victims, seconds):
        nodes = [self.cluster.nodes[i] for i in victims]
        names = " and ".join(n.name for n in nodes)
        others = [i for i in range(len(self.cluster.nodes)) if i not in victims]
        if blow not in HARMLESS and not (self.strict and blow not in PARTITIONS):
            self.disturb()
        if blow in ("kill", "two"):
            self.say(f"{names}: killed")
            for node in nodes:
                node.kill()
            time.sleep(seconds)
            self.say(f"{names}: started")
            for node in nodes:
                node.start()
        elif blow == "freeze":
            self.say(f"{names}: frozen")
            nodes[0].freeze()
            time.sleep(seconds)
            self.say(f"{names}: goes on")
            nodes[0].thaw()
        elif blow == "crash":
            self.say(f"{names}: its serving process killed")
            nodes[0].crash()
        elif blow == "drain":
            self.say(f"{names}: drains")
            if (code := nodes[0].drain()) not in (0, 3):    # 3: a slow reader was cut off at the deadline
                self.fault(f"{names} ended its drain with {code}")
            time.sleep(seconds / 3)
            self.say(f"{names}: started")
            nodes[0].start()
        elif blow in ("part", "deaf"):
            self.say(f"{names}: " + ("hears nobody" if blow == "deaf" else "parted from the others"))
            self.network.part(victims, others)
            if blow == "part":
                self.network.part(others, victims)
            time.sleep(seconds)
            self.say(f"{names}: healed")
            self.network.heal()
        elif blow == "define":
            self.say(f"{names}: serves other definitions")
            is_done = nodes[0].define(True)
            time.sleep(seconds)
            self.say(f"{names}: serves the same again")
            if not (nodes[0].define(False) and is_done):
                self.fault(f"{names} did not reload")
        else:
            self.say(f"the origin fails for {seconds / 3:.1f} s")
            self.judge.tell("fail", {"seconds": seconds / 3})
            time.sleep(seconds / 3)

    def purge(self):
        """Changes content behind the nodes' backs, then purges it: from the answer on nobody sees what was before."""
        how = self.random.choice(("url", "prefix", "tag", "tag"))
        kind = self.random.choice(("long", "vary", "medium"))
        paths = content.paths_of(kind)
        one = self.random.choice(paths[:40])
        if how == "url":
            meant, body = [one], {"url": f"http://storm.test{one}"}
        elif how == "prefix":
            meant, body = [p for p in paths if p.startswith(one)], {"prefix": f"http://storm.test{one}"}
        else:
            meant, body = [p for p in paths if content.tag_of(p) == content.tag_of(one)], {"tag": content.tag_of(one)}
        if self.random.random() < 0.3:
            body["soft"] = True
        calm = self.calm_since
        versions = self.judge.tell("bump", meant)
        nodes = self.cluster.up()
        said = self.random.choice(nodes).ask("/purge?wait=5s", body) if nodes else None
        self.purges[how if said else "without an answer"] += 1
        if not said:
            return
        is_known = calm is not None and calm == self.calm_since and not said["awaited"]
        if calm is not None and calm == self.calm_since and said["awaited"]:
            self.purges["awaited in vain"] += 1
        for path, version in versions.items():
            if is_known:
                self.judge.raise_floor(path, version, time.monotonic(), "soft" in body)
            else:
                self.judge.raise_later(path, version, "soft" in body)

    def purge_now_and_then(self):
        while not self.load.over.wait(self.random.uniform(0.1, 0.5)):
            try:
                self.purge()
            except (OSError, ValueError) as error:
                self.fault(f"a purge: {error}")

    # ---- all of it
    def run(self):
        for node in self.cluster.nodes:
            node.start()
        self.settle()
        without = "" if self.network.can_part else "; no partitions: they need root, ip, nsenter and iptables"
        self.say(f"{len(self.cluster.nodes)} nodes started, seed {self.seed}{without}")
        self.load.start()
        purger = threading.Thread(target=self.purge_now_and_then, daemon=True)
        purger.start()
        time.sleep(WARM_SECONDS)
        for number, (blow, victims, seconds, calm) in enumerate(self.schedule, 1):
            self.strike(blow, victims, seconds)
            self.settle()
            self.say(f"round {number} of {len(self.schedule)}: all agree; {self.judge.counts['hit']} hits, "
                     f"{self.judge.counts['from the origin']} from the origin, {self.judge.violations} violations")
            time.sleep(calm)
            if self.load.broken:
                break
        time.sleep(WARM_SECONDS)
        if stuck := self.load.stop():
            self.fault(f"{len(stuck)} clients never ended")
        self.faults += [f"a client: {error!r}" for error in self.load.broken]
        purger.join(30)

    def summary(self):
        lines = [f"  {count:9} {what}" for what, count in sorted(self.judge.counts.items())]
        lines += [f"  {count:9} purges, {what}" for what, count in sorted(self.purges.items())]
        return "\n".join([*lines, *(f"  FAULT {text}" for text in self.faults)])

    @property
    def is_held(self):
        """Whether nothing was wrong, and enough was asked for that it could have been."""
        counts = self.judge.counts
        return not self.judge.violations and not self.faults and counts["hit"] > 100 and counts["changes"] > 0

    def stop(self):
        self.load.over.set()
        self.cluster.stop()
        self.source.stdin.close()
        self.source.wait()
        self.source.stdout.close()


def run(options, folder, report=print):
    """0 where nothing was wrong."""
    cache = {"ram": "96MiB", **({"disk": options.disk} if options.disk else {})}
    storm = Storm(options.nodes, options.rounds, options.seed, options.binary, folder, options.clients, cache, options.strict, report)
    try:
        storm.run()
    finally:
        storm.stop()
    took = time.monotonic() - storm.began
    report(f"storm: {storm.judge.violations} violations in {took:.0f} s, seed {options.seed}\n{storm.summary()}")
    return 0 if storm.is_held else 1
