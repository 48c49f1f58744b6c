"""Runs the table of caching cases (Tests/Vectors/cache) against one cache or the nodes of one, each request at a node drawn from a seed.
It owns cases, templates, sending and counting; cache_origin.py answers behind the cache, cache_judge.py says what is wrong.

    python3 -B cache_table.py --gateway http://127.0.0.1:PORT --origin-port P [--filter TEXT] [--kind required] [--route plain]"""
import argparse
import collections
import concurrent.futures
import datetime
import email.utils
import json
import pathlib
import random
import re
import secrets
import select
import sys
import time
import urllib.parse

from cache_judge import Judgement
from cache_origin import Answer, CacheOrigin
from wire import Truncated, Wire, head

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "Vectors/cache"
KINDS = ("required", "optimal", "check")
PARALLEL = 32
PAUSE_MAX = 2.0  # seconds a case may pause and delay in all
EVENTUALLY = 3.0  # seconds within which what happens in the background must have happened
HOST = "a.test"
KEYS = {
    "case": {"id", "says", "clause", "kind", "route", "steps"},
    "step": {"request", "origin", "expect", "pause", "setup", "eventually", "clients"},
    "request": {"method", "path", "fields", "body", "host", "absolute"},
    "origin": {"status", "fields", "body", "framing", "trailers", "interim", "breaks_after", "delay", "disconnect", "ranges"},
    "expect": {"answer", "from", "status", "body", "parts", "fields", "age", "sees", "asks", "asks_method", "cache_status", "incomplete",
               "background", "when_cached", "interim"},
}


# ---- the table
class Case:
    """One case; `base` is the segment of the path that it has for itself in one run."""

    def __init__(self, data, file):
        self.file, self.data = file, data
        self.id, self.says, self.clause, self.kind = data["id"], data["says"], data["clause"], data["kind"]
        self.route, self.steps = data.get("route", "plain"), data["steps"]
        self._check()

    def _check(self):
        """A misspelt key would make a case weaker without anybody noticing."""
        def known(kind, value):
            if unknown := set(value) - KEYS[kind]:
                raise ValueError(f"{self.file}: {self.id}: unknown keys {sorted(unknown)} in a {kind}")
        known("case", self.data)
        for step in self.steps:
            known("step", step)
            for kind in ("request", "origin", "expect"):
                known(kind, step.get(kind, {}))
        pauses = sum(step.get("pause", 0) + step.get("origin", {}).get("delay", 0) for step in self.steps)
        if self.kind not in KINDS or pauses > PAUSE_MAX or not self.steps:
            raise ValueError(f"{self.file}: {self.id}: bad kind, too long a pause, or no steps")


def load(folder=FOLDER):
    """Every case of every file, by file and place."""
    cases = [Case(data, path.stem) for path in sorted(folder.glob("*.json")) for data in json.loads(path.read_text())]
    twice = [i for i, n in collections.Counter(c.id for c in cases).items() if n > 1]
    if twice:
        raise ValueError(f"cases of the same id: {twice}")
    return cases


# ---- templates
def http_date(moment, form):
    """A moment (seconds since the epoch) in one of the three forms of RFC 9110 §5.6.7."""
    if form == "rfc850":
        return datetime.datetime.fromtimestamp(moment, datetime.timezone.utc).strftime("%A, %d-%b-%y %H:%M:%S GMT")
    if form == "asctime":
        return time.asctime(time.gmtime(moment))
    return email.utils.formatdate(moment, usegmt=True)


def fill(value, names):
    """Replaces {{now+60}}, {{rfc850 now-60}}, {{asctime now}} and {{name}} in all texts of a value."""
    if isinstance(value, dict):
        return {k: fill(v, names) for k, v in value.items()}
    if isinstance(value, list):
        return [fill(v, names) for v in value]
    if not isinstance(value, str):
        return value

    def one(match):
        date = re.fullmatch(r"(?:(rfc850|asctime) )?now([+-]\d+)?", match.group(1))
        return http_date(names["now"] + int(date.group(2) or 0), date.group(1)) if date else str(names[match.group(1)])
    return re.sub(r"\{\{([^}]*)\}\}", one, value)


def pairs(fields):
    """{name: value or list of values} as field lines; a value of null leaves the field out that would else be added."""
    return [(n, v) for n, values in fields.items() for v in (values if isinstance(values, list) else [values])]


