"""Makes the machine under the recorder fail: full, read-only and slow disks, and threads and clocks that
are not there or not right. What needs rights that are not to be had is skipped with a reason."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import time

import pytest

from .server import ROOT, stop_process

FAULTS = ROOT / "build/tests/faults"


@contextlib.contextmanager
def small_disk(folder, kilobytes):
    """A tmpfs of that size."""
    folder.mkdir(parents=True)
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
    ).returncode:
        pytest.skip("a small disk needs the right to mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def make_read_only(folder):
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)


def fill(folder):
    """Leaves not a byte free."""
    with open(folder / ".fill", "wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"\0" * 4096):
            pass


@contextlib.contextmanager
def slow_disk(folder, write_ms, full_name=None, full_bytes=0):
    """A FUSE mount on which each write takes so long; a file with `full_name` in its name takes
    `full_bytes`, then the disk is full for it."""
    if not os.path.exists("/dev/fuse") or not (FAULTS / "slow_disk").exists():
        pytest.skip("a slow disk needs /dev/fuse and libfuse3")
    backing = folder.with_name(folder.name + "-backing")
    for path in (folder, backing):
        path.mkdir(parents=True)
    full = [full_name, str(full_bytes)] if full_name else []
    process = subprocess.Popen(
        [str(FAULTS / "slow_disk"), str(backing), str(folder), str(write_ms), *full],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 10
    while not os.path.ismount(folder):
        if process.poll() is not None or time.monotonic() > deadline:
            stop_process(process)
            pytest.skip(f"a FUSE mount is not to be had here: {process.stderr.read()}")
        time.sleep(0.02)
    try:
        yield folder
    finally:
        try:
            subprocess.run(["umount", "-l", str(folder)], check=True)
        finally:
            stop_process(process)


def preload(name, **variables):
    """The environment of a program into which that library of tests/faults is loaded."""
    return {"LD_PRELOAD": str(FAULTS / name), **{k: str(v) for k, v in variables.items()}}


class Clock:
    """The wall clock of a program started with `environment`, and of no other: libfaketime reads by how
    much it is off from a file. The monotonic clock runs on."""

    LIBRARY = "libfaketime.so.1"

    def __init__(self, folder):
        found = [p for p in pathlib.Path("/usr/lib").glob(f"*/faketime/{self.LIBRARY}")]
        if not found:
            pytest.skip("setting a program's clock needs Debian's libfaketime")
        self.path = folder / "clock"
        self.set(0)
        self.environment = {
            "LD_PRELOAD": str(found[0]), "FAKETIME_TIMESTAMP_FILE": str(self.path),
            "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1",
        }  # fmt: skip

    def set(self, offset):
        """Off by so many seconds from now on."""
        new = self.path.with_suffix(".new")
        new.write_text(f"{offset:+d}\n")
        new.rename(self.path)


class Process:
    """What a process holds, from /proc."""

    def __init__(self, pid):
        self.folder = pathlib.Path(f"/proc/{pid}")

    def _kilobytes(self, file, name):
        for line in (self.folder / file).read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1])
        raise AssertionError(f"no {name} in {file}")

    @property
    def resident(self):
        return self._kilobytes("status", "VmRSS") * 1024

    @property
    def anonymous(self):
        return self._kilobytes("smaps_rollup", "Anonymous") * 1024

    @property
    def threads(self):
        return len(list((self.folder / "task").iterdir()))

    @property
    def descriptors(self):
        return len(list((self.folder / "fd").iterdir()))


def remove(folder):
    """All of it, while somebody writes in it."""
    shutil.rmtree(folder)
