"""The clients: wrk for HTTP/1.1, h2load for HTTP/2 and for a fixed rate, our own `dial` for handshakes and idle connections `crowd` for
many who ask for one thing at once, and `zipf` for many keys. Each returns what was answered and what failed; all run on the client's CPU with one TLS cipher
suite."""
import contextlib
import os
import random
import re
import subprocess
from collections import namedtuple

from gateways import launch

Load = namedtuple('Load', 'answered failed p50 p99')  # microseconds
Crowd = namedtuple('Crowd', 'whole failed sent median last body')  # milliseconds, as crowd.c has them
CONNECTIONS = 64
IN_TURN = """
local requests, i = {}, 0
function init() for k, path in ipairs({%s}) do requests[k] = wrk.format("GET", path) end end
function request() i = i %% #requests + 1; return requests[i] end
"""
UNITS = {'us': 1, 'ms': 1e3, 's': 1e6, 'm': 6e7}


class Client:
    def __init__(self, settings):
        self.settings = settings
        self.cpus = settings.client_cpus

    def output(self, command):
        environment = {**os.environ, 'OPENSSL_CONF': self.settings.path('tls/client.cnf')}
        done = subprocess.run(command, capture_output=True, text=True, env=environment,
                              preexec_fn=lambda: os.sched_setaffinity(0, self.cpus))
        return done.stdout + done.stderr

    def wrk(self, url, seconds, paths=()):
        """64 keep-alive connections, the next request as soon as the last is answered; for these paths in turn, if there are any."""
        script = []
        if paths:
            script = ['-s', self.settings.path('paths.lua')]
            with open(script[1], 'w') as f:
                f.write(IN_TURN % ', '.join(f'"{path}"' for path in paths))
        text = self.output([self.settings.tool('wrk'), '-t1', f'-c{CONNECTIONS}', f'-d{seconds}s', '--latency', *script, url])
        answered = number(r'(\d+) requests in', text)
        failed = sum(int(n) for n in re.findall(r'(?:responses:|connect|read|write|timeout) (\d+)', text))
        return Load(answered, failed, *(duration(rf'^\s+{q}%\s+([\d.]+)(us|ms|s|m)', text) for q in (50, 99)))

    def h2load(self, url, seconds):
        """8 connections of 8 streams over TLS."""
        text = self.output([self.settings.tool('h2load'), '-t1', '-c8', '-m8', '-D', str(seconds),
                            '--tls13-ciphers=TLS_AES_128_GCM_SHA256', url])
        if 'Application protocol: h2' not in text:
            return Load(0, 1, 0, 0)
        failed = sum(int(n) for n in re.findall(r'(\d+) (?:failed|errored|timeout|4xx|5xx)', text))
        return Load(number(r'(\d+) succeeded', text), failed, 0, duration(r'time for request:\s+\S+\s+([\d.]+)(us|ms|s)', text))

    def paced(self, url, rate, seconds):
        """A fixed rate over 64 HTTP/1.1 connections; percentiles over every request but those of the first second."""
        log = self.settings.path('paced.log')
        self.output([self.settings.tool('h2load'), '--h1', '-t1', f'-c{CONNECTIONS}', f'--rps={rate / CONNECTIONS}', '-D', str(seconds + 1),
                     '--log-file', log, url])
        return settled([log])

    def spread(self, port, paths, rate, connections, log=None, seconds=3600):
        """Processes that ask for these paths, `rate` a second over connections of one process each: every one in an order of its own."""
        for i in range(connections):
            urls = self.settings.path(f'urls-{port}-{i}')
            with open(urls, 'w') as f:
                f.writelines(f'http://127.0.0.1:{port}{path}\n' for path in random.Random(i).sample(paths, len(paths)))
            command = [self.settings.tool('h2load'), '--h1', '-t1', '-c1', f'--rps={rate / connections}', '-D', str(seconds), '-i', urls]
            yield launch(command + ([f'--log-file={log}-{i}'] if log else []), self.cpus, os.devnull)

    def paced_over(self, port, paths, rate, connections, seconds):
        """As `paced`, over many paths."""
        log = self.settings.path('spread.log')
        for process in list(self.spread(port, paths, rate, connections, log, seconds + 1)):
            process.wait()
        return settled([f'{log}-{i}' for i in range(connections)])

    @contextlib.contextmanager
    def background(self, ports, paths, rate, connections=2):
        """Load at a fixed rate for each port while the block runs; what it is answered is not looked at."""
        running = [process for port in ports for process in self.spread(port, paths, rate, connections)]
        try:
            yield
            if ended := [process.returncode for process in running if process.poll() is not None]:
                raise OSError(f'{len(ended)} of the clients behind ended with {ended[0]}')
        finally:
            for process in running:
                process.kill()
                process.wait()

    def handshakes(self, port, seconds, resume):
        """(handshakes, of them resumed, failed, what was negotiated)"""
        text = self.output([self.settings.tool('dial'), 'resume' if resume else 'new', str(port), str(seconds)])
        found = re.search(r'done (\d+) resumed (\d+) failed (\d+) (.*)', text)
        return (*map(int, found.groups()[:3]), found[4]) if found else (0, 0, 1, text.strip())

    def crowd(self, path, count, ports):
        """What `count` connections got that asked at once; None when there was no answer at all."""
        text = self.output([self.settings.tool('crowd'), path, str(count), *map(str, ports)])
        found = re.search(r'whole (\d+) failed (\d+) sent (\S+) median (\S+) last (\S+) body (\S+)', text)
        return Crowd(*map(int, found.groups()[:2]), *map(float, found.groups()[2:])) if found else None

    def zipf(self, *arguments):
        """`zipf`, under way: what is killed while it asks is killed by whoever reads what it prints."""
        return subprocess.Popen([self.settings.tool('zipf'), *map(str, arguments)], stdout=subprocess.PIPE, text=True,
                                preexec_fn=lambda: os.sched_setaffinity(0, self.cpus))

    def hold(self, port, count, tls):
        """Opens `count` connections, makes a request on each and returns the process that holds them; its input's end releases them."""
        holder = subprocess.Popen([self.settings.tool('dial'), 'hold', str(port), str(count), 'tls' if tls else 'plain'],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                  preexec_fn=lambda: os.sched_setaffinity(0, self.cpus))
        if holder.stdout.readline().strip() == f'ready {count}':
            return holder
        holder.kill()
        raise OSError(holder.communicate()[1].strip() or 'the connections could not be held')


def number(pattern, text):
    found = re.search(pattern, text)
    return int(found[1]) if found else 0


def duration(pattern, text):
    found = re.search(pattern, text, re.M)
    return float(found[1]) * UNITS[found[2]] if found else 0


def settled(logs):
    """Percentiles over every request in h2load's logs but those of the first second."""
    rows = []
    for log in logs:
        with open(log) as f:
            rows += [tuple(map(int, line.split('\t')[:3])) for line in f]
        os.unlink(log)
    if not rows:
        return Load(0, 1, 0, 0)
    begun = min(row[0] for row in rows) + 1_000_000
    times = sorted(row[2] for row in rows if row[0] >= begun)
    failed = sum(row[1] != 200 for row in rows)
    if not times:
        return Load(0, failed or 1, 0, 0)
    return Load(len(times), failed, times[len(times) // 2], times[len(times) * 99 // 100])
