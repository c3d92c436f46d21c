"""What the files in a folder can take. Those of a tmpfs are memory, which the host of a virtual machine
has to bring in first where nobody has used it for seconds; that costs ten times what writing it does.
So it is brought in before, into a file of ours, and left to the others as they need it."""

import os
import pathlib
import re
import shutil
import subprocess
import threading

from machine import NICENESS, SENDER_CORE

LEFT_FREE = 512 << 20  # soon used, so the host does not take it back
PIECE = 16 << 20
LOOK_SECONDS = 0.02


def _is_memory(folder):
    done = subprocess.run(["stat", "-f", "-c", "%T", str(folder)], capture_output=True, text=True)
    return done.stdout.strip() == "tmpfs"


def _memory(name):
    found = re.search(rf"^{name}:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text(), re.M)
    return int(found.group(1)) * 1024


class Space:
    """with Space(folder) as space: space.hold(); write there."""

    def __init__(self, folder):
        self.folder, self.is_memory, self.held = folder, _is_memory(folder), 0
        self._closed, self._lock = threading.Event(), threading.Lock()
        self._releaser = threading.Thread(target=self._release, daemon=True)

    def __enter__(self):
        if self.is_memory:
            self._file = os.open(self.folder, os.O_TMPFILE | os.O_RDWR)
            self._releaser.start()
        return self

    def __exit__(self, *_):
        self._closed.set()
        if self.is_memory:
            self._releaser.join()
            os.close(self._file)

    def _spare(self):
        return min(shutil.disk_usage(self.folder).free, _memory("MemFree"))

    def free(self):
        """Bytes, with those that are held."""
        free = shutil.disk_usage(self.folder).free
        return self.held + (min(free, _memory("MemAvailable")) if self.is_memory else free)

    def hold(self):
        """All that is free; takes a minute for 20 GiB."""
        piece = b"x" * PIECE
        while self.is_memory and self._spare() > LEFT_FREE + 2 * PIECE:
            with self._lock:
                self.held += os.pwrite(self._file, piece, self.held)

    def _release(self):
        os.sched_setaffinity(0, {SENDER_CORE})
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        while not self._closed.wait(LOOK_SECONDS):
            with self._lock:
                wanted = min(self.held, max(0, LEFT_FREE - self._spare()))
                if wanted:
                    self.held -= wanted
                    os.ftruncate(self._file, self.held)
