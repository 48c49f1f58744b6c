"""The works: one for each row of the table. Each yields samples per gateway and round, gateways taking turns and the order flipping from
round to round; what a sample's value means, and the bar it must meet, stands in the row."""
import time
from dataclasses import dataclass, field

from gateways import Failure
from meters import cpu_microseconds, memory_kib

PEERS = ('nginx', 'haproxy', 'haproxy-big', 'envoy', 'caddy', 'nginx-sendfile', 'varnish')
SUBJECT = 'tidegate'
SAME_OPENSSL = ('nginx', 'haproxy')  # as the subject; Envoy carries BoringSSL, Caddy is Go's crypto/tls
HANDSHAKE = 'TLSv1.3 TLS_AES_128_GCM_SHA256 id-ecPublicKey256'  # what every gateway must negotiate with `dial`


@dataclass
class Row:
    """One line of the table: rounds of samples by gateway, and the bar for the subject."""
    work: str
    title: str
    unit: str
    bar: float | None     # None: shown for comparison, judged by nothing
    versus: str = 'best'  # 'best': ratio to the best peer; 'value': the subject's own figure; else the name of what it is compared with
    subject: str = SUBJECT
    rivals: tuple = ()    # peers that are judged against; empty: all
    worst: bool = False   # the figure is the largest of the rounds, not their median
    table: str = 'proxy'  # or 'cache': which table of the README it stands in
    rounds: dict = field(default_factory=dict)
    left_out: dict = field(default_factory=dict)
    notes: dict = field(default_factory=dict)


def interleaved(row, gateways, rounds, sample, fault=lambda gateway: None):
    """Samples every gateway once a round; those that cannot do the work are left out with the reason."""
    able = []
    for gateway in gateways:
        reason = fault(gateway)
        if reason:
            row.left_out[gateway.name] = reason
        else:
            able.append(gateway)
            row.rounds[gateway.name] = []
    for i in range(rounds):
        for gateway in able if i % 2 == 0 else able[::-1]:
            row.rounds[gateway.name].append(sample(gateway))
    return row


def in_turns(bench, row, gateways, sample, fault=lambda gateway: None):
    """As `interleaved`, for works whose figure needs no long load: turns of a second, `rounds * seconds` of them. The machine is another
    one every few seconds (other guests, its clock), so both sides of a ratio must lie close together."""
    return interleaved(row, gateways, bench.settings.rounds * bench.settings.seconds, sample, fault)


def per_request(gateway, drive, pids=()):
    """CPU microseconds per answered request while `drive` runs, of the gateway or of these processes; None when next to nothing was
    answered."""
    pids = pids or (gateway.pid,)
    before = sum(map(cpu_microseconds, pids))
    load = drive()
    spent = sum(map(cpu_microseconds, pids)) - before
    if load.answered < 100:
        return None
    return dict(value=spent / load.answered, answered=load.answered, failed=load.failed, p50=load.p50, p99=load.p99)


def proxied(bench, row, kinds, path, length, tls=False, http2=False):
    gateways = [bench.gateway(kind) for kind in kinds]
    drive = bench.client.h2load if http2 else bench.client.wrk

    def fault(gateway):
        if tls and not gateway.tls:
            return 'no TLS'
        wrong = gateway.fault(path, length, tls)
        if not wrong:
            drive(gateway.url(path, tls), 1)  # warms pools, caches and branch predictors
        return wrong
    return in_turns(bench, row, gateways, lambda g: per_request(g, lambda: drive(g.url(path, tls), 1)), fault)


def small(bench):
    yield proxied(bench, Row('1k', '1 KiB proxied, 64 keep-alive connections', 'us CPU', 0.85), bench.kinds(), '/1k/7', 1024)


def large(bench):
    kinds = bench.kinds()
    if 'haproxy' in kinds:
        kinds.insert(kinds.index('haproxy') + 1, 'haproxy-big')
    yield proxied(bench, Row('64k', '64 KiB proxied', 'us CPU', 0.85), kinds, '/64k/7', 65536)


def over_tls(bench):
    yield proxied(bench, Row('tls', 'TLS 1.3, 1 KiB proxied', 'us CPU', 0.80), bench.kinds(), '/1k/7', 1024, tls=True)


def over_http2(bench):
    row = Row('h2', 'HTTP/2 over TLS, 8 connections x 8 streams, 1 KiB', 'us CPU', 0.95)
    yield proxied(bench, row, bench.kinds(), '/1k/7', 1024, tls=True, http2=True)


