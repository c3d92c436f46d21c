"""The command line: how a recording ends, what stays after a crash, and the small commands."""

import json
import os
import pathlib
import signal
import subprocess
import time

import jwt
import pytest

from harness.expect import (
    expect_balanced,
    expect_checklist,
    expect_duration,
    expect_every_frame,
    expect_plain,
    expect_plays,
)
from harness.judge import packets
from harness.recorder import Record, Serve, environment, program, run, sidecars


def test_duration_ends_it(server, room, publisher, tmp_path):
    alice = publisher(codec="h264")
    before = alice.unsent()
    with Record(server, room, "--duration", "5s", folder=tmp_path) as record:
        assert record.finish() == 0, record.tail()
    unsent = alice.unsent() - before
    assert len(record.files) == 1
    path = record.files[0]
    assert room in path.name and "alice" in path.name
    verdict = expect_plays(path)
    expect_every_frame(verdict.video, unsent)
    expect_duration(verdict, 5)
    expect_plain(path)
    assert record.sidecar["end_reason"] == "duration"
    assert record.sidecar["outcome"] == "complete"
    expect_balanced(record.sidecar)
    expect_checklist(record.sidecar)
    assert str(path) in record.text()
    assert server.SECRET not in record.text() and "eyJ" not in record.text()


def test_more_to_encode_than_encoders(server, room, publisher, tmp_path):
    """It ends with a sentence that names the flag, and with the flag it does not."""
    publisher("alice", codec="vp8", fps=15)
    publisher("bob", codec="vp8", fps=15)
    flags = ["--format", "mp4", "--duration", "3s"]
    env = {"ROOMTAPE_ENCODING_MAX_ENCODES": "1"}
    with Record(server, room, *flags, folder=tmp_path / "without", env=env) as record:
        assert record.finish() != 0 and "no_capacity" in record.text(), record.tail()
    with Record(server, room, *flags, "--fallback", "source", folder=tmp_path, env=env) as record:
        assert record.finish() == 0, record.tail()
    codecs = sorted(expect_plays(path).video.codec for path in record.files)
    assert codecs == ["h264", "vp8"], record.files
    wrong = run("record", "--room", room, "--fallback", "none", env=environment(server))
    assert wrong.returncode == 2 and "can be source" in wrong.stderr, wrong


def test_flags_beat_the_environment(server, room, publisher, tmp_path):
    publisher(publish=["audio"])
    flags = ["--url", server.url, "--api-key", server.KEY, "--api-secret", server.SECRET]
    wrong = {"LIVEKIT_URL": "ws://127.0.0.1:9", "LIVEKIT_API_KEY": "x", "LIVEKIT_API_SECRET": "y"}
    with Record(server, room, *flags, "--duration", "1s", folder=tmp_path, env=wrong) as record:
        assert record.finish() == 0, record.tail()
    expect_plays(record.files[0])


def test_token_only(server, room, publisher, tmp_path):
    """Many users have a token and no secret; the room stands in the token."""
    publisher(publish=["audio"])
    token = server.token("guest", room, can_publish=False)
    with Record(
        server, None, "--url", server.url, "--token", token, folder=tmp_path, login=False
    ) as record:
        record.wait_state("recording")
        time.sleep(2)
        assert record.interrupt() == 0, record.tail()
    assert room in record.files[0].name
    expect_plays(record.files[0])
    assert token not in record.text()


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM], ids=["interrupt", "terminate"])
def test_a_signal_finishes_the_file(server, room, publisher, tmp_path, name):
    publisher(codec="h264")
    with Record(server, room, folder=tmp_path) as record:
        record.wait_state("recording")
        time.sleep(3)
        record.process.send_signal(name)
        assert record.finish() == 0, record.tail()
    verdict = expect_plays(record.files[0])
    assert 2.4 < verdict.duration < 4.5
    expect_plain(record.files[0])
    assert record.sidecar["end_reason"] == "stopped"
    states = [m["state"] for m in record.messages() if "state" in m]
    order = ["connecting", "connected", "subscribing", "subscribed", "recording", "stopping", "stopped"]
    places = [order.index(state) for state in states if state in order]
    assert places == sorted(places), states


