"""The WebSocket and the server: lost, silent, unwilling, restarted, gone."""

import concurrent.futures
import contextlib
import signal
import subprocess
import time

import pytest

from harness.expect import expect_balanced, expect_plays
from harness.gaps import gap_lengths, moved
from harness.publisher import Publisher
from harness.recorder import Record
from harness.server import LiveKitServer
from harness.signal_relay import DISCONNECT, RECONNECT, RESUME, SERVER_SHUTDOWN, SignalRelay, leave

FPS = 30
OFFSET_MS = 45
NOTHING_LOST = "nothing is lost: every frame number is in the file"
GOES_ON = f"the same recording goes on; nothing moves in time by {OFFSET_MS} ms"


def figures(record, row):
    """The verdict on the recording's file; the row gets its figures before they are judged."""
    recording = record.sidecar
    verdict = expect_plays(recording["output_path"])
    gap = sum(gap_lengths(verdict.video))
    row.measured(
        f"{recording['outcome']}, {len(record.files)} file, {len(verdict.video.numbers)} pictures,"
        f" {len(verdict.video.missing)} missing, gaps of {gap:.2f} s"
    )
    expect_balanced(recording)
    return verdict, gap


def expect_in_time(verdict, publishers, row):
    """Nothing moved, and sound and picture are together."""
    shift, worst = abs(moved(verdict.video, publishers)), abs(verdict.sync(after=1)[1])
    late = max(publisher.late() for publisher in publishers) * 1000
    row.measured(f"what follows is off by {shift:.0f} ms, sound against picture by {worst:.0f} ms at worst")
    assert shift < OFFSET_MS + late and worst < OFFSET_MS + late, (shift, worst, late)


def events(record, words):
    return [e["text"] for e in record.sidecar["events"] if words in e["text"]]


INJECTED = "a relay puts the message between those of the server"
NEW_SESSION = f"{GOES_ON}; at most 3 s are missing"


def refuse(relay):
    relay.status = 503
    relay.reset()


def accept(relay):
    relay.status = None
    relay.heal()


# What is done to the WebSocket of a recording whose media flow, for how long, and what is asked.
SOCKET_FAULTS = [
    ("WebSocket cut while media flow", "a TCP relay resets it, once", SignalRelay.reset, 0, NOTHING_LOST),
    ("WebSocket away for 10 s while media flow", "a TCP relay resets it and takes no connection for 10 s",
     SignalRelay.cut, 10, NOTHING_LOST),
    ("WebSocket silent for 22 s while media flow", "a TCP relay lets nothing through for 22 s; the"
     " connection stays", SignalRelay.stall, 22, NOTHING_LOST),
    ("resume refused with 503 for 8 s while media flow", "the WebSocket is reset and a relay answers every"
     " request with HTTP 503", refuse, 8, NOTHING_LOST),
    ("leave: RESUME", INJECTED, lambda relay: relay.inject(leave(RESUME)), 0, NOTHING_LOST),
    ("leave: RECONNECT", INJECTED, lambda relay: relay.inject(leave(RECONNECT)), 0, NEW_SESSION),
    ("leave: DISCONNECT, the server shuts down", INJECTED,
     lambda relay: relay.inject(leave(DISCONNECT, SERVER_SHUTDOWN)), 0, NEW_SESSION),
]  # fmt: skip


def run_socket_faults(relays, records):
    """All begin at the same moment and each ends at its own."""
    for record in records:
        record.wait_state("recording")
    for record in records:
        record.wait_frames(4 * FPS)
    start = time.monotonic()
    for relay, (_, _, begin, _, _) in zip(relays, SOCKET_FAULTS):
        begin(relay)
    for seconds, i in sorted((fault[3], i) for i, fault in enumerate(SOCKET_FAULTS) if fault[3]):
        time.sleep(max(0, start + seconds - time.monotonic()))
        accept(relays[i])
    for record, before in zip(records, [record.frames for record in records]):
        record.wait_frames(before + 8 * FPS)
    for record in records:
        assert record.interrupt() == 0, record.tail()


