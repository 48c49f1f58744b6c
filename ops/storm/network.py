"""Where the storm's nodes live. As root each has a network namespace of its own at a bridge in a further one, which is the storm's: then a
part of them can be cut off from the others, datagrams and connections alike, while clients and the origin still reach all. Otherwise
each has an address of its own on loopback, and there are no partitions. Nothing of the machine's network is touched, and the namespaces
end with the processes in them."""
import ctypes
import os
import shutil
import socket
import subprocess

NEW_NETWORK = 0x40000000
TOOLS = ("ip", "nsenter", "iptables")


def quietly(*words):
    return subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def open_network(count):
    """The best that this machine allows, for `count` nodes. Before any thread is started: it moves this process."""
    if os.geteuid() == 0 and all(map(shutil.which, TOOLS)):
        try:
            return Namespaces(count)
        except OSError:
            pass
    return Loopback(count)


class Loopback:
    can_part = False
    origin = "127.0.0.1"

    def __init__(self, count):
        sockets = []
        for i in range(count):
            for _ in range(3):
                sockets.append(socket.create_server((self.host(i), 0)))
        found = [s.getsockname()[1] for s in sockets]
        for s in sockets:
            s.close()
        self.ports = [found[3 * i:3 * i + 3] for i in range(count)]

    @staticmethod
    def host(i):
        return f"127.0.0.{11 + i}"

    def command(self, i, words):
        return words

    def heal(self):
        pass

    def close(self):
        pass


class Namespaces:
    can_part = True
    origin = "10.77.0.1"

    def __init__(self, count):
        self.holders = []
        if ctypes.CDLL(None, use_errno=True).unshare(NEW_NETWORK) != 0:
            raise OSError("no network namespace")
        self.ports = [(7946, 8080, 9901)] * count
        steps = [("link", "set", "lo", "up"), ("link", "add", "storm", "type", "bridge"),
                 ("addr", "add", f"{self.origin}/24", "dev", "storm"), ("link", "set", "storm", "up")]
        is_made = all(quietly("ip", *step) for step in steps)
        for i in range(count):
            # A process that does nothing keeps the namespace while its node is down.
            holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec cat"], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE)
            self.holders.append(holder)
            holder.stdout.readline()
            is_made = is_made and self.join(i, holder.pid)
        if not is_made:
            self.close()
            raise OSError("no virtual network")

    def join(self, i, pid):
        inside = ("nsenter", "-t", str(pid), "-n")
        return (quietly("ip", "link", "add", f"node{i}", "type", "veth", "peer", "name", "eth0", "netns", str(pid))
                and quietly("ip", "link", "set", f"node{i}", "master", "storm", "up")
                and quietly(*inside, "ip", "addr", "add", f"{self.host(i)}/24", "dev", "eth0")
                and quietly(*inside, "ip", "link", "set", "eth0", "up") and quietly(*inside, "ip", "link", "set", "lo", "up")
                and quietly(*inside, "iptables", "-w", "-L"))

    @staticmethod
    def host(i):
        return f"10.77.0.{11 + i}"

    def command(self, i, words):
        return ["nsenter", "-t", str(self.holders[i].pid), "-n", *words]

    def part(self, deaf, unheard):
        """From now on nothing comes through from the nodes `unheard` to the nodes `deaf`."""
        for i in deaf:
            for j in unheard:
                quietly(*self.command(i, ["iptables", "-w", "-A", "INPUT", "-s", self.host(j), "-j", "DROP"]))

    def heal(self):
        for i in range(len(self.holders)):
            quietly(*self.command(i, ["iptables", "-w", "-F", "INPUT"]))

    def close(self):
        for holder in self.holders:
            holder.stdin.close()
            holder.wait()
            holder.stdout.close()
        self.holders = []
