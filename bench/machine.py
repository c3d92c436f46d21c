"""What the kernel says of a process: processor time, memory, context switches; and of the machine."""

import contextlib
import os
import pathlib
import platform
import re
import shutil
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")
RECORDER_CORE, SENDER_CORE = 0, 1
SYSCALL_SECONDS = 2
NICENESS = 10  # of what shares a core with the sender


@contextlib.contextmanager
def pinned(core):
    """What is started within runs on that core alone, and so do the threads that it starts."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def give_way(pid, but):
    """Its threads, as they are now, get less of their core than that one: the one that has to be on time."""
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().strip() != but:
            os.setpriority(os.PRIO_PROCESS, int(task.name), NICENESS)


def cpu_times(pid):
    """User and system seconds of all threads, those that ended too; in steps of a tick."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) / TICKS, int(fields[12]) / TICKS


def _kilobytes(pid, file, name):
    text = pathlib.Path(f"/proc/{pid}/{file}").read_text()
    return int(re.search(rf"^{name}:\s+(\d+)", text, re.M).group(1))


def rss_mib(pid):
    return _kilobytes(pid, "status", "VmRSS") / 1024


def anonymous_mib(pid):
    return _kilobytes(pid, "smaps_rollup", "Anonymous") / 1024


def _threads(pid, file):
    """That file of each thread that lives now."""
    for path in pathlib.Path(f"/proc/{pid}/task").glob(f"*/{file}"):
        with contextlib.suppress(OSError):
            yield path.read_text()


def run_seconds(pid):
    """Processor time of the threads that live now, exact."""
    return sum(int(text.split()[0]) for text in _threads(pid, "schedstat")) / 1e9


def switches(pid):
    """Context switches of the threads that live now: voluntary ones, each of which was a wake-up, and others."""
    wakeups = others = 0
    for text in _threads(pid, "status"):
        found = dict(re.findall(r"^(\w+)_ctxt_switches:\s+(\d+)", text, re.M))
        wakeups += int(found["voluntary"])
        others += int(found["nonvoluntary"])
    return wakeups, others


def syscalls_per_second(pid):
    """As perf counts them, which costs the process time of its own; None where perf may not."""
    if not shutil.which("perf"):
        return None
    command = ["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter", "-p", str(pid), "--", "sleep",
               str(SYSCALL_SECONDS)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=SYSCALL_SECONDS + 30)
    found = re.search(r"^(\d+),", done.stderr, re.M)
    return int(found.group(1)) / SYSCALL_SECONDS if found else None


class Usage:
    """What one process uses from here until .end()."""

    def __init__(self, pid):
        self.pid = pid
        self._begin = self._now()

    def _now(self):
        return (time.monotonic(), run_seconds(self.pid), *cpu_times(self.pid), *switches(self.pid))

    def end(self):
        seconds, ran, user, system, wakeups, others = (
            end - begin for begin, end in zip(self._begin, self._now())
        )
        share = user / (user + system) if user + system > 0 else 0.5
        return {
            "seconds": seconds,
            "cpu_percent": ran / seconds * 100,
            "user_percent": ran * share / seconds * 100,
            "system_percent": ran * (1 - share) / seconds * 100,
            "wakeups_per_second": wakeups / seconds,
            "switches_per_second": (wakeups + others) / seconds,
            "rss_mib": rss_mib(self.pid),
            "anonymous_mib": anonymous_mib(self.pid),
            "threads": len(os.listdir(f"/proc/{self.pid}/task")),
        }


def load():
    return os.getloadavg()[0]


def _first_line(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except OSError:
        return None
    return (done.stdout.splitlines() or [None])[0]


def describe(root, server):
    """Machine, versions and commit."""
    found = re.search(r"model name\s*:\s*(.+)", pathlib.Path("/proc/cpuinfo").read_text())
    libraries = {name: _first_line("pkg-config", "--modversion", name)
                 for name in ("libcrypto", "libsrtp2", "nice", "glib-2.0")}  # fmt: skip
    return {
        "processor": found.group(1) if found else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / (1 << 30), 1),
        "kernel": platform.release(),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME"),
        "livekit_server": _first_line(str(server), "--version"),
        **libraries,
        "commit": _first_line("git", "-C", str(root), "describe", "--always", "--dirty"),
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "load_before": load(),
    }
