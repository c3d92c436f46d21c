"""A server that wants to do harm: the recording of its room goes on with what is good, within a ceiling
of memory, and another recording of the same service does not notice."""

import dataclasses
import os
import ssl
import threading
import time

import pytest
from livekit import api

from harness import hostile
from harness.expect import expect_balanced, expect_every_frame, expect_plays
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
    enough: int = 1  # sent before it is told to stop
    says: str = ""  # in the log
    name: str = ""
    room: tuple = ()  # its faults
    cuts: bool = False  # the signalling connection is cut, again and again
    relays: bool = False
    tls: bool = False


ATTACKS = [
    Attack("10,000 people with a camera each", "20 updates of 500", hostile.wide_crowd, 10000),
    Attack("10 people with 1,000 cameras each", "10 updates of 1,000 tracks", hostile.deep_crowd, 10000),
    Attack("messages of 16 MiB", "16 MiB of metadata, 8 million empty people, a name of 16 MiB",
           hostile.large_messages, 3),
    Attack("messages of 16 MiB over TLS", "16 MiB of metadata, 8 million empty people, a name of 16 MiB",
           hostile.large_messages, 3, name="large_messages_tls", tls=True),
    Attack("16 MiB messages without end", "as fast as they are read", hostile.endless_messages, 8,
           "more than 64 MiB within 10 s", cuts=True),
    Attack("a message in pieces without end", "pieces of 1 MiB as fast as they are read",
           hostile.endless_pieces, 60, "a message of more than 16 MiB", cuts=True),
    Attack("small messages without end", "pongs as fast as they are read", hostile.small_messages,
           20000, "more than 10,000 messages or pieces", cuts=True),
    Attack("WebSocket pings without end", "empty ones as fast as they are read; nobody reads the pongs",
           hostile.endless_pings, 2000, "more than 1,000 pings and pongs within 10 s", cuts=True),
    Attack("WebSocket pings without end over TLS", "empty ones as fast as they are read; nobody reads the "
           "pongs", hostile.endless_pings, 2000, "more than 1,000 pings and pongs within 10 s",
           name="endless_pings_tls", cuts=True, tls=True),
    Attack("WebSocket pongs without end", "empty ones as fast as they are read", hostile.endless_pongs,
           2000, "more than 1,000 pings and pongs within 10 s", cuts=True),
    Attack("empty pieces of a message without end", "as fast as they are read",
           hostile.endless_empty_pieces, 20000, "more than 10,000 messages or pieces", cuts=True),
    Attack("offers without end", "900 good ones a second", hostile.endless_offers, 4500,
           "more than ten offers a second"),
    Attack("answers that nobody reads", "offers of 1,000 sections, four a second",
           hostile.unread_answers, 20, "does not read what we send", cuts=True),
    Attack("9,000 candidates", "each another address", hostile.endless_candidates, 9000),
    Attack("packets with 64 kB of header extension", "a fifth of the packets, under the right keys",
           hostile.nothing, name="huge_extension", room=("huge-extension=20%",)),
    Attack("datagrams of somebody without keys", "RTP that claims 64 KiB of extension, RTCP, DTLS and "
           "STUN that claim as much, alerts, rubbish: 1,000 a second from the server's address",
           hostile.forged_datagrams, 4500, relays=True),
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


def tls_of(certificate):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    return context


@pytest.fixture
def scene(embedded, tmp_path, certificate):
    """A good room with its recording, and a service that records both."""
    good = embedded(publishers=["alice,fps=30"])
    env = {"ROOMTAPE_LIVEKIT_CA_FILE": str(certificate[0])}
    with Serve(good, tmp_path / "serve", log_level="info", env=env) as serve:
        assert serve.start("good", room=EmbeddedRoom.ROOM).status == 200
        yield serve
        assert serve.process.poll() is None, f"the process ended:\n{serve.log()[-3000:]}"
        assert serve.terminate() == 0, serve.log()[-3000:]


def expect_unharmed(serve, row):
    """The good room's recording has every picture that its room sent; one that the room was too late
    for leaves no hole in the numbers of the packets."""
    answer = serve.stop("good")
    assert answer.status == 200, answer
    done = serve.status("good").json
    verdict = expect_plays(serve.folder / done["output_path"])
    row.measured(f"the other recording: {len(verdict.video.numbers)} frames, {done['outcome']}, "
                 f"{done['stats']['lost_packets']} packets lost")  # fmt: skip
    expect_every_frame(verdict.video, len(verdict.video.missing))
    assert done["stats"]["lost_packets"] == 0 and done["stats"]["dropped_frames"] == 0
    assert verdict.audio.longest_hole < 0.1
    assert done["outcome"] == "complete", done["error"]
    expect_balanced(done)


def expect_good(serve, attack, server, row):
    """The attacked room's: what came over its media connection."""
    done = serve.status("victim").json
    video = expect_plays(serve.folder / done["output_path"]).video
    row.measured(f"{done['outcome']} {done.get('code') or ''}, {len(video.numbers)} frames, "
                 f"{done['stats']['lost_packets']} packets lost, {len(server.sessions)} connections")  # fmt: skip
    assert video.unreadable == 0 and video.duplicates == []
    if attack.cuts:  # at its end it may be without a connection
        assert done["code"] in (None, "reconnect_failed"), done["error"]
        return
    assert done["stats"]["lost_packets"] == 0
    # one of a crowd that never sends is given up after ten seconds
    assert done["outcome"] == "complete" or "ghost" in done["error"], done["error"]


@pytest.mark.parametrize("attack", ATTACKS, ids=[a.name or a.run.__name__ for a in ATTACKS])
def test_server(embedded, scene, certificate, fault_row, attack):
    row = fault_row("hostile", attack.fault, made=attack.made, asked=f"at most {CEILING_MIB} MiB; "
                    "the recording goes on; another of the same service does not notice")  # fmt: skip
    bad = embedded(*attack.room, publishers=["bob,fps=30"])
    server = hostile.HostileServer(
        bad, attack.run, attack.relays, tls_of(certificate) if attack.tls else None
    )
    try:
        answer = scene.start("victim", room=EmbeddedRoom.ROOM, url=server.url, token=token())
        assert answer.status == 200, answer
        caller = Caller(scene)
        before = memory_kib(scene.process.pid, "VmRSS")
        reset_peak(scene.process.pid)
        frames = sent_enough(scene, server, attack)["stats"]["video_frames"]
        more = frames + 4 * FPS
        scene.wait_status("victim", lambda s: s["stats"]["video_frames"] > more, 30)
        scene.stop("victim")
        slowest = caller.end()
        grown = (memory_kib(scene.process.pid, "VmHWM") - before) / 1024
    finally:
        server.close()
    row.measured(f"{grown:.0f} MiB more at the peak; {server.sent:,} sent; the service answered "
                 f"within {slowest * 1000:.0f} ms")  # fmt: skip
    expect_good(scene, attack, server, row)
    expect_unharmed(scene, row)
    assert server.sent > 0
    assert grown < CEILING_MIB or IS_SANITIZED
    assert slowest < PATIENCE_SECONDS
    if attack.relays:
        assert server.relay.carried > 8 * FPS, "the media went another way"