def test_kill_leaves_a_file_that_plays(server, room, publisher, tmp_path, figures):
    """To within a second before, in each container; and the next start tells of it."""
    alice = publisher("alice", codec="h264")
    formats = ("mp4", "mkv")
    records = [
        Record(server, room, "--format", wanted, folder=tmp_path / wanted) for wanted in formats
    ]
    for record in records:
        record.wait_state("recording")
    time.sleep(4.2)
    killed = []
    for record in records:
        killed.append(time.monotonic())
        record.kill()
    for wanted, record, moment in zip(formats, records, killed):
        assert len(record.files) == 1, record.files
        verdict = expect_plays(record.files[0])
        lost = moment - alice.captured_at(verdict.video.last)
        figures.append(f"kill -9, {wanted}: {lost:.2f} s lost")
        assert lost < 1.1, f"{wanted}: {lost} s lost"
        assert abs(verdict.audio.end - verdict.video.times[-1]) < 1.0
        assert record.sidecar["state"] != "stopped"
    with Serve(server, tmp_path / "mp4") as serve:
        serve.get("/healthz")
    left = sidecars(tmp_path / "mp4")
    assert [r["code"] for r in left] == ["interrupted"], left
    assert left[0]["outcome"] == "partial" and left[0]["outputs"] == [str(records[0].files[0])]


def test_the_room_closes(server, room, publisher, tmp_path):
    publisher(codec="h264")
    with Record(server, room, folder=tmp_path) as record:
        record.wait_state("recording")
        time.sleep(2)
        server.admin("DeleteRoom", room)
        assert record.finish() == 0, record.tail()
    assert record.sidecar["end_reason"] == "room_closed"
    assert record.sidecar["outcome"] == "complete"
    expect_plays(record.files[0])


def test_idle_ends_it(server, room, publisher, tmp_path):
    alice = publisher(codec="h264")
    with Record(server, room, "--idle", "1s", folder=tmp_path) as record:
        record.wait_state("recording")
        time.sleep(2)
        alice.leave()
        assert record.finish(15) == 0, record.tail()
    assert record.sidecar["end_reason"] == "idle", record.sidecar["end_reason"]
    verdict = expect_plays(record.files[0])
    assert verdict.video.unreadable == 0


def test_audio_only(server, room, publisher, tmp_path):
    publisher(codec="h264")
    with Record(server, room, "--audio-only", "--duration", "2s", folder=tmp_path) as record:
        assert record.finish() == 0, record.tail()
    verdict = expect_plays(record.files[0])
    assert verdict.videos == [] and verdict.audio.codec == "opus"
    assert not any(t["kind"] == "video" and t["packets"] for t in record.sidecar["tracks"].values())


def test_no_file_is_ever_overwritten(server, room, publisher, tmp_path):
    publisher(publish=["audio"])
    (tmp_path / "fixed.ogg").write_bytes(b"mine")
    for _ in range(2):
        with Record(server, room, "--duration", "1s", folder=tmp_path,
                    output=tmp_path / "fixed.ogg") as record:  # fmt: skip
            assert record.finish() == 0, record.tail()
    assert (tmp_path / "fixed.ogg").read_bytes() == b"mine"
    assert sorted(p.name for p in record.files) == ["fixed-2.ogg", "fixed-3.ogg", "fixed.ogg"]
    expect_plays(tmp_path / "fixed-2.ogg")


def test_a_live_line_on_a_terminal(server, room, publisher, tmp_path):
    """State, time, size and frames, rewritten in place; no log lines between."""
    publisher(codec="h264")
    master, slave = os.openpty()
    process = subprocess.Popen(
        [program(), "record", "--room", room, "--duration", "3s", "--output", f"{tmp_path}/"],
        stdin=slave, stdout=slave, stderr=slave, env=environment(server, TERM="xterm"),
    )  # fmt: skip
    os.close(slave)
    seen = b""
    while True:
        try:
            data = os.read(master, 65536)
        except OSError:
            break
        if not data:
            break
        seen += data
    assert process.wait(10) == 0, seen
    os.close(master)
    text = seen.decode(errors="replace").lower()
    assert text.count("\r") >= 3 and "recording" in text and "frames" in text, text
    assert "lost" in text and "dropped" in text


