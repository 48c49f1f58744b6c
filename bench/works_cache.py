"""The works of the response cache: hits beside the caches of nginx, HAProxy and Varnish, hits that another node answers, and a crowd that
asks for one cold key. They are rows as those of works.py are, in a table of their own."""
import os
import re
import signal
import time
from collections import namedtuple

from gateways import Failure
from works import SUBJECT, Row, in_turns, per_request

CACHES = {SUBJECT: (SUBJECT,), 'nginx': ('nginx', 'nginx-sendfile'), 'haproxy': ('haproxy',), 'varnish': ('varnish',)}
STORING_SECONDS = 2
KEYS_AT_ONCE = 256  # four times as many as there are connections, so that none is asked for by two at once
URLS_TRIED = 1024   # with two nodes the chance that one of them owns fewer is below 2^-200
CROWD = 1000
HEAD_WAITS = 0, 100  # milliseconds; after the longer one the whole crowd stands waiting
ZIPF_KEYS, ZIPF_EXPONENT, ZIPF_RATE = 200_000, 0.8, 4_000
SECONDS_BEFORE, SECONDS_AFTER = 5, 10   # of the kill

Way = namedtuple('Way', 'name gateway pids')  # one of several ways to a response, and the processes that it costs


def hits(bench, row, path, length, more=()):
    """CPU per hit, each gateway asked for one URL that it has stored. A request that reaches the origin under way counts as failed."""
    kinds = [kind for name in bench.caches() for kind in CACHES.get(name, (name,))]
    kinds += [kind for kind, needs in more if needs in kinds]

    def fault(gateway):
        wrong = gateway.fault(path, length) or not_stored(bench.house, gateway, path)
        if not wrong:
            bench.client.wrk(gateway.url(path), 1)  # warms pools and branch predictors
        return wrong

    def sample(gateway):
        before = bench.house.fetches()
        cost = per_request(gateway, lambda: bench.client.wrk(gateway.url(path), 1))
        return cost and dict(cost, failed=cost['failed'] + bench.house.fetches() - before)
    return in_turns(bench, row, [bench.cache(kind) for kind in kinds], sample, fault)


def not_stored(house, gateway, path):
    """None once the gateway answers without a request to the origin, twice in a row, else what is wrong."""
    deadline = time.monotonic() + STORING_SECONDS
    while True:
        before = house.fetches()
        gateway.ask(path)
        gateway.ask(path)
        if house.fetches() == before:
            return None
        if time.monotonic() > deadline:
            return 'does not answer from its cache'


def small(bench):
    row = Row('hit1k', 'hit from RAM, 1 KiB, 64 keep-alive connections', 'us CPU', 0.75, table='cache')
    yield hits(bench, row, '/1k/7', 1024)


def large(bench):
    row = Row('hit64k', 'hit from RAM, 64 KiB', 'us CPU', 0.90, table='cache')
    yield hits(bench, row, '/64k/7', 65536, more=[('haproxy-big', 'haproxy')])


def own_nodes(bench, count, more=''):
    if SUBJECT in bench.settings.attached:
        raise Failure(f'peerhit and collapse start {SUBJECT} themselves; leave it out of --attach')
    return bench.house.cluster(count, more) if SUBJECT in bench.names else []


def judged_requests(node):
    """Requests that this node's cache has judged: those for keys of its own, whichever node they came in at."""
    lines = node.ask('/metrics', node.admin).splitlines()
    return int(sum(float(line.split()[-1]) for line in lines if line.startswith('tidegate_cache_requests_total')))


def owned(node, asked, count):
    """Paths that `node` owns: those whose request at `asked` moves its counter."""
    paths, before = [], judged_requests(node)
    for i in range(URLS_TRIED):
        asked.ask(f'/1k/{i}')
        now = judged_requests(node)
        if now > before:
            paths.append(f'/1k/{i}')
        if len(paths) == count:
            return paths
        before = now
    raise Failure(f'{node.name} owns {len(paths)} of {URLS_TRIED} URLs: do the nodes divide them?')


def at_another_node(bench):
    nodes = own_nodes(bench, 2, 'cache: { hot_copies: false }')
    if not nodes:
        return
    asked, owner = nodes
    ways = [Way(SUBJECT, asked, (asked.pid, owner.pid)), Way(f'{SUBJECT}-owner', owner, (owner.pid,))]
    paths = owned(owner, asked, KEYS_AT_ONCE)
    yield peer_hits(bench, Row('peerhit', f'hit that another node owns, 1 KiB, 64 connections, {KEYS_AT_ONCE} keys in turn: both nodes',
                               'us CPU', 4.0, f'{SUBJECT}-owner', table='cache'), ways, paths)
    yield peer_hits(bench, Row('peerhit', 'the same, all for one key: both nodes', 'us CPU', None, f'{SUBJECT}-owner', table='cache'),
                    ways, paths[:1])