@pytest.mark.timeout(240)
def test_socket(server, publisher, room, tmp_path, fault_row):
    """All faults at the same time, each to a recording with a relay of its own."""
    alice = publisher(codec="h264", own_encoder=True)
    rows = [fault_row("signalling", f"{name}, livekit-server", made, asked)
            for name, made, _, _, asked in SOCKET_FAULTS]  # fmt: skip
    with contextlib.ExitStack() as stack:
        relays = [stack.enter_context(SignalRelay(server)) for _ in SOCKET_FAULTS]
        witness = stack.enter_context(Record(server, room, folder=tmp_path / "witness"))
        records = [
            stack.enter_context(Record(relay, room, folder=tmp_path / str(i)))
            for i, relay in enumerate(relays)
        ]
        run_socket_faults(relays, records)
        assert witness.interrupt() == 0, witness.tail()
    # a busy machine loses pictures between the publisher and the server: from all recordings
    never_there = set(expect_plays(witness.sidecar["output_path"]).video.missing)
    for record, relay, row, fault in zip(records, relays, rows, SOCKET_FAULTS):
        verdict, gap = figures(record, row)
        resumes = sum("reconnect=1" in line for line in relay.requests)
        row.measured(f"{resumes} requests to resume, {len(relay.requests) - resumes} to join or to say why not")
        expect_in_time(verdict, [alice], row)
        assert record.sidecar["outcome"] == "complete" and len(record.files) == 1
        if fault[4] == NOTHING_LOST:
            row.measured(f"{len(never_there)} of them in no recording, also not in one without a fault")
            assert resumes and events(record, "the session goes on"), record.sidecar["events"]
            assert verdict.video.unreadable == 0 and verdict.video.duplicates == []
            lost = sorted(set(verdict.video.missing) - never_there)
            assert not lost, (fault[0], len(lost), lost[0], lost[-1], record.sidecar["tracks"], record.sidecar["events"])
        else:
            assert events(record, "as a new session"), record.sidecar["events"]
            assert gap < 3 and verdict.video.last - verdict.video.first > 30 * 25


def test_token_expires(server, publisher, room, tmp_path, fault_row):
    """Servers grant a minute after the end; a new token comes with the join and every five minutes."""
    row = fault_row(
        "signalling", "token expires during the recording, livekit-server",
        "a token that is good for 5 s more; then the WebSocket is reset, and once the server has also"
        " forgotten the session",
        "the server's own newer token is used: the recording goes on",
    )  # fmt: skip
    publisher(codec="h264", own_encoder=True)
    token = server.token("recorder", room, seconds=-55, hidden=True, recorder=True)
    expired_at = time.monotonic() + 7
    with SignalRelay(server) as relay:
        flags = ["--url", relay.url, "--token", token]
        with Record(relay, room, *flags, folder=tmp_path / "out", login=False) as record:
            record.wait_state("recording")
            time.sleep(max(3, expired_at - time.monotonic()))
            late = Record(server, room, "--url", server.url, "--token", token, folder=tmp_path / "late",
                          login=False)  # fmt: skip
            assert late.finish() != 0 and "token_expired:" in late.err.text(), late.tail()
            relay.reset()
            record.wait_frames(record.frames + 3 * FPS)
            relay.cut()
            server.admin("RemoveParticipant", room, identity="recorder")
            relay.heal()
            record.wait_frames(record.frames + 5 * FPS)
            assert record.interrupt() == 0, record.tail()
        verdict, gap = figures(record, row)
        row.measured("the token alone is refused as token_expired by then")
        assert events(record, "the session goes on") and events(record, "as a new session")
        assert record.sidecar["outcome"] == "complete" and gap < 3
        assert verdict.video.last - verdict.video.first > 30 * 10


