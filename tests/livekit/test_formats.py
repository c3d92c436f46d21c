"""The formats beyond MP4, WebM and Matroska: MPEG-TS, and those for sound alone."""

import pytest

from harness.expect import (
    expect_balanced,
    expect_duration,
    expect_every_frame,
    expect_plain,
    expect_plays,
    expect_together,
)
from harness.judge import judge
from harness.recorder import Serve, media_files

SOUND = {"ogg": "opus", "m4a": "aac", "mp3": "mp3", "wav": "pcm_s16le"}


def record_all(serve, room, formats):
    """A recording for each format at the same time; their ids."""
    ids = {name: f"{room}-{name}" for name in formats}
    for name, mint_id in ids.items():
        answer = serve.start(mint_id, room=room, output_format=name)
        assert answer.status == 200 and answer.json["state"] == "recording", answer
    return ids


def beats(audio, after=1.0):
    """How far from its place in the second each beep stands, the first one's being the place."""
    beeps = [beep for beep in audio.beeps if beep > audio.start + after]
    return [(beep - beeps[0] + 0.5) % 1 - 0.5 for beep in beeps]


def stop_complete(serve, mint_id):
    """Stops it; its status and the verdict on its only file."""
    ended = serve.stop(mint_id).json
    assert ended["outcome"] == "complete" and len(ended["outputs"]) == 1, ended
    status = serve.status(mint_id).json
    expect_balanced(status)
    return status, expect_plays(ended["output_path"])


def test_sound_alone(serve, room, publisher, figures):
    """Pictures are left out. A mute becomes silence of just its length, also where a file has no times
    in it: the beeps of each second stay in their place."""
    alice = publisher(codec="vp8", fps=15)
    ids = record_all(serve, room, SOUND)
    serve.wait_status(ids["wav"], lambda s: s["stats"]["duration"] > 4)
    alice.mute("audio")
    serve.wait_status(ids["wav"], lambda s: s["stats"]["duration"] > 7.3)
    alice.unmute("audio")
    serve.wait_status(ids["wav"], lambda s: s["stats"]["duration"] > 12)
    for name, mint_id in ids.items():
        status, verdict = stop_complete(serve, mint_id)
        assert verdict.path.suffix == f".{name}"
        assert [track["kind"] for track in status["tracks"].values()] == ["audio"]
        assert not verdict.videos and verdict.audio.codec.startswith(SOUND[name])
        expect_duration(verdict, 12)
        found = beats(verdict.audio)
        spread = max(found) - min(found)
        hole = max(b - a for a, b in zip(verdict.audio.beeps, verdict.audio.beeps[1:]))
        figures.append(f"sound alone, {name}: beeps within {spread * 1000:.1f} ms, hole {hole:.2f} s")
        assert len(found) >= 6 and spread < 0.025, (name, verdict.audio.beeps)
        assert hole > 2.9, (name, verdict.audio.beeps)
        if name == "m4a":
            expect_plain(verdict.path)


def test_muted_at_the_end(serve, room, publisher):
    """The silence is in the file up to the stop."""
    alice = publisher(publish=["audio"])
    ids = record_all(serve, room, SOUND)
    serve.wait_status(ids["wav"], lambda s: s["stats"]["duration"] > 2)
    alice.mute("audio")
    serve.wait_status(ids["wav"], lambda s: s["stats"]["duration"] > 5)
    for name, mint_id in ids.items():
        status, verdict = stop_complete(serve, mint_id)
        expect_duration(verdict, status["stats"]["duration"])


@pytest.mark.parametrize("wanted", ["wav", "mp4", "mpegts"])
def test_a_small_size(serve, room, publisher, wanted):
    """However small, there is a file, and it is no larger."""
    publisher(codec="h264", fps=15)
    serve.start(room, output_format=wanted, video_quality="medium", max_size="200KiB")
    status = serve.wait_status(room, lambda s: s["state"] == "stopped", 20)
    assert (status["outcome"], status["end_reason"]) == ("complete", "max_size"), status
    assert 0 < sum(file["bytes"] for file in status["files"]) <= 200 * 1024, status["files"]
    expect_plays(status["output_path"])