def peer_hits(bench, row, ways, paths):
    """CPU of both nodes for hits of one of them. Of several keys each answer has to be the owner's own."""
    asked, owner = ways[0].gateway, ways[1].gateway

    def load(way, seconds=1):
        return bench.client.wrk(way.gateway.url(paths[0]), seconds, paths)

    def fault(way):
        wrong = not_stored(bench.house, way.gateway, paths[0])
        if not wrong:
            load(way)
        return wrong

    def sample(way):
        fetched, judged, alone = bench.house.fetches(), judged_requests(owner), judged_requests(asked)
        cost = per_request(way.gateway, lambda: load(way), way.pids)
        fetched, judged, alone = bench.house.fetches() - fetched, judged_requests(owner) - judged, judged_requests(asked) - alone
        # What the asked node has counted itself it has answered together with others: of several keys that is no answer of the owner's.
        counted = judged + (alone if len(paths) == 1 else 0)
        return cost and dict(cost, failed=cost['failed'] + fetched + max(0, cost['answered'] - counted))
    return in_turns(bench, row, ways, sample, fault)


def collapse(bench):
    """A crowd at three nodes, once a round, for a key that nobody has asked for before."""
    nodes = own_nodes(bench, 3)
    for wait in HEAD_WAITS if nodes else ():
        title = f'{CROWD:,} at once for a cold key, three nodes, head ' + (f'after {wait} ms' if wait else 'at once')
        rows = [Row('collapse', f'{title}: {what}', unit, bar, 'value', worst=worst, table='cache') for what, unit, bar, worst in (
            ('origin fetches', 'count', 1, True), ('last first byte after the first', 'ms', 50, True), ('median', 'ms', 10, False))]
        for row in rows:
            row.rounds[SUBJECT] = []
        for i in range(bench.settings.rounds):
            samples, silent = [None] * len(rows), None
            try:
                samples = crowd(bench, nodes, f'/slow/{wait}/{i}')
            except Failure as error:  # a node that answers nobody any more is a result
                silent = str(error)
            for row, sample in zip(rows, samples):
                row.rounds[SUBJECT].append(sample)
                if silent:
                    row.notes[SUBJECT] = silent
        yield from rows


def crowd(bench, nodes, path):
    """Three samples: the origin's fetches, the last first byte, and the median of the first bytes."""
    for node in nodes:
        node.ask('/1k/7')  # what the crowd asks for before: stored, it costs the origin nothing
    before = bench.house.fetches('/slow')
    got = bench.client.crowd(path, CROWD, [node.plain for node in nodes])
    fetched = bench.house.fetches('/slow') - before
    if not got:
        return [None] * 3
    failed = got.failed + (fetched == 0)
    return [dict(value=value, answered=got.whole, failed=failed, sent=got.sent, body=got.body) for value in (fetched, got.last, got.median)]


def kill_ratio(bench):
    """What the death of one node of five costs, with a replica and without."""
    for replicas in (1, 0) if SUBJECT in bench.names else ():
        row = Row('killratio', f'hits lost in {SECONDS_AFTER} s after kill -9 of one node of five, {ZIPF_KEYS:,} keys, {replicas} replicas',
                  '%', 5 if replicas else None, 'value', table='cache')
        row.rounds[SUBJECT] = [lost_by_death(bench, replicas)]
        yield row


def lost_by_death(bench, replicas):
    """The hit ratio after the death of a node, as what it lacks of the one before."""
    if SUBJECT in bench.settings.attached:
        raise Failure(f'killratio starts {SUBJECT} itself; leave it out of --attach')
    nodes = bench.house.cluster(5, f'cache: {{ replicas: {replicas} }}')
    client = bench.client.zipf(ZIPF_KEYS, ZIPF_EXPONENT, ZIPF_RATE, SECONDS_BEFORE, SECONDS_AFTER, 1, *(node.plain for node in nodes))
    try:
        before = spans(client.stdout.readline())
        os.killpg(nodes[2].process.pid, signal.SIGKILL)
        after = spans(client.stdout.readline())
    finally:
        client.kill()
        client.wait()
        for node in nodes:
            bench.house.stop(node)
    if not before or not after or not before[1]:
        return None
    ratios = [hits / asked for asked, hits, _ in (before, after)]
    return dict(value=100 * (1 - ratios[1] / ratios[0]), before=ratios[0], after=ratios[1], answered=before[0] + after[0],
                failed=before[2] + after[2])


def spans(line):
    found = re.search(r'asked (\d+) hits (\d+) failed (\d+)', line)
    return tuple(map(int, found.groups())) if found else None


CACHE_WORKS = {'killratio': kill_ratio, 'hit1k': small, 'hit64k': large, 'peerhit': at_another_node, 'collapse': collapse}
