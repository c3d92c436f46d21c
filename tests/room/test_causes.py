"""Each cause of a recording that came to nothing has its code, and leaves no file behind."""

import pytest

from .conftest import EmbeddedRoom

QUICK = {"TIMEOUTS_CONNECTION": 4, "TIMEOUTS_SUBSCRIPTION": 2, "TIMEOUTS_READ_DEADLINE": 2}

CAUSES = [
    ("no-keyframe", "rtp_but_no_keyframe", ["alice,audio=none"]),
    ("no-media", "no_rtp", ["alice"]),
    ("no-track", "no_track_published", ["alice"]),
    ("deny", "subscription_denied", ["alice"]),
    ("no-subscribe-answer", "subscription_timeout", ["alice"]),
    ("subscription-error=0", "subscription_timeout", ["alice"]),
    ("encrypted", "encrypted_no_key", ["alice"]),
    ("mute", "muted_all_time", ["alice"]),
    ("full", "server_full", ["alice"]),
    ("expire", "token_expired", ["alice"]),
    ("no-room", "no_such_room", ["alice"]),
    ("wrong-fingerprint", "dtls_failed", ["alice"]),
    ("dead-candidates", "ice_failed", ["alice"]),
    ("no-join", "server_unreachable", ["alice"]),
    ("leave-message=disconnect,participant_removed", "removed_from_room", ["alice"]),
    ("leave-message=disconnect,duplicate_identity", "duplicate_identity", ["alice"]),
]


@pytest.mark.parametrize("fault,code,publishers", CAUSES, ids=[row[0] for row in CAUSES])
def test_cause(embedded, record, fault_row, fault, code, publishers):
    room = embedded(fault, publishers=publishers)
    one = record(room, "--duration", "6s", "--publisher-wait", "3s", settings=QUICK)
    assert one.finish(60) != 0, one.tail()
    if fault == "no-keyframe":
        row = fault_row("publishers", "a track that never sends a key frame, alone",
                        made="embedded room, no-keyframe", asked=f"no file, {code}")  # fmt: skip
        row.measured(f"{len(one.files)} files; {one.err.text().strip().splitlines()[-1]}")
    assert f"{code}:" in one.err.text(), one.tail()
    assert one.files == [], one.files
    said = one.text()
    assert EmbeddedRoom.SECRET not in said and "eyJ" not in said, "a secret was told"


def test_nobody_there(embedded, record):
    one = record(embedded(publishers=[]), "--publisher-wait", "2s", settings=QUICK)
    assert one.finish(30) != 0
    assert "no_participant:" in one.err.text(), one.tail()


def test_wrong_secret(embedded, record):
    one = record(embedded(), "--api-secret", "not this one" * 4, settings=QUICK)
    assert one.finish(30) != 0
    assert "unauthorized:" in one.err.text(), one.tail()


def test_stalled_for_good(embedded, record):
    """What was recorded stays; the cause is told."""
    room = embedded("stall@2s")
    one = record(room, "--duration", "8s", settings=QUICK)
    one.finish(60)
    assert one.sidecar["outcome"] == "partial", one.sidecar
    assert one.sidecar["code"] == "stalled", one.sidecar["code"]
    assert len(one.files) == 1


@pytest.mark.parametrize("url", ["ws://me:word@{}", "ws://{}/?x=1"])
def test_url_that_is_refused(embedded, record, url):
    """At once, and without a word of what may be a secret."""
    room = embedded()
    one = record(room, "--url", url.format(room.url.removeprefix("ws://")), "--duration", "2s")
    assert one.finish(20) != 0, one.tail()
    assert "bad_request:" in one.err.text() and "server URL" in one.err.text(), one.tail()
    assert "word@" not in one.text() and "x=1" not in one.text()
    assert one.files == [] and one.sidecars == []


def test_lost_until_the_end(embedded, record):
    """A wanted end does not make up for what did not come before it."""
    room = embedded()
    one = record(room, "--duration", "8s")
    one.wait_state("recording")
    room.process.kill()
    assert one.finish(60) != 0, one.tail()
    assert "partial: reconnect_failed:" in one.err.text(), one.tail()
    assert one.sidecar["outcome"] == "partial" and not one.sidecar["reconnecting"]
    assert one.sidecar["end_reason"] == "duration"
    assert len(one.files) == 1