def text_of(value):
    """A text, {"repeat": text, "times": n}, or a list of both, one after the other."""
    if isinstance(value, list):
        return "".join(text_of(v) for v in value)
    return value["repeat"] * value["times"] if isinstance(value, dict) else value


# ---- running one case
Result = collections.namedtuple("Result", "case outcome step faults")  # outcome: pass, fail, setup (what it builds on did not come about)


class Run:
    """One case on its way: its connections, its clock, the origin's answers by step."""

    def __init__(self, table, case):
        self.table, self.case = table, case
        self.base = f"{table.nonce}-{case.id}"
        self.random = random.Random(f"{table.seed}/{case.id}")
        self.wires, self.bodies, self.statuses = {}, [], []
        self.names = {"now": int(time.time()), "base": f"/{case.route}/{self.base}", "origin_port": table.origin.port}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for wire in self.wires.values():
            wire.close()
        self.table.origin.forget(self.base)

    def result(self):
        for number, step in enumerate(self.case.steps, 1):
            faults = self._step(number, step)
            if faults:
                return Result(self.case, "setup" if step.get("setup") else "fail", number, faults)
        return Result(self.case, "pass", len(self.case.steps), [])

    def _step(self, number, step):
        if step.get("pause"):
            time.sleep(step["pause"])
        origin = fill(step.get("origin", {}), self.names)
        answer = self._answer(number, origin)
        self.bodies.append(answer.body)
        self.statuses.append(answer.status)
        self.table.origin.set(self.base, number, answer)
        end = time.monotonic() + EVENTUALLY
        while True:
            faults = self._attempt(number, step)
            if not faults or not step.get("eventually") or time.monotonic() > end:
                return faults
            time.sleep(0.02)

    def _answer(self, number, origin):
        body = text_of(origin.pop("body", f"answer {number} to {self.base}"))
        fields = {"Content-Type": "text/plain", **origin.pop("fields", {})}
        trailers = pairs(origin.pop("trailers", {}))
        interim = [(status, pairs(names)) for status, names in origin.pop("interim", [])]
        return Answer(fields=pairs(fields), body=body.encode("latin-1"), trailers=trailers, interim=interim, **origin)

    def _attempt(self, number, step):
        origin, skip = self.table.origin, len(self.table.origin.asked(self.base, number))
        request, clients = step.get("request", {}), step.get("clients", 1)
        try:
            if clients == 1:
                responses = [self._send(request, self.wires)]
            else:
                with concurrent.futures.ThreadPoolExecutor(clients) as pool:
                    responses = list(pool.map(lambda _: self._send_alone(request), range(clients)))
        except (OSError, ValueError) as fault:
            return [f"no readable answer: {fault!r}"]
        expect = fill(step.get("expect", {}), self.names)
        faults = []
        if expect.get("background") and not origin.wait_asked(self.base, number, skip + expect["background"], EVENTUALLY):
            faults.append("the origin was not asked in the background")
        asked = origin.asked(self.base, number, skip)
        for response in responses:
            judgement = Judgement(expect, number, request.get("method", "GET"), response, asked, self.bodies, self.statuses)
            faults += judgement.run(self.table.demands_status and clients == 1 and self.case.route != "off")
        return faults

    def _send_alone(self, request):
        wires = {}
        try:
            return self._send(request, wires)
        finally:
            for wire in wires.values():
                wire.close()

    def _send(self, request, wires):
        """Asks one of the gateways, on the connection that this case has to it."""
        port = self.random.choice(self.table.ports)
        request = fill(request, {**self.names, "port": port})
        wire = wires.pop(port, None)
        if wire and select.select([wire.socket], [], [], 0)[0]:  # ended meanwhile; nothing may come unasked
            wire.close()
            wire = None
        wire = wire or Wire(port, host=self.table.host)
        method, host = request.get("method", "GET"), request.get("host", HOST)
        absolute = request.get("absolute")  # true, or the host that the target names while Host names another
        authority = f"http://{host if absolute is True else absolute}" if absolute else ""
        target = authority + self.names["base"] + text_of(request.get("path", ""))
        body = request.get("body", "x" if method in ("POST", "PUT", "PATCH") else None)
        fields = pairs(request.get("fields", {})) + ([("Content-Length", len(body))] if body is not None else [])
        try:
            wire.send(head(method, target, fields, host=host) + (body or "").encode("latin-1"))
            response = read(wire, method)
        except BaseException:
            wire.close()
            raise
        if response.incomplete or response.framing == "close" or "close" in response.get("connection", "").lower():
            wire.close()
        else:
            wires[port] = wire
        return response