def test_inspect(server, room, publisher, tmp_path):
    publisher(codec="h264")
    with Record(server, room, "--duration", "3s", folder=tmp_path) as record:
        assert record.finish() == 0, record.tail()
    path = record.files[0]
    done = run("inspect", "--json", path)
    assert done.returncode == 0, done
    told = json.loads(done.stdout)
    counted = [kind for kind, *_ in packets(path)]
    assert {t["codec"] for t in told["tracks"]} == {"h264", "opus"}, told
    for track in told["tracks"]:
        assert track["packets"] == counted.count(track["kind"]), told
    assert abs(told["duration"] - 3) < 0.6 and told["layout"] == "plain"
    text = run("inspect", path)
    assert text.returncode == 0 and "h264" in text.stdout and "opus" in text.stdout
    assert run("inspect", __file__).returncode != 0
    assert run("inspect", tmp_path / "nothing.mp4").returncode != 0


def test_token_command(server, room, publisher, tmp_path):
    done = run("token", "--room", room, "--api-key", server.KEY, "--api-secret", server.SECRET)
    assert done.returncode == 0, done
    token = done.stdout.strip()
    claims = jwt.decode(token, server.SECRET, algorithms=["HS256"])
    assert claims["iss"] == server.KEY and claims["kind"] == "egress"
    video = claims["video"]
    assert video["room"] == room and video["roomJoin"] and video["hidden"] and video["recorder"]
    assert video["canSubscribe"] and not video["canPublish"]
    publisher(publish=["audio"])
    with Record(server, None, "--url", server.url, "--token", token, "--duration", "1s",
                folder=tmp_path, login=False) as record:  # fmt: skip
        assert record.finish() == 0, record.tail()


def test_doctor(server, room, publisher, tmp_path):
    publisher(publish=["audio"])
    done = run("doctor", "--room", room, "--output-dir", tmp_path, env=environment(server))
    assert done.returncode == 0, done
    for step in ("dns", "token", "join", "ice", "dtls", "track", "disk"):
        assert step in done.stdout.lower(), f"no {step} in {done.stdout}"
    env = environment(server, LIVEKIT_API_SECRET="wrong " * 8)
    bad = run("doctor", "--room", room, "--output-dir", tmp_path, env=env)
    assert bad.returncode != 0 and "unauthorized" in bad.stdout + bad.stderr, bad
    assert server.SECRET not in done.stdout + done.stderr


def test_help_and_version():
    version = run("--version")
    assert version.returncode == 0 and "roomtape" in version.stdout
    text = run("--help")
    assert text.returncode == 0
    for name in ("record", "serve", "room", "inspect", "doctor", "token"):
        assert name in text.stdout
    assert "--duration" in run("record", "--help").stdout
    assert run("no-such-command").returncode != 0


def test_sigterm_of_serve_finishes_all(server, room, publisher, tmp_path):
    alice = publisher("alice", codec="h264")
    publisher("bob", codec="vp8", publish=["video"], fps=15)
    with Serve(server, tmp_path) as serve:
        for number, wanted in enumerate(("mp4", "mkv", "auto")):
            assert serve.start(f"take-{number}", room=room, output_format=wanted).status in (200, 400)
        time.sleep(3)
        assert serve.terminate() == 0, serve.log()[-2000:]
        said = serve.log()
    assert server.SECRET not in said and "eyJ" not in said
    takes = sidecars(tmp_path)
    assert {t["mint_id"] for t in takes} == {"take-0", "take-1", "take-2"}
    for take in takes:
        assert take["state"] == "stopped", take
        for path in take["outputs"]:
            expect_plays(pathlib.Path(path))
    played = [t for t in takes if t["outcome"] == "complete"]
    assert {t["mint_id"] for t in played} >= {"take-1", "take-2"}, takes
    assert alice.process.poll() is None
