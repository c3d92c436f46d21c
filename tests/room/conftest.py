"""The program against the embedded room: faults that no real server brings about on request."""

import itertools
import json
import os
import subprocess

import pytest

from harness.certificate import make_certificate
from harness.recorder import Lines, Record, environment, program
from harness.server import stop_process

_numbers = itertools.count(1)


def pytest_collection_modifyitems(items):
    if not os.path.exists(program()):
        for item in items:
            if "room" in item.path.parts:
                item.add_marker(pytest.mark.skip(reason=f"{program()} is not built"))


class EmbeddedRoom:
    """One `roomtape room`; looks like the harness's server to Record."""

    KEY, SECRET, ROOM = "roomkey", "a-secret-of-the-embedded-room-0123456789", "demo"

    def __init__(self, *flags):
        self.process = subprocess.Popen(
            [program(), "room", "--api-key", self.KEY, "--api-secret", self.SECRET, "--stats",
             *map(str, flags)], text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=environment(),
        )  # fmt: skip
        self.out, self.err = Lines(self.process.stdout), Lines(self.process.stderr)
        ready = self.out.wait(json.loads, 10)
        assert ready, f"the room did not start:\n{self.err.text()}"
        self.url = ready["url"]

    def close(self):
        """Ends it; its counters."""
        status = stop_process(self.process)
        self.out.closed.wait(5)
        assert status == 0, f"the room ended with {status}:\n{self.err.text()[-3000:]}"
        return json.loads(self.out.all[-1])


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """The files of a certificate and of its key."""
    folder = tmp_path_factory.mktemp("tls")
    make_certificate(folder / "certificate.pem", folder / "key.pem")
    return folder / "certificate.pem", folder / "key.pem"


@pytest.fixture
def embedded():
    """Makes rooms of publishers and faults, closed at the end of the case."""
    made = []

    def make(*faults, publishers=("alice",), flags=()):
        words = [word for text in publishers for word in ("--publisher", text)]
        words += [word for text in faults for word in ("--fault", text)]
        room = EmbeddedRoom(*words, *flags, *([] if publishers else ["--empty"]))
        made.append(room)
        return room

    yield make
    for room in made:
        if room.process.poll() is None:
            room.close()


@pytest.fixture
def record(tmp_path):
    """Starts recordings of an embedded room, each in a folder of its own."""
    made = []

    def make(room, *flags, settings=None, **options):
        env = {f"ROOMTAPE_{name}": str(value) for name, value in (settings or {}).items()}
        folder = tmp_path / f"out{next(_numbers)}"
        one = Record(room, EmbeddedRoom.ROOM, *flags, folder=folder, env=env, **options)
        made.append(one)
        return one

    yield make
    for one in made:
        stop_process(one.process)