def read(wire, method):
    """The final response; one whose body breaks off comes back too, marked `incomplete`, with what had come."""
    interim = []
    while (response := wire.read_head()).status < 200:
        interim.append((response.status, response.fields))
    response.interim, response.incomplete = interim, False
    try:
        wire.read_body(response, method)
    except (Truncated, ConnectionError) as fault:
        response.incomplete, response.body = True, getattr(fault, "so_far", b"")
    return response


# ---- running all
class Table:
    """The cases against the gateways at `ports`; `demands_status` wants a Cache-Status (RFC 9211) on every answer."""

    def __init__(self, origin, ports, seed=0, host="127.0.0.1", demands_status=False):
        self.origin, self.ports, self.seed, self.host, self.demands_status = origin, list(ports), seed, host, demands_status
        self.nonce = secrets.token_hex(4)

    def judge(self, case):
        with Run(self, case) as run:
            return run.result()

    def judge_all(self, cases, parallel=PARALLEL):
        """Results in the order of the cases; those that pause begin first, so that nobody waits for them at the end."""
        order = sorted(cases, key=lambda c: -sum(s.get("pause", 0) for s in c.steps))
        with concurrent.futures.ThreadPoolExecutor(parallel) as pool:
            results = {r.case.id: r for r in pool.map(self.judge, order)}
        return [results[c.id] for c in cases]


def summary(results):
    """Passed / all by file and kind, as text; what merely lacked its setup is shown after a `+`."""
    rows = collections.defaultdict(collections.Counter)
    for r in results:
        for row in (r.case.file, "all"):
            rows[row][r.case.kind, r.outcome] += 1
    lines = [f"{'passed (+ not reached) of':26}" + "".join(f"{k:>18}" for k in KINDS)]
    for row in sorted(rows, key=lambda name: (name == "all", name)):
        cells = []
        for kind in KINDS:
            passed, unreached = rows[row][kind, "pass"], rows[row][kind, "setup"]
            of = passed + unreached + rows[row][kind, "fail"]
            cells.append(f"{passed}{f' (+{unreached})' if unreached else ''} of {of}" if of else "")
        lines.append(f"{row:26}" + "".join(f"{c:>18}" for c in cells))
    return "\n".join(lines)


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Runs the table of HTTP caching cases against any cache.")
    parser.add_argument("--gateway", action="append", required=True, help="http://HOST:PORT of the cache; more than one for a cluster")
    parser.add_argument("--origin-port", type=int, required=True, help="port on which the table's origin listens; the cache asks it")
    parser.add_argument("--filter", default="", help="only cases whose id holds this text")
    parser.add_argument("--kind", choices=KINDS, action="append")
    parser.add_argument("--route", action="append", help="only cases of these routes (other caches know just `plain`)")
    parser.add_argument("--file", action="append", help="only cases of these files of the table")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quiet", action="store_true", help="the summary alone, without each case that failed")
    options = parser.parse_args(arguments)
    gateways = [urllib.parse.urlsplit(g) for g in options.gateway]
    cases = [c for c in load() if options.filter in c.id and (not options.kind or c.kind in options.kind)
             and (not options.route or c.route in options.route) and (not options.file or c.file in options.file)]
    began = time.monotonic()
    with CacheOrigin(options.origin_port) as origin:
        results = Table(origin, [g.port for g in gateways], options.seed, gateways[0].hostname).judge_all(cases)
    for r in results:
        if r.outcome != "pass" and not options.quiet:
            print(f"{r.outcome:5} {r.case.kind:8} {r.case.file}/{r.case.id} step {r.step} ({r.case.clause}): {'; '.join(r.faults)}")
    print(summary(results))
    print(f"{len(results)} cases in {time.monotonic() - began:.1f} s")
    return any(r.outcome != "pass" and r.case.kind == "required" for r in results)


if __name__ == "__main__":
    sys.exit(main())