@pytest.mark.parametrize("codec,treatment", [("h264", "passthrough"), ("vp8", "transcode")])
def test_mpegts(serve, room, publisher, figures, codec, treatment):
    alice = publisher(codec=codec, fps=15)
    before = alice.unsent()
    serve.start(room, output_format="mpegts", video_quality="medium", duration="9s")
    status = serve.wait_status(room, lambda s: s["state"] == "stopped", 25)
    assert status["outcome"] == "complete", status
    unsent, late = alice.unsent() - before, max(alice.late("video"), alice.late("audio"))
    tracks = {track["kind"]: track["treatment"] for track in status["tracks"].values()}
    assert tracks == {"video": treatment, "audio": "transcode"}, status["tracks"]
    verdict = expect_plays(status["output_path"])
    assert (verdict.video.codec, verdict.audio.codec) == ("h264", "aac")
    expect_every_frame(verdict.video, unsent)
    expect_duration(verdict, 9)
    expect_together(verdict, figures, f"{codec} to mpegts", late=late)
    expect_balanced(status)


def test_killed(server, room, publisher, tmp_path):
    """Each of them plays up to the moment of a `kill -9`, and is found at the next start."""
    publisher(codec="h264", fps=15)
    formats = ["mpegts", *SOUND]
    with Serve(server, tmp_path) as serve:
        ids = record_all(serve, room, formats)
        serve.wait_status(ids["wav"], lambda s: s["stats"]["duration"] > 4)
        lasted = {n: serve.status(i).json["stats"]["duration"] for n, i in ids.items()}
        serve.process.kill()
        serve.process.wait()
    found = {path.suffix.lstrip("."): path for path in media_files(tmp_path)}
    for name, seconds in lasted.items():
        verdict = judge(found["ts" if name == "mpegts" else name])
        assert verdict.errors == [], verdict.errors[:5]
        assert verdict.audio.duration > seconds - 1, (name, verdict.audio.duration, seconds)
    with Serve(server, tmp_path) as serve:
        for name, mint_id in ids.items():
            status = serve.status(mint_id).json
            assert status["code"] == "interrupted" and status["outputs"], (name, status)
            assert abs(status["stats"]["duration"] - status["files"][0]["duration"]) < 0.01, status["stats"]


@pytest.mark.parametrize("body,part", [
    ({"output_format": "flac"}, "it can be h264, av1, svtav1, vp9, mp4, webm, mkv, mpegts, ogg, m4a, mp3, wav, auto"),
    ({"video_quality": "best"}, "it can be low, medium, high, source"),
    ({"output_format": "h264", "encoder": {"speed": "warp"}}, "ultrafast, superfast, veryfast"),
    ({"output_format": "h264", "encoder": {"tune": 1}}, "encoder, speed, keyframe_interval, threads, bitrate, crf"),
    ({"output_format": "mp3", "encoder": {"bitrate": 1}}, "bits a second from 32000 to 320000"),
    ({"output_format": "auto", "encoder": {"crf": 20}}, "never encodes"),
])  # fmt: skip
def test_what_there_is_not(serve, room, body, part):
    answer = serve.start(room, **body)
    assert answer.status == 400 and answer.json["code"] == "bad_request", answer
    assert part in answer.json["error"], answer.json["error"]


def test_settings_of_an_encoder(server, room, publisher, tmp_path):
    """A request's options go before the configuration's, and the preset's rate before both."""
    publisher(codec="vp8", fps=15)
    env = {"ROOMTAPE_ENCODING_H264": "speed=superfast keyframe_interval=1s", "ROOMTAPE_ENCODING_AAC": "bitrate=48k"}
    with Serve(server, tmp_path, env=env) as serve:
        answer = serve.start(room, output_format="h264", video_quality="low",
                             encoder={"crf": 30, "bitrate": "3M", "threads": 2})  # fmt: skip
        assert answer.status == 200, answer
        status = serve.wait_status(room, lambda s: s["stats"]["duration"] > 4)
        encoders = {track["kind"]: track["encoder"] for track in status["tracks"].values()}
        video = encoders["video"]
        assert (video["name"], video["speed"], video["crf"]) == ("libx264", "superfast", 30), video
        assert (video["threads"], video["keyframe_interval"]) == (2, 1.0), video
        assert video["bitrate"] == 1_000_000 and encoders["audio"]["bitrate"] == 48_000, encoders
        ended = serve.stop(room).json
        assert ended["outcome"] == "complete", ended
        expect_plays(ended["output_path"])
