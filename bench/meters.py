"""What a gateway costs: CPU time and memory of a process with all its children, as the kernel accounts them."""
import os
import re


def tree(pid):
    """The process and all its descendants."""
    pids = [pid]
    for task in tasks_of(pid):
        try:
            with open(f'{task}/children') as f:
                children = [int(child) for child in f.read().split()]
        except OSError:
            continue
        for child in children:
            pids += tree(child)
    return pids


def tasks_of(pid):
    try:
        return [f'/proc/{pid}/task/{task}' for task in os.listdir(f'/proc/{pid}/task')]
    except OSError:
        return []


def cpu_microseconds(pid):
    """Time on a CPU, user and system, of every thread of the tree since it began (schedstat counts nanoseconds, not ticks)."""
    nanoseconds = 0
    for process in tree(pid):
        for task in tasks_of(process):
            try:
                with open(f'{task}/schedstat') as f:
                    nanoseconds += int(f.read().split()[0])
            except OSError:
                pass  # the thread has just ended
    return nanoseconds / 1000


def memory_kib(pid):
    """(PSS, RSS) of the tree. PSS shares pages out among those that map them, so it adds up over processes; the kernel's own memory for
    sockets is in neither."""
    pss = rss = 0
    for process in tree(pid):
        try:
            with open(f'/proc/{process}/smaps_rollup') as f:
                text = f.read()
        except OSError:
            continue
        pss += int(re.search(r'^Pss:\s+(\d+)', text, re.M)[1])
        rss += int(re.search(r'^Rss:\s+(\d+)', text, re.M)[1])
    return pss, rss


def pin(pid, cpus):
    """Puts every thread of the tree on these CPUs."""
    for process in tree(pid):
        for task in tasks_of(process):
            try:
                os.sched_setaffinity(int(task.rsplit('/', 1)[1]), cpus)
            except ProcessLookupError:
                pass