def handshakes(bench):
    gateways = [bench.gateway(kind) for kind in bench.kinds()]
    for resume, title in ((False, 'TLS 1.3 handshake, full (P-256, X25519)'), (True, 'TLS 1.3 handshake, resumed')):
        def sample(gateway):
            before = cpu_microseconds(gateway.pid)
            done, resumed, failed, what = bench.client.handshakes(gateway.tls, 0.5, resume)
            spent = cpu_microseconds(gateway.pid) - before
            wanted = resumed if resume else done - resumed
            if wanted < 50:
                return None
            return dict(value=spent / done, answered=done, failed=failed + done - wanted)

        def fault(gateway):
            if not gateway.tls:
                return 'no TLS'
            done, _, _, what = bench.client.handshakes(gateway.tls, 0.5, resume)
            if done and not what.startswith(HANDSHAKE):
                return f'negotiates {what}'
            if done and what != HANDSHAKE:
                row.notes[gateway.name] = what[len(HANDSHAKE):].strip()
            return None if done else what
        row = Row('handshakes', title, 'us CPU', 1.05, rivals=SAME_OPENSSL)
        yield in_turns(bench, row, gateways, sample, fault)


def idle(bench):
    """Memory with 10,000 connections at rest, minus that of the same gateway warmed up, connectionless and configured for as good as none:
    so what is set aside in advance for the connections counts, as does what they grow."""
    count = bench.settings.connections
    for tls in (False, True):
        bar, versus = (1.0, 'best') if tls else (1.0, 'value')
        row = Row('idle', f'{count:,} idle connections, {"TLS" if tls else "plain"}: memory each', 'KiB', bar, versus)
        for kind in bench.kinds():
            try:
                row.rounds[kind] = [idle_sample(bench, kind, count, tls)]
            except (OSError, Failure) as error:
                row.left_out[kind] = str(error)
        yield row


def idle_sample(bench, kind, count, tls):
    empty = bench.house.start(kind, f'{kind}-empty', capacity=512)
    base, base_rss = at_rest(bench, empty, tls, 0)
    if empty.process:
        bench.house.stop(empty)
    gateway = bench.house.start(kind, f'{kind}-idle', capacity=count + 1000)
    full, full_rss = at_rest(bench, gateway, tls, count)
    if gateway.process:
        bench.house.stop(gateway)
    return dict(value=(full - base) / count, rss=(full_rss - base_rss) / count, base=base, full=full, failed=0)


def at_rest(bench, gateway, tls, count):
    """PSS and RSS in KiB, taken when two readings half a second apart agree, with `count` connections open."""
    port = gateway.tls if tls else gateway.plain
    if not port:
        raise Failure('no TLS')
    bench.client.hold(port, 128, tls).communicate()  # warms code pages and the pools of one burst
    holder = bench.client.hold(port, count, tls) if count else None
    last = memory_kib(gateway.pid)
    for _ in range(20):
        time.sleep(0.5)
        reading = memory_kib(gateway.pid)
        if abs(reading[0] - last[0]) <= 64:
            break
        last = reading
    if holder:
        holder.communicate()
    return reading


def tail(bench):
    gateways = [bench.gateway(kind) for kind in bench.kinds()]
    fastest = {g.name: bench.client.wrk(g.url('/1k/7'), 2).answered / 2 for g in gateways}
    slowest = min(fastest, key=fastest.get)
    rate = int(0.6 * fastest[slowest]) // 64 * 64
    if rate == 0:
        raise Failure(f'{slowest} answers nothing')
    seconds = bench.settings.seconds
    row = Row('tail', f'p99 of 1 KiB at {rate:,} requests/s (60 % of what {slowest} can do)', 'us', 1.05)

    def sample(gateway):
        got = {}

        def drive():
            got['load'] = bench.client.paced(gateway.url('/1k/7'), rate, seconds)
            return got['load']
        cost = per_request(gateway, drive)
        return cost and dict(cost, cpu=cost['value'] * seconds / (seconds + 1), value=got['load'].p99)
    yield interleaved(row, gateways, bench.settings.rounds, sample)


def workers(bench):
    """Two workers against one, both free to use the same CPUs: with four or more the client keeps one for itself, else all share."""
    house, settings = bench.house, bench.settings
    kinds = [k for k in bench.kinds() if k in (SUBJECT, 'nginx') and k not in settings.attached]
    gateways = [house.start(k, f'{k}-{n}', workers=n, cpus=settings.shared_cpus) for k in kinds for n in (1, 2)]
    client_cpus, bench.client.cpus = bench.client.cpus, settings.client_cpus if settings.count >= 4 else settings.shared_cpus
    if settings.count < 4:
        house.pin_origin(settings.shared_cpus)
    try:
        samples = in_turns(bench, Row('workers', '', 'us CPU', 0), gateways,
                           lambda g: per_request(g, lambda: bench.client.wrk(g.url('/1k/7'), 1)))
    finally:
        bench.client.cpus = client_cpus
        house.pin_origin(settings.client_cpus)
        for gateway in gateways:
            house.stop(gateway)
    for kind in kinds:
        one, two = f'{kind}-1', f'{kind}-2'
        yield Row('workers', f'{kind}: two workers against one, 1 KiB', 'us CPU', 1.1 if kind == SUBJECT else None, one, two,
                  rounds={name: samples.rounds[name] for name in (one, two)})


WORKS = {'1k': small, '64k': large, 'tls': over_tls, 'h2': over_http2, 'handshakes': handshakes, 'idle': idle, 'tail': tail,
         'workers': workers}
