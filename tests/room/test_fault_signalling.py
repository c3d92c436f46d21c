"""What no real server does on request: it refuses a resume, forgets a session, moves us."""

import socket
import types

import pytest

from harness import hostile
from harness.expect import expect_balanced, expect_plays
from harness.gaps import gap_lengths

from .conftest import EmbeddedRoom

FPS = 30
SECONDS = 8

ROWS = [
    ("resume refused", ["close-socket@2s", "refuse-resume"],
     "the WebSocket is dropped, the resume is answered with leave STATE_MISMATCH, RECONNECT", "as a new session"),
    ("resume answered with a join", ["close-socket@2s", "forget-session"],
     "the WebSocket is dropped, the resume is answered as if it were a new session", "as a new session"),
    ("participant moved to another room", ["move@2s"], "room_moved, and everybody is there too", None),
    ("WebSocket cut after a move", ["move@2s", "close-socket@4s"],
     "room_moved, then the WebSocket is dropped: the token is the other room's", "the session goes on"),
    ("new session after a move", ["move@2s", "leave-message=reconnect,unknown@4s"],
     "room_moved, then leave RECONNECT: the token is the other room's", "as a new session"),
]  # fmt: skip


@pytest.mark.parametrize("name,faults,made,back", ROWS, ids=[row[0].replace(" ", "-") for row in ROWS])
def test_session(embedded, record, fault_row, name, faults, made, back):
    row = fault_row("signalling", f"{name}, embedded room", made,
                    "the same recording goes on; at most 3 s are missing")  # fmt: skip
    one = record(embedded(*faults), "--duration", f"{SECONDS}s")
    status = one.finish(60)
    recording = one.sidecar
    video = expect_plays(recording["output_path"]).video
    gap = sum(gap_lengths(video))
    row.measured(
        f"{recording['outcome']}, {len(one.files)} file, {len(video.numbers)} pictures, {len(video.missing)}"
        f" missing, gaps of {gap:.2f} s"
    )
    assert status == 0 and recording["outcome"] == "complete" and len(one.files) == 1, one.tail()
    told = [event["text"] for event in recording["events"] if "is back" in event["text"]]
    assert (back in told[0]) if back else told == [], told
    assert gap < 3 and video.last - video.first > FPS * (SECONDS - 3)
    assert video.unreadable == 0 and video.duplicates == []
    if "move@2s" in faults and back != "as a new session":  # to which the room tells its first name
        assert recording["room"].endswith("-moved"), recording["room"]
    expect_balanced(recording)


def test_new_ice_servers(embedded, record, fault_row):
    """Credentials of TURN servers expire: what the answer to a resume names is taken."""
    row = fault_row("signalling", "other ICE servers after a resume, embedded room", "the WebSocket is dropped, "
                    "the answer to the resume names a STUN server", "the next ICE restart asks it")  # fmt: skip
    stun = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stun.bind(("127.0.0.1", 0))
    stun.settimeout(20)
    server = hostile.HostileServer(embedded(), hostile.lost_once)
    server.ice_servers = [f"stun:127.0.0.1:{stun.getsockname()[1]}"]
    like_a_room = types.SimpleNamespace(url=server.url, KEY=EmbeddedRoom.KEY, SECRET=EmbeddedRoom.SECRET)
    try:
        one = record(like_a_room, "--duration", f"{SECONDS}s")
        request, _ = stun.recvfrom(1500)
        status = one.finish(60)
    finally:
        server.close()
        stun.close()
    recording = one.sidecar
    video = expect_plays(recording["output_path"]).video
    row.measured(f"{recording['outcome']}, {len(video.numbers)} pictures, {len(video.missing)} missing; "
                 "the server was asked")  # fmt: skip
    assert request[:2] == b"\0\1", request  # a binding request
    assert status == 0 and recording["outcome"] == "complete", one.tail()
    assert [event for event in recording["events"] if "the session goes on" in event["text"]]