def test_the_end_that_the_server_wants(server, publisher, room, tmp_path, fault_row):
    """Removed, replaced, and the room deleted: one after the other in the same room."""
    rows = [
        fault_row("signalling", f"{name}, livekit-server", how, asked)
        for name, how, asked in [
            ("recorder removed", "RoomService.RemoveParticipant", "the file plays; it ends as removed"),
            ("duplicate identity", "a second recording joins with the same token",
             "the file plays; it ends as duplicate_identity and does not come back"),
            ("room deleted", "RoomService.DeleteRoom", "the file plays; it ends as room_closed"),
        ]
    ]  # fmt: skip
    publisher(codec="h264", own_encoder=True)
    tokens = [server.token(f"recorder{i}", room, hidden=True, recorder=True) for i in range(3)]
    with contextlib.ExitStack() as stack:

        def record(i, folder):
            flags = ["--url", server.url, "--token", tokens[i]]
            one = Record(server, room, *flags, folder=tmp_path / folder, login=False)
            return stack.enter_context(one)

        records = [record(i, str(i)) for i in range(3)]
        for one in records:
            one.wait_state("recording")
        for one in records:
            one.wait_frames(3 * FPS)
        server.admin("RemoveParticipant", room, identity="recorder0")
        twin = record(1, "twin")
        statuses = [records[0].finish(), records[1].finish()]
        twin.wait_state("recording")
        twin.wait_frames(FPS)
        server.admin("DeleteRoom", room)
        statuses.append(records[2].finish())
        twin.finish()
    for one, row, status, ends in zip(
        records, rows, statuses, ["removed", "duplicate_identity", "room_closed"]
    ):
        verdict, _ = figures(one, row)
        told = one.sidecar["code"] or one.sidecar["end_reason"]
        row.measured(f"it ends as {told}, exit status {status}")
        assert told == ends and (status == 0) == (ends != "duplicate_identity"), one.tail()
        assert not events(one, "Reconnecting"), one.sidecar["events"]
        assert verdict.video.unreadable == 0 and verdict.video.duplicates == []
        assert all(track["lost"] == 0 for track in one.sidecar["tracks"].values())
    assert twin.sidecar["end_reason"] == "room_closed"


# ---- a server of its own, which is killed or stopped ----


def end_by_sigterm(server):
    """It waits for its participants to leave, and not any longer when it is asked twice."""
    server.process.terminate()
    with pytest.raises(subprocess.TimeoutExpired):  # it does not leave at the first one
        server.process.wait(1)
    server.process.terminate()
    server.process.wait(20)


