"""The works of what a cache keeps: how fast what is purged is gone everywhere, hits from disk beside nginx's, and how soon a node serves
from its disk after a restart. Rows of the cache's table, as those of works_cache.py are."""
import http.client
import json
import os
import random
import time

from gateways import Failure, await_agreed, end, launch
from works import SUBJECT, Row, interleaved
from works_cache import CACHES, own_nodes

PURGE_NODES, PURGES, PURGE_TAGS, PURGE_RATE = 5, 200, 8, 400    # of each round; the rate is that of each node
NOISE = 65536
KEPT_TRIES = 6
DISK_RAM, DISK_OBJECTS, DISK_CONNECTIONS, DISK_RATE = '16MiB', 4096, 16, 1000
RESTART_OBJECTS = 17500    # of 64 KiB each: beyond 1 GiB
RESTART_SECONDS = 60


class Asker:
    """A kept connection that says what came of each request: a client of one request at a time, where no tool tells hits from misses."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection('127.0.0.1', port, timeout=10)

    def get(self, path):
        """(the body's length, Cache-Status)"""
        self.connection.request('GET', path)
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise Failure(f'{path}: status {answer.status}')
        return len(body), answer.getheader('Cache-Status', '')

    def post(self, path, body):
        self.connection.request('POST', path, json.dumps(body), {'Content-Type': 'application/json'})
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise Failure(f'{path}: status {answer.status}: {text[:200]}')
        return json.loads(text)


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def purge(bench):
    """Purges by tag while all nodes are asked for what is tagged. A purge counts from its request to the answer that all have applied it."""
    nodes = own_nodes(bench, PURGE_NODES)
    if not nodes:
        return
    applied = Row('purge', f'purge by tag, {PURGE_NODES} nodes, {PURGE_NODES * PURGE_RATE:,} requests/s: p99 until all have applied it', 'ms',
                  250, 'value', worst=True, table='cache')
    hits = Row('purge', 'hits on what was purged', 'count', 0, 'value', worst=True, table='cache')
    rng = random.Random(1)
    listeners, admins = [Asker(n.plain) for n in nodes], [Asker(n.admin) for n in nodes]
    loads = [f'/tag/{tag}/load-{i}' for tag in range(PURGE_TAGS) for i in range(PURGE_NODES)]
    samples = []
    for _ in range(bench.settings.rounds):
        times, wrong, failed = [], 0, 0
        with bench.client.background([n.plain for n in nodes], loads, PURGE_RATE):
            for i in range(PURGES):
                tag = i % PURGE_TAGS
                paths = [f'/tag/{tag}/{j}' for j in range(PURGE_NODES)]
                for path in paths:
                    listeners[rng.randrange(PURGE_NODES)].get(path)
                began = time.monotonic()
                said = rng.choice(admins).post('/purge?wait=5s', {'tag': f'bench-{tag}'})
                times.append((time.monotonic() - began) * 1e3)
                failed += len(said['applied']) != PURGE_NODES or said['awaited'] != []
                order = rng.sample(listeners, PURGE_NODES)
                wrong += sum('; hit' in asker.get(path)[1] for asker, path in zip(order, paths))
        samples.append((percentile(times, 0.99), wrong, failed, percentile(times, 0.5)))
    applied.rounds[SUBJECT] = [dict(value=p99, answered=PURGES, failed=failed, p50=p50) for p99, _, failed, p50 in samples]
    hits.rounds[SUBJECT] = [dict(value=wrong, answered=PURGES * PURGE_NODES, failed=0) for _, wrong, _, _ in samples]
    yield from (applied, hits)


def disk_hit(bench):
    """A set many times the RAM tier, asked for at a fixed rate and in an order of its own by each connection. Once with the files in the
    machine's page cache, as they are when they have just been written, once with every file let go of before each sample."""
    kinds = [kind for name in (SUBJECT, 'nginx') if name in bench.names for kind in CACHES[name]]
    gateways = [bench.house.start(kind, cached=True, disk=(DISK_RAM, '1GiB')) for kind in kinds]
    paths = [f'/noise/{i}' for i in range(DISK_OBJECTS)]
    filled = {gateway.name: fill(gateway, paths) for gateway in gateways}
    for is_cold in (False, True):
        state = 'not in the page cache' if is_cold else 'in the page cache'
        row = Row('diskhit', f'hit from disk, 64 KiB, {DISK_RATE:,} requests/s over 256 MiB, files {state}: p99', 'us', 1.0, table='cache',
                  rivals=tuple(g.name for g in gateways if g.name != SUBJECT))

        def sample(gateway):
            if is_cold:
                let_go(gateway.folder)
            before = bench.house.fetches()
            load = bench.client.paced_over(gateway.plain, paths, DISK_RATE, DISK_CONNECTIONS, bench.settings.seconds)
            missed = bench.house.fetches() - before
            return load.answered and dict(value=load.p99, answered=load.answered, failed=load.failed + missed, p50=load.p50)

        def fault(gateway):
            return filled[gateway.name] or not_kept(bench, gateway, paths)
        yield interleaved(row, gateways, bench.settings.rounds, sample, fault)


def fill(gateway, paths):
    """None when all is asked for, else what is wrong."""
    asker = Asker(gateway.plain)
    try:
        for path in paths:
            if asker.get(path)[0] != NOISE:
                return f'{path}: not {NOISE} bytes'
    except (OSError, Failure, http.client.HTTPException) as error:
        return str(error)


def not_kept(bench, gateway, paths):
    """None when all that was filled is answered without the origin. Writing may be behind, and what a gateway could not take in the first haste
    is offered again."""
    for _ in range(KEPT_TRIES):
        before = bench.house.fetches()
        if fault := fill(gateway, paths):
            return fault
        if bench.house.fetches() == before:
            return None
        time.sleep(1)
    return 'does not keep the set'


def let_go(folder):
    """Takes the files below a folder out of the page cache."""
    os.sync()
    for place, _, files in os.walk(folder):
        for name in files:
            try:
                file = os.open(f'{place}/{name}', os.O_RDONLY)
            except OSError:
                continue
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(file)


def restart(bench):
    """Two nodes; one has 1 GiB on disk and is ended and started again. The time runs from its start to its first hit."""
    nodes = own_nodes(bench, 2, 'cache: { ram: 16MiB, disk: 2GiB }')
    if not nodes:
        return
    title = 'restart with 1 GiB on disk and a live peer: first hit from disk after'
    row = Row('restart', title, 's', 2.0, 'value', worst=True, table='cache')
    row.rounds[SUBJECT] = []
    node = nodes[0]
    paths = [f'/noise/{i}' for i in range(RESTART_OBJECTS * 2)]
    fill(node, paths)
    kept = json.loads(node.ask('/cache', node.admin)).get('disk', {}).get('bytes', 0)
    if kept < 1 << 30:
        row.left_out[SUBJECT] = f'keeps {kept:,} bytes on disk, not 1 GiB'
        yield row
        return
    for i in range(bench.settings.rounds):
        row.rounds[SUBJECT].append(restarted(bench, nodes, paths[i::64]))
    row.notes[SUBJECT] = f'{kept >> 20:,} MiB on disk'
    yield row


def restarted(bench, nodes, paths):
    node = nodes[0]
    end(node.process)
    began = time.monotonic()
    node.relaunch()
    refused = 0
    while time.monotonic() < began + RESTART_SECONDS:
        try:
            asker = Asker(node.plain)
            while time.monotonic() < began + RESTART_SECONDS:
                before = bench.house.fetches()
                owned = judged(node)
                _, status = asker.get(paths[refused % len(paths)])
                # A hit of its own: it judged the request, and the origin was not asked.
                if '; hit' in status and bench.house.fetches() == before and judged(node) > owned:
                    value = time.monotonic() - began
                    await_agreed(nodes)
                    return dict(value=value, answered=refused + 1, failed=0)
                refused += 1
        except (OSError, Failure, http.client.HTTPException):
            time.sleep(0.005)
    return None


def judged(node):
    lines = node.ask('/metrics', node.admin).splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith('tidegate_cache_requests_total'))


KEEP_WORKS = {'purge': purge, 'diskhit': disk_hit, 'restart': restart}
