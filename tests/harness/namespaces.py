"""Two network namespaces, joined by a cable, for what loopback does not have."""

import contextlib
import ctypes
import itertools
import os
import subprocess
import time

import pytest

from .server import LiveKitServer

CLONE_NEWNET = 0x40000000
SERVER_ADDRESS, RECORDER_ADDRESS, OTHER_ADDRESS = "10.77.0.1", "10.77.0.2", "10.77.0.3"

_numbers = itertools.count(1)
_libc = ctypes.CDLL(None, use_errno=True)


def _ip(*words):
    told = subprocess.run(["ip", *words], check=True, capture_output=True, text=True, timeout=20)
    return told.stdout


def _wait_running(name):
    """A cable that was just plugged in takes up to a second to be known as such."""
    deadline = time.monotonic() + 10
    while " UP " not in _ip("-n", name, "-brief", "link", "show", "cable"):
        assert time.monotonic() < deadline, f"the cable of {name} never came up"
        time.sleep(0.02)


def _enter(namespace):
    if _libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), f"setns {namespace.name}")


class Namespaces:
    """`server` and `recorder` are names for inside(); only root may make them."""

    def __init__(self):
        number = next(_numbers)
        self.server, self.recorder = (f"rt-{os.getpid()}-{number}-{side}" for side in ("s", "r"))

    def __enter__(self):
        try:
            self._make()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_):
        self._remove()

    def _make(self):
        """Raises CalledProcessError where that is not allowed."""
        for name in (self.server, self.recorder):
            _ip("netns", "add", name)
        _ip("link", "add", "cable", "netns", self.server, "type", "veth",
            "peer", "name", "cable", "netns", self.recorder)  # fmt: skip
        for name, address in ((self.server, SERVER_ADDRESS), (self.recorder, RECORDER_ADDRESS)):
            _ip("-n", name, "addr", "add", f"{address}/24", "dev", "cable")
            for device in ("lo", "cable"):
                _ip("-n", name, "link", "set", device, "up")
        for name in (self.server, self.recorder):
            _wait_running(name)

    def _remove(self):
        for name in (self.server, self.recorder):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, timeout=20)

    @contextlib.contextmanager
    def inside(self, name):
        """What this thread starts and opens in the with block belongs to that namespace."""
        with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{name}") as namespace:
            _enter(namespace)
            try:
                yield
            finally:
                _enter(home)

    def swallow_udp(self, port):
        """What the server sends from that port to the recorder is lost from now on."""
        _ip("-n", self.server, "rule", "add", "pref", "10", "to", RECORDER_ADDRESS, "ipproto", "udp",
            "sport", str(port), "blackhole")  # fmt: skip

    def block_udp(self, port):
        """No UDP between the server's port and the recorder passes any more, either way."""
        self.swallow_udp(port)
        _ip("-n", self.recorder, "rule", "add", "pref", "10", "to", SERVER_ADDRESS, "ipproto", "udp",
            "dport", str(port), "blackhole")  # fmt: skip

    def change_address(self):
        """The recorder's host has another address from now on, and the old one no more."""
        _ip("-n", self.recorder, "addr", "del", f"{RECORDER_ADDRESS}/24", "dev", "cable")
        _ip("-n", self.recorder, "addr", "add", f"{OTHER_ADDRESS}/24", "dev", "cable")


@contextlib.contextmanager
def two_hosts():
    with contextlib.ExitStack() as stack:
        try:
            hosts = stack.enter_context(Namespaces())
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"no network namespaces can be made here: {error}")
        yield hosts


@contextlib.contextmanager
def server_on(hosts, folder, **options):
    server = LiveKitServer(folder, address=SERVER_ADDRESS, **options)
    with contextlib.ExitStack() as stack:
        with hosts.inside(hosts.server):
            stack.enter_context(server)
        yield server
