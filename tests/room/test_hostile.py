"""A server that wants to do harm: the recording of its room ends with a cause or goes on with what is
good, within a ceiling of memory, and another recording of the same service does not notice."""

import dataclasses
import os
import threading
import time

import pytest
from livekit import api

from harness import hostile
from harness.expect import expect_every_frame, expect_plays
from harness.recorder import Serve

from .conftest import EmbeddedRoom

# ARCHITECTURE.md, "Ceilings": what signalling may take, for one recording; what media may take is
# not reached here.
CEILING_MIB = 160
# a sanitizer makes the main thread slower, and its own memory counts as the program's
IS_SANITIZED = "ROOMTAPE" in os.environ
PATIENCE_SECONDS = 15 if IS_SANITIZED else 3
FPS = 30


@dataclasses.dataclass
class Attack:
    fault: str
    made: str
    run: object
    goes_on: bool  # else it ends with reconnect_failed
    enough: int = 0  # sent before it is told to stop
    name: str = ""
    room: tuple = ()  # its faults
    lost: int = 0  # pictures of a connection made anew
    relays: bool = False
    says: str = ""  # the log in the one case, the sentence in the other


ATTACKS = [
    Attack("10,000 people with a camera each", "20 updates of 500", hostile.wide_crowd, True, 10000),
    Attack("10 people with 1,000 cameras each", "10 updates of 1,000 tracks", hostile.deep_crowd, True, 10000),
    Attack("messages of 16 MiB", "16 MiB of metadata, 8 million empty people, a name of 16 MiB",
           hostile.large_messages, True, 3),
    Attack("16 MiB messages without end", "as fast as they are read", hostile.endless_messages,
           False, says="more than 64 MiB within 10 s"),
    Attack("a message in pieces without end", "pieces of 1 MiB as fast as they are read",
           hostile.endless_pieces, False, says="a message of more than 16 MiB"),
    Attack("small messages without end", "pongs as fast as they are read", hostile.small_messages,
           False, says="more than 10,000 messages within 10 s"),
    Attack("offers without end", "900 good ones a second", hostile.endless_offers, True, 4500,
           says="more than ten offers a second"),
    Attack("answers that nobody reads", "offers of 1,000 sections, four a second",
           hostile.unread_answers, True, 20, lost=30, says="does not read what we send"),
    Attack("9,000 candidates", "each another address", hostile.endless_candidates, True, 9000),
    Attack("packets with 64 kB of header extension", "a fifth of the packets, under the right keys",
           hostile.nothing, True, 1, name="huge_extension", room=("huge-extension=20%",)),
    Attack("datagrams of somebody without keys", "RTP that claims 64 KiB of extension, RTCP, DTLS and "
           "STUN that claim as much, alerts, rubbish: 1,000 a second from the server's address",
           hostile.forged_datagrams, True, 4500, relays=True),
]  # fmt: skip


def memory_kib(pid, name):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith(name + ":"):
            return int(line.split()[1])
    raise AssertionError(name)


def reset_peak(pid):
    with open(f"/proc/{pid}/clear_refs", "w") as file:
        file.write("5")


def token():
    grants = api.VideoGrants(room_join=True, room=EmbeddedRoom.ROOM, can_subscribe=True,
                             can_publish=False, hidden=True, recorder=True)  # fmt: skip
    maker = api.AccessToken(EmbeddedRoom.KEY, EmbeddedRoom.SECRET).with_identity("victim")
    return maker.with_grants(grants).to_jwt()


class Caller(threading.Thread):
    """Asks the service for the other recording's status all the time."""

    def __init__(self, serve):
        super().__init__(daemon=True)
        self.serve, self.slowest, self.ended = serve, 0.0, threading.Event()
        self.start()

    def run(self):
        while not self.ended.wait(0.05):
            started = time.monotonic()
            self.serve.status("good")
            self.slowest = max(self.slowest, time.monotonic() - started)

    def end(self):
        self.ended.set()
        self.join(30)
        return self.slowest


def sent_enough(serve, server, attack):
    """The status of then; a log that is to say something has said it."""
    return serve.wait_status(
        "victim", lambda _: server.sent >= attack.enough and attack.says in serve.log(), 40
    )


@pytest.fixture
def scene(embedded, tmp_path):
    """A good room with its recording, and a service that records both."""
    good = embedded(publishers=["alice,fps=30"])
    settings = {"ROOMTAPE_TIMEOUTS_RECONNECT": "6s"}
    with Serve(good, tmp_path / "serve", env=settings, log_level="info") as serve:
        assert serve.start("good", room=EmbeddedRoom.ROOM).status == 200
        yield serve
        assert serve.process.poll() is None, f"the process ended:\n{serve.log()[-3000:]}"
        assert serve.terminate() == 0, serve.log()[-3000:]


def expect_unharmed(serve, row):
    """The good room's recording has every frame."""
    answer = serve.stop("good")
    assert answer.status == 200, answer
    done = serve.status("good").json
    verdict = expect_plays(serve.folder / done["output_path"])
    row.measured(f"the other recording: {len(verdict.video.numbers)} frames, "
                 f"{len(verdict.video.missing)} missing, {done['outcome']}")  # fmt: skip
    expect_every_frame(verdict.video)
    assert verdict.audio.longest_hole < 0.1
    assert done["outcome"] == "complete", done["error"]


@pytest.mark.parametrize("attack", ATTACKS, ids=[a.name or a.run.__name__ for a in ATTACKS])
def test_server(embedded, scene, fault_row, attack):
    asked = f"at most {CEILING_MIB} MiB; " + (
        "the recording goes on" if attack.goes_on else "it ends with a cause"
    )
    row = fault_row("hostile", attack.fault, made=attack.made, asked=f"{asked}; another does not notice")
    bad = embedded(*attack.room, publishers=["bob,fps=30"])
    server = hostile.HostileServer(bad, attack.run, attack.relays)
    try:
        answer = scene.start("victim", room=EmbeddedRoom.ROOM, url=server.url, token=token())
        assert answer.status == 200, answer
        caller = Caller(scene)
        before = memory_kib(scene.process.pid, "VmRSS")
        reset_peak(scene.process.pid)
        if attack.goes_on:
            frames = sent_enough(scene, server, attack)["stats"]["video_frames"]
            more = frames + 4 * FPS
            scene.wait_status("victim", lambda s: s["stats"]["video_frames"] > more, 30)
            scene.stop("victim")
        else:
            scene.wait_status("victim", lambda s: s["state"] == "stopped", 60)
        slowest = caller.end()
        grown = (memory_kib(scene.process.pid, "VmHWM") - before) / 1024
    finally:
        server.close()
    done = scene.status("victim").json
    row.measured(f"{grown:.0f} MiB more at the peak; {server.sent:,} sent; the service answered "
                 f"within {slowest * 1000:.0f} ms")  # fmt: skip
    row.measured(f"{done['outcome']} {done.get('code') or ''} {done.get('error') or ''}".strip())
    expect_unharmed(scene, row)
    assert server.sent > 0
    assert grown < CEILING_MIB or IS_SANITIZED
    assert slowest < PATIENCE_SECONDS
    if attack.relays:
        assert server.relay.carried > 8 * FPS, "the media went another way"
    if attack.goes_on:
        # one of a crowd that never sends is given up after ten seconds
        assert done["outcome"] == "complete" or "ghost" in done["error"], done["error"]
        expect_every_frame(expect_plays(scene.folder / done["output_path"]).video, attack.lost)
    else:
        assert (done["outcome"], done["code"]) == ("partial", "reconnect_failed"), done["error"]
        assert attack.says in done["error"], done["error"]
