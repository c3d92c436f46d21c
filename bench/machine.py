"""What the kernel says of a process: processor time, memory, context switches."""

import os
import pathlib
import re
import time

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    """User and system time of all threads, those that ended too."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def rss_mib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024


def switches(pid):
    """Context switches of the threads that live now."""
    total = 0
    for path in pathlib.Path(f"/proc/{pid}/task").glob("*/status"):
        try:
            status = path.read_text()
        except OSError:
            continue
        total += sum(map(int, re.findall(r"ctxt_switches:\s+(\d+)", status)))
    return total


class Usage:
    """What one process uses from here until .end()."""

    def __init__(self, pid):
        self.pid = pid
        self._begin = (time.monotonic(), cpu_seconds(pid), switches(pid))

    def end(self):
        begin, cpu, switched = self._begin
        seconds = time.monotonic() - begin
        return {
            "seconds": seconds,
            "cpu_percent": (cpu_seconds(self.pid) - cpu) / seconds * 100,
            "switches_per_second": (switches(self.pid) - switched) / seconds,
            "rss_mib": rss_mib(self.pid),
        }


def load():
    return os.getloadavg()[0]
