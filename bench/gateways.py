"""The gateways under measurement: how each is configured, started, found ready and stopped. Configurations are rendered from conf/ with
ports that are free at the moment; everything lies in the work folder, but for what caches keep in a tmpfs, which is removed at the end; a
process that was started here never outlives the run."""
import base64
import ctypes
import functools
import http.client
import json
import os
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time

import meters

HERE = os.path.dirname(os.path.abspath(__file__))
DESCRIPTORS = 65536
READY_SECONDS = 20
STOP_SECONDS = 5
ROUTES = 300
TMPFS = '/dev/shm'
# What Varnish writes into shared memory for a hit. It costs a fifth of the hit and more, and nobody else writes a log.
VARNISH_UNLOGGED = ('Begin', 'End', 'Link', 'SessOpen', 'SessClose', 'ReqStart', 'ReqMethod', 'ReqURL', 'ReqProtocol', 'ReqHeader',
                    'ReqUnset', 'ReqAcct', 'RespProtocol', 'RespStatus', 'RespReason', 'RespHeader', 'RespUnset', 'Hit', 'VCL_call',
                    'VCL_return', 'VCL_use', 'Timestamp', 'Filters')
LIBC = ctypes.CDLL(None)


class Failure(Exception):
    """Something that the operator has to mend; its text says what."""


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(('127.0.0.1', 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def launch(command, cpus, log, environment=None, **options):
    """Starts a process on these CPUs, in a session of its own, that dies with this one."""
    def before_exec():
        os.sched_setaffinity(0, cpus)
        LIBC.prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        for wanted in (max(DESCRIPTORS, hard), hard):
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
                break
            except (ValueError, OSError):
                continue  # only the privileged may raise the hard limit
    with open(log, 'ab') as out:
        return subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, preexec_fn=before_exec, start_new_session=True,
                                env={**os.environ, **(environment or {})}, **options)


def end(process):
    """Ends a process of ours and what is left of its session."""
    for number, patience in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
        try:
            os.killpg(process.pid, number) if number == signal.SIGKILL else process.send_signal(number)
            process.wait(patience)
            break
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def routes(cached=False):
    """300 route keys as YAML: those that are measured stand in the midst of others of many shapes, and they alone are `cached`."""
    nouns = ('orders', 'pets', 'users', 'carts', 'items', 'tags', 'shops', 'prices', 'stocks', 'events')
    keys = [f'{method} /{version}/{noun}{rest}' for version in ('v1', 'v2', 'v3') for noun in nouns for method, rest in (
        ('GET', ''), ('POST', ''), ('GET', '/{id}'), ('PUT', '/{id}'), ('DELETE', '/{id}'), ('GET', '/{id}/history'),
        ('GET', '/{id}/files/{proxy+}'), ('ANY', '/{id}/notes/{note}'), ('GET', '/search'), ('PATCH', '/{id}'))]
    measured = ['GET /1k/{id}', 'GET /64k/{id}', 'GET /chunked/{id}', 'GET /slow/{wait}/{id}', 'GET /tag/{tag}/{id}', 'GET /noise/{id}']
    keys = keys[:ROUTES - len(measured)]
    keys[100:100] = measured
    return '\n'.join(f'      "{key}": {{ upstream: origin{", cache: {}" if cached and key in measured else ""} }}' for key in keys)


class Gateway:
    """One running gateway: `pid` is the root of its process tree, `plain`, `tls` and `admin` are its ports (None: not spoken)."""

    def __init__(self, name, pid, plain, tls, process=None, admin=None, launch=None, folder=None):
        self.name, self.pid, self.plain, self.tls, self.process, self.admin = name, pid, plain, tls, process, admin
        self.launch, self.folder = launch, folder

    def url(self, path, tls=False):
        return f'https://localhost:{self.tls}{path}' if tls else f'http://127.0.0.1:{self.plain}{path}'

    def stop(self):
        if self.process:
            end(self.process)

    def relaunch(self):
        """Starts it again after its end, as it was."""
        self.process = self.launch()
        self.pid = self.process.pid

    def fault(self, path, length, tls=False):
        """None when one request is answered as the work needs it, else what is wrong."""
        try:
            if tls:
                connection = http.client.HTTPSConnection('localhost', self.tls, timeout=5, context=ssl._create_unverified_context())
            else:
                connection = http.client.HTTPConnection('127.0.0.1', self.plain, timeout=5)
            connection.request('GET', path)
            version = connection.sock.version() if tls else None
            response = connection.getresponse()
            got = len(response.read())
            connection.close()
        except (OSError, http.client.HTTPException) as error:
            return f'{type(error).__name__}: {error}'
        if response.status != 200 or got != length:
            return f'status {response.status} with {got} bytes instead of 200 with {length}'
        return f'{version} instead of TLSv1.3' if tls and version != 'TLSv1.3' else None

    def ask(self, path, port=None):
        """The body of a 200, as text; a path that nobody else asks for at this time."""
        connection = http.client.HTTPConnection('127.0.0.1', port or self.plain, timeout=5)
        try:
            connection.request('GET', path)
            response = connection.getresponse()
            text = response.read().decode()
        except (OSError, http.client.HTTPException) as error:
            raise Failure(f'{self.name}: {path}: {type(error).__name__}: {error}') from error
        finally:
            connection.close()
        if response.status != 200:
            raise Failure(f'{self.name}: {path}: status {response.status}')
        return text


def alive(node):
    """How many nodes this one sees alive, itself included."""
    return sum(member['state'] == 'alive' for member in json.loads(node.ask('/members', node.admin))['members'])


def await_agreed(nodes):
    deadline = time.monotonic() + READY_SECONDS
    while any(alive(node) != len(nodes) for node in nodes):
        if time.monotonic() > deadline:
            raise Failure(f'{len(nodes)} nodes do not find each other: {[alive(node) for node in nodes]} alive')
        time.sleep(0.05)


class House:
    """Starts and stops gateways and the origin. A context manager, so that nothing is left behind."""

    def __init__(self, settings, origin_port=0):
        self.settings, self.running = settings, []
        self.origin_port = origin_port or free_ports(1)[0]

    def __enter__(self):
        process = launch([self.settings.tool('origin'), str(self.origin_port)], self.settings.client_cpus, self.settings.path('origin.log'))
        self.origin = Gateway('origin', process.pid, self.origin_port, None, process)
        self.running.append(self.origin)
        self.await_ready(self.origin)
        self.memory = tempfile.mkdtemp(prefix='tidegate-bench-', dir=TMPFS if os.path.ismount(TMPFS) else self.settings.work)
        return self

    def __exit__(self, *_):
        for gateway in reversed(self.running):
            gateway.stop()
        shutil.rmtree(self.memory, ignore_errors=True)

    def fetches(self, kind=''):
        """How many requests the origin has seen, or how many of this kind: '/slow'."""
        return int(self.origin.ask(f'/count{kind}'))

    def stop(self, gateway):
        gateway.stop()
        self.running.remove(gateway)

    def await_ready(self, gateway):
        deadline = time.monotonic() + READY_SECONDS
        while fault := gateway.fault('/1k/1', 1024):
            ended = gateway.process and gateway.process.poll() is not None
            if ended or time.monotonic() > deadline:
                raise Failure(f'{gateway.name} does not serve ({fault}); see {self.settings.path(gateway.name)}')
            time.sleep(0.05)

    def pin_origin(self, cpus):
        meters.pin(self.origin.pid, cpus)

    def attach(self, name):
        """A gateway that somebody else started."""
        pid, plain, tls = self.settings.attached[name]
        meters.pin(pid, self.settings.gateway_cpus)
        return Gateway(name, pid, plain, tls)

    def cluster(self, count, more=''):
        """Nodes of Tidegate, with a cache, that know each other: tidegate-a, tidegate-b, …; `more` is said in all their configurations."""
        seed, key, nodes = free_ports(1)[0], base64.b64encode(os.urandom(32)).decode(), []
        for i in range(count):
            listen = free_ports(1)[0] if i else seed
            section = f'cluster: {{ listen: 127.0.0.1:{listen}, seeds: [{f"127.0.0.1:{seed}" if i else ""}], keys: [{key}] }}\n{more}'
            nodes.append(self.start('tidegate', f'tidegate-{chr(ord("a") + i)}', cached=True, cluster=section))
        await_agreed(nodes)
        return nodes

    def start(self, name, label=None, workers=1, capacity=12000, cpus=None, cached=False, cluster='', disk=None):
        """`name` is a kind of gateway, `label` tells two of one kind apart; `capacity` is the number of connections to prepare for,
        `cached` asks for one that caches what is measured, `cluster` is that section of Tidegate's configuration, `disk` (RAM, disk) has what is cached kept on a real disk beyond so much
        memory, as far as a gateway tells the two apart."""
        if name in self.settings.attached:
            return self.attach(name)
        label = label or name
        folder = self.settings.path(label)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        plain, tls, admin = free_ports(3)
        kept = f'{folder}/kept' if disk else f'{self.memory}/{label}'
        os.makedirs(kept, exist_ok=True)
        if disk:
            cluster += f'\ncache: {{ ram: {disk[0]}, disk: {disk[1]} }}'
        values = dict(
            WORK=folder, PLAIN=plain, TLS=tls, ADMIN=admin, ORIGIN=self.origin_port, WORKERS=workers, CAPACITY=capacity,
            BUFFER=98304 if name == 'haproxy-big' else 16384, SENDFILE='on' if name == 'nginx-sendfile' else 'off', NAME=label,
            MEMORY=kept, ROUTES=routes(cached), CLUSTER=cluster, CERTIFICATE=self.settings.path('tls/cert.pem'),
            KEY=self.settings.path('tls/key.pem'), PAIR=self.settings.path('tls/pair.pem'))
        command, environment = self.command(name, folder, values, cached)
        start = functools.partial(launch, command, cpus or self.settings.gateway_cpus, f'{folder}/output.log', environment)
        process = start()
        gateway = Gateway(label, process.pid, plain, tls, process, admin, start, folder)
        self.running.append(gateway)
        self.await_ready(gateway)
        return gateway

    def command(self, name, folder, values, cached):
        def rendered(source):
            with open(f'{HERE}/conf/{source}') as f:
                text = f.read()
            for key, value in values.items():
                text = text.replace(f'@{key}@', str(value))
            with open(f'{folder}/{source}', 'w') as f:
                f.write(text)
            return f'{folder}/{source}'
        tool, workers = self.settings.tool, values['WORKERS']
        if name in ('nginx', 'nginx-sendfile'):
            return [tool('nginx'), '-e', f'{folder}/error.log', '-c', rendered('nginx-cache.conf' if cached else 'nginx.conf')], {}
        if name in ('haproxy', 'haproxy-big'):
            return [tool('haproxy'), '-db', '-f', rendered('haproxy-cache.cfg' if cached else 'haproxy.cfg')], {}
        if name == 'varnish':
            return [tool('varnish'), '-F', '-j', 'none', '-a', f'127.0.0.1:{values["PLAIN"]}', '-f', rendered('varnish.vcl'), '-s',
                    'malloc,256m', '-n', values['MEMORY'], '-T', 'none', '-p', f'thread_pools={workers}', '-p', 'thread_pool_min=100',
                    '-p', 'vsl_mask=' + ','.join(f'-{tag}' for tag in VARNISH_UNLOGGED)], {}
        if name == 'envoy':
            return [tool('envoy'), '-c', rendered('envoy.yaml'), '--concurrency', str(workers), '--disable-hot-restart',
                    '--log-level', 'error'], {}
        if name == 'caddy':
            return [tool('caddy'), 'run', '--config', rendered('Caddyfile'), '--adapter', 'caddyfile'], {
                'GOMAXPROCS': str(workers), 'HOME': folder, 'XDG_DATA_HOME': folder}
        if name == 'tidegate':
            return [tool('tidegate'), 'run', '--config', rendered('tidegate.yaml')], {}
        raise Failure(f'unknown gateway {name}')
