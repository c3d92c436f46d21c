"""One real server and one `roomtape serve` for all cases; rooms keep them apart."""

import itertools
import os

import pytest

from harness.publisher import Publisher
from harness.recorder import Serve, program
from harness.server import LiveKitServer

FIGURES = []
_numbers = itertools.count(1)


def pytest_collection_modifyitems(items):
    if not os.path.exists(program()):
        for item in items:
            if "livekit" in item.path.parts:
                item.add_marker(pytest.mark.skip(reason=f"{program()} is not built"))


def pytest_terminal_summary(terminalreporter):
    if FIGURES:
        terminalreporter.section("figures")
        for line in FIGURES:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def figures():
    return FIGURES


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    with LiveKitServer(tmp_path_factory.mktemp("livekit")) as server:
        yield server


@pytest.fixture(scope="session")
def serve(server, tmp_path_factory):
    """The shared service. At its end: it stops cleanly, and said no secret in all that time."""
    with Serve(server, tmp_path_factory.mktemp("serve")) as serve:
        yield serve
        assert serve.terminate() == 0, serve.log()[-3000:]
    said = serve.log() + "".join(serve.answers)
    assert server.SECRET not in said
    assert "eyJ" not in said, "a token was told"


@pytest.fixture
def room(request):
    """A room of its own for each case."""
    name = request.node.name.replace("[", "-").rstrip("]")
    return f"{name}-{next(_numbers)}"


@pytest.fixture
def publisher(server, room):
    """Makes publishers in the case's room, who leave at its end."""
    made = []

    def join(identity="alice", **options):
        one = Publisher(server, options.pop("room", room), identity, **options)
        made.append(one)
        return one.ready()

    yield join
    for one in made:
        one.close()