def restarted(folder, room, end, seconds, row):
    """A publisher and a recording on a server that is ended and comes back after so long."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(LiveKitServer(folder))
        first = stack.enter_context(Publisher(server, room, codec="h264", own_encoder=True))
        record = stack.enter_context(Record(server, room, folder=folder / "out"))
        record.wait_state("recording")
        record.wait_frames(4 * FPS)
        late = first.late()
        end(server)
        ended_at = time.monotonic()
        first.close()
        time.sleep(max(0, ended_at + seconds - time.monotonic()))
        server.run_again()
        up_at = time.monotonic()
        second = stack.enter_context(Publisher(server, room, codec="h264", own_encoder=True))
        published_at = second.report("published", kind="video")["at"]
        record.wait_frames(record.frames + 8 * FPS)
        assert record.interrupt() == 0, record.tail()
        verdict, gap = figures(record, row)
        row.measured(
            f"the server was away for {up_at - ended_at:.1f} s and had its publisher back"
            f" {published_at - up_at:.1f} s later"
        )
        assert events(record, "as a new session"), record.sidecar["events"]
        assert record.sidecar["outcome"] == "complete" and len(record.files) <= 2
        # the way back waits for up to 3.75 s between two attempts
        assert gap < published_at - ended_at + 5, gap
        shift = abs(moved(verdict.video, [first, second]))
        late = (late + second.late()) * 1000
        row.measured(f"what follows is off by {shift:.0f} ms")
        assert shift < OFFSET_MS + late, (shift, late)


RESTARTS = [
    ("kill -9", "kill", LiveKitServer.kill, 1),
    ("kill -9", "kill", LiveKitServer.kill, 20),
    ("SIGTERM (twice: it waits for everybody at the first)", "term", end_by_sigterm, 1),
    ("SIGTERM (twice: it waits for everybody at the first)", "term", end_by_sigterm, 20),
]


@pytest.mark.timeout(240)
def test_server_restarts(tmp_path, room, fault_row):
    """Four servers with a publisher and a recording each, at the same time."""
    rows = [
        fault_row("signalling", f"livekit-server restarts after {seconds} s, {name.split()[0]}",
                  f"{name}, and a new start on the same ports after {seconds} s; the publisher joins anew"
                  " then", f"{GOES_ON}; what is missing is the server's and the publisher's absence and at"
                  " most 5 s")
        for name, _, _, seconds in RESTARTS
    ]  # fmt: skip
    with concurrent.futures.ThreadPoolExecutor() as pool:
        futures = []
        for (_, word, end, seconds), row in zip(RESTARTS, rows):
            folder = tmp_path / f"{word}{seconds}"
            folder.mkdir()
            futures.append(pool.submit(restarted, folder, room, end, seconds, row))
        for future in futures:
            future.result()


@pytest.mark.timeout(180)
def test_server_stops_answering(tmp_path, room, fault_row):
    """Stopped by a signal: connections stay, nothing comes."""
    short = fault_row(
        "signalling", "livekit-server does not answer for 5 s", "SIGSTOP, and SIGCONT after 5 s",
        f"{GOES_ON}; at most 5 s and the way back (3 s) are missing",
    )  # fmt: skip
    ever = fault_row(
        "signalling", "livekit-server does not answer any more", "SIGSTOP for ever; timeouts.reconnect: 12s",
        "it ends as reconnect_failed after 12 s without media; the file plays, with all that came",
    )  # fmt: skip
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(LiveKitServer(tmp_path))
        # the SDK's own encoder: pre-encoded pictures are held back for good after such a silence
        alice = stack.enter_context(Publisher(server, room, codec="h264"))
        patient = stack.enter_context(Record(server, room, folder=tmp_path / "short"))
        other = stack.enter_context(
            Record(server, room, folder=tmp_path / "ever", env={"ROOMTAPE_TIMEOUTS_RECONNECT": "12s"})
        )
        for record in (patient, other):
            record.wait_state("recording")
        for record in (patient, other):
            record.wait_frames(4 * FPS)
        server.process.send_signal(signal.SIGSTOP)
        time.sleep(5)
        server.process.send_signal(signal.SIGCONT)
        # eight seconds of the room, behind what the server kept of the five
        patient.wait_frames(patient.frames + (5 + 8) * FPS)
        assert patient.interrupt() == 0, patient.tail()
        server.process.send_signal(signal.SIGSTOP)
        stopped = time.monotonic()
        status = other.finish(30)
        took = time.monotonic() - stopped
        server.process.send_signal(signal.SIGCONT)
        verdict, gap = figures(patient, short)
        expect_in_time(verdict, [alice], short)
        assert patient.sidecar["outcome"] == "complete" and len(patient.files) == 1
        assert gap < 8
        verdict, _ = figures(other, ever)
        expect_in_time(verdict, [alice], ever)
        ever.measured(f"ended as {other.sidecar['code']} after {took:.1f} s")
        assert status != 0 and other.sidecar["code"] == "reconnect_failed", other.tail()
        assert other.sidecar["outcome"] == "partial" and 11 < took < 20, took
        assert verdict.video.last - verdict.video.first > 30 * 14


def test_quiet_room(server, publisher, room, tmp_path, fault_row):
    """Nobody sends: no false alarm, and the recording notices the first sound."""
    row = fault_row(
        "signalling", "a room where everybody is muted, livekit-server",
        "a publisher joins muted and says nothing for 15 s",
        "no reconnection; what comes then is recorded",
    )  # fmt: skip
    alice = publisher(codec="h264", own_encoder=True, muted=["audio", "video"])
    with Record(server, room, folder=tmp_path / "out") as record:
        record.wait_state("subscribed")
        time.sleep(15)
        alice.unmute("audio")
        alice.unmute("video")
        record.wait_state("recording")
        record.wait_frames(4 * FPS)
        assert record.interrupt() == 0, record.tail()
    verdict, _ = figures(record, row)
    row.measured(f"{len(events(record, 'Reconnecting'))} reconnections")
    assert not events(record, "Reconnecting"), record.sidecar["events"]
    assert verdict.video.last - verdict.video.first > 30 * 2
