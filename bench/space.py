"""What the files in a folder can take. Those of a tmpfs are memory, which the host of a virtual machine
has to bring in first where nobody has used it for seconds; that costs ten times what writing it does.
So it is brought in before, as memory of ours in large pages, and left to the files as they need it."""

import mmap
import os
import pathlib
import re
import shutil
import subprocess
import threading

from machine import NICENESS, SENDER_CORE

LEFT_FREE = 512 << 20  # soon used, so the host does not take it back
HUGE_PAGE = 2 << 20
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
            self._pages = mmap.mmap(-1, _memory("MemTotal"), mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            self._pages.madvise(mmap.MADV_HUGEPAGE)
            self._pages.madvise(mmap.MADV_DONTFORK)
            self._releaser.start()
        return self

    def __exit__(self, *_):
        self._closed.set()
        if self.is_memory:
            self._releaser.join()
            self._pages.close()

    def _free_in_folder(self):
        return shutil.disk_usage(self.folder).free

    def free(self):
        """Bytes, with those that are held."""
        free = self._free_in_folder()
        return min(free, self.held + _memory("MemAvailable")) if self.is_memory else free

    def hold(self):
        """All that is free and that files there can take."""
        wanted = min(self._free_in_folder(), len(self._pages)) if self.is_memory else 0
        while self.held + HUGE_PAGE <= wanted and _memory("MemFree") > LEFT_FREE + 16 * HUGE_PAGE:
            with self._lock:
                self._touch(16)

    def _touch(self, pages):
        """A byte of each small one, where the kernel gives no large ones."""
        end = min(self.held + pages * HUGE_PAGE, len(self._pages))
        self._pages[self.held : end : mmap.PAGESIZE] = b"x" * len(range(self.held, end, mmap.PAGESIZE))
        self.held = end

    def _release(self):
        os.sched_setaffinity(0, {SENDER_CORE})
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        while not self._closed.wait(LOOK_SECONDS):
            with self._lock:
                wanted = min(self.held, max(0, LEFT_FREE - _memory("MemFree")))
                if wanted:
                    begin = (self.held - wanted) // HUGE_PAGE * HUGE_PAGE
                    self._pages.madvise(mmap.MADV_DONTNEED, begin, self.held - begin)
                    self.held = begin
