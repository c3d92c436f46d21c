"""What does not go into a format as published is encoded, and nothing else is."""

import collections

import av
import numpy as np
import pytest

from harness.expect import (
    expect_balanced,
    expect_duration,
    expect_every_frame,
    expect_plain,
    expect_plays,
    expect_together,
)
from harness.judge import packets
from harness.machine import slow_disk
from harness.recorder import Serve
from harness.server import ROOT

SECONDS = 9
SMALL = {"width": 320, "height": 240, "fps": 15}
LARGE = {"simulcast": True, "width": 1280, "height": 720, "fps": 15, "bitrate": 1_500_000}
# published codec and options, format, preset -> codecs in the file, treatments of picture and sound
CASES = [
    ("vp8", LARGE, "mp4", "medium", "h264", "aac", "transcode", "transcode"),
    ("vp8", SMALL, "mp4", None, "h264", "opus", "transcode", "passthrough"),
    ("vp8", SMALL, "h264", "low", "h264", "aac", "transcode", "transcode"),
    ("vp8", SMALL, "vp9", "high", "vp9", "opus", "transcode", "passthrough"),
    ("vp8", SMALL, "av1", "low", "av1", "aac", "transcode", "transcode"),
    ("vp8", SMALL, "svtav1", "low", "av1", "aac", "transcode", "transcode"),
    ("h264", SMALL, "webm", "medium", "vp9", "opus", "transcode", "passthrough"),
    ("h264", SMALL, "h264", "medium", "h264", "aac", "passthrough", "transcode"),
    ("vp9", SMALL, "h264", "medium", "h264", "aac", "transcode", "transcode"),
    ("av1", SMALL, "h264", "high", "h264", "aac", "transcode", "transcode"),
    ("vp8", SMALL, "mkv", "high", "vp8", "opus", "passthrough", "passthrough"),
    ("vp8", LARGE, "webm", "high", "vp8", "opus", "passthrough", "passthrough"),
    ("vp9", LARGE, "mp4", "high", "vp9", "aac", "passthrough", "transcode"),
    ("vp9", LARGE, "webm", "high", "vp9", "opus", "passthrough", "passthrough"),
    ("vp9", LARGE, "h264", "low", "h264", "aac", "transcode", "transcode"),
    ("vp9", SMALL, "svtav1", "high", "av1", "aac", "transcode", "transcode"),
    ("av1", SMALL, "mp4", "medium", "av1", "aac", "passthrough", "transcode"),
    ("av1", SMALL, "webm", "source", "av1", "opus", "passthrough", "passthrough"),
    ("h264", SMALL, "vp9", "low", "vp9", "opus", "transcode", "passthrough"),
    ("h264", SMALL, "av1", "medium", "av1", "aac", "transcode", "transcode"),
    ("h264", SMALL, "mkv", "source", "h264", "opus", "passthrough", "passthrough"),
]
CEILINGS = {"low": (1_000_000, 64_000), "medium": (2_000_000, 128_000)}
HIGHEST = (4_000_000, 192_000)


def treatments(status):
    return {track["kind"]: track["treatment"] for track in status["tracks"].values()}


def worst_rate(path, kind, seconds=5):
    """The most bits a second in any window of that length."""
    window, inside, worst = collections.deque(), 0, 0
    for _, at, _, size in sorted((p for p in packets(path) if p[0] == kind), key=lambda p: p[1]):
        window.append((at, size))
        inside += size
        while window[0][0] <= at - seconds:
            inside -= window.popleft()[1]
        worst = max(worst, inside)
    return worst * 8 / seconds


@pytest.mark.parametrize(
    "codec,options,wanted,preset,picture,sound,video_treatment,audio_treatment", CASES,
    ids=[f"{c[0]}-{c[2]}-{c[3]}" for c in CASES],
)  # fmt: skip
def test_into_a_format(serve, room, publisher, figures, codec, options, wanted, preset, picture, sound,
                       video_treatment, audio_treatment):  # fmt: skip
    alice = publisher(codec=codec, **options)
    before = alice.unsent()
    answer = serve.start(
        room, output_format=wanted, video_quality=preset, duration=f"{SECONDS}s"
    )
    assert answer.status == 200 and answer.json["state"] == "recording", answer
    status = serve.wait_status(room, lambda s: s["state"] == "stopped", SECONDS + 20)
    unsent, late = alice.unsent() - before, max(alice.late("video"), alice.late("audio"))
    assert (status["outcome"], status["end_reason"]) == ("complete", "duration"), status
    assert treatments(status) == {"video": video_treatment, "audio": audio_treatment}, status["tracks"]
    for track in status["tracks"].values():
        assert track["why"] and (track["encoder"] is None) == (track["treatment"] != "transcode")
        assert track["encoder_behind"] is False
    verdict = expect_plays(status["output_path"])
    assert picture.replace("av1", "libdav1d") in verdict.video.codec or picture in verdict.video.codec
    assert verdict.audio.codec == sound
    video = verdict.video
    if "simulcast" in options:
        # The server begins with a lower layer, and shows the picture at which it changes twice.
        assert len(video.duplicates) <= 1, video.duplicates
        video = video.since(video.times[0] + 3)
    if video_treatment == "transcode":
        whole = (options["width"], options["height"])
        assert verdict.video.sizes == {whole}, "whatever layer the server begins with"
    elif codec == "vp9" and "simulcast" in options:
        # Spatial layers: a picture has the size of its best one, and is shown once.
        assert verdict.video.sizes == {(options["width"], options["height"])}
    expect_every_frame(video, unsent)
    assert video.pace(alice.fps) < 0.040 + late
    ceilings = dict(zip(("video", "audio"), CEILINGS.get(preset, HIGHEST)))
    for kind, treatment in treatments(status).items():
        if treatment == "transcode":
            assert worst_rate(verdict.path, kind) < 1.15 * ceilings[kind]
    expect_duration(verdict, SECONDS)
    expect_together(verdict, figures, f"{codec} to {wanted} ({preset})", late=late)
    expect_plain(verdict.path)
    expect_balanced(status)


def test_the_rate_of_a_preset_holds(serve, room, publisher, figures):
    """Noise at six times the rate of the preset comes out at that rate."""
    publisher(codec="vp8", own_encoder=True, width=1280, height=720, fps=15, noise=12,
              bitrate=6_000_000)  # fmt: skip
    serve.start(room, output_format="h264", video_quality="low", duration="12s")
    status = serve.wait_status(room, lambda s: s["state"] == "stopped", 30)
    assert status["outputs"], status
    rate = worst_rate(status["output_path"], "video")
    sound = worst_rate(status["output_path"], "audio")
    figures.append(f"h264/low, noise: at most {rate / 1000:.0f} kbit/s in 5 s, sound {sound / 1000:.0f}")
    assert 500_000 < rate < 1_150_000 and sound < 64_000 * 1.15


def test_a_layer_that_fits_costs_nothing(serve, room, publisher):
    publisher(codec="h264", simulcast=True, width=1920, height=1080, fps=10, bitrate=2_000_000)
    serve.start(room, output_format="mp4", video_quality="low", duration="8s")
    status = serve.wait_status(room, lambda s: s["state"] == "stopped", 25)
    assert treatments(status)["video"] == "layer", status["tracks"]
    verdict = expect_plays(status["output_path"])
    # The server begins with the best layer; its pictures are left out. A publisher that is short of time
    # stops a layer for a while, and the server sends the next smaller one.
    assert max(verdict.video.sizes) == (640, 360), verdict.video.sizes
    assert verdict.video.sizes <= {(640, 360), (320, 180)}, verdict.video.sizes
    video_id = next(sid for sid, t in status["tracks"].items() if t["kind"] == "video")
    assert status["ledger"][video_id]["clock"]["dropped"].keys() <= {"other_layer"}
    expect_balanced(status)


def test_a_spatial_layer_of_another_size_than_told(serve, room, publisher):
    """Spatial layers halve, whatever sizes were announced: none that the preset allows is left out."""
    publisher(codec="vp9", simulcast=True, width=1920, height=1080, fps=10, bitrate=2_500_000)
    serve.start(room, output_format="webm", video_quality="low", duration="5s")
    status = serve.wait_status(room, lambda s: s["state"] == "stopped", 25)
    assert treatments(status)["video"] == "layer", status["tracks"]
    verdict = expect_plays(status["output_path"])
    assert verdict.video.sizes <= {(960, 540), (480, 270)}, verdict.video.sizes
    assert verdict.video.times[0] - verdict.audio.start < 2, verdict.video.times[:3]
    expect_balanced(status)


def test_too_large_without_a_layer(serve, room, publisher):
    publisher(codec="h264", width=1080, height=1920, fps=5, bitrate=1_500_000)
    serve.start(room, output_format="mkv", video_quality="low", duration="6s")
    status = serve.wait_status(room, lambda s: s["state"] == "stopped", 25)
    assert treatments(status) == {"video": "transcode", "audio": "passthrough"}, status["tracks"]
    verdict = expect_plays(status["output_path"])
    assert verdict.video.sizes == {(720, 1280)}, verdict.video.sizes


def test_no_encoder_is_free(server, room, publisher, tmp_path):
    publisher(codec="vp8", **SMALL)
    with Serve(server, tmp_path, env={"ROOMTAPE_ENCODING_MAX_ENCODES": "1"}) as serve:
        assert serve.start("first", room=room, output_format="h264").status == 200
        refused = serve.start("second", room=room, output_format="h264")
        assert refused.status == 503 and refused.json["code"] == "no_capacity", refused
        assert "1 of 1" in refused.json["error"]
        third = serve.start("third", room=room, output_format="h264", fallback="source")
        assert third.status == 200, third
        status = serve.wait_status("third", lambda s: s["stats"]["video_frames"] > 15)
        assert treatments(status)["video"] == "passthrough"
        assert serve.stop("third").json["outcome"] == "complete"
        third = expect_plays(serve.status("third").json["output_path"])
        assert third.video.codec == "vp8" and third.path.suffix == ".mkv"
        assert serve.stop("first").json["outcome"] == "complete"
        assert serve.start("fourth", room=room, output_format="h264").status == 200
        assert serve.stop("fourth").json["outcome"] == "complete"


def test_somebody_who_left_encodes_nothing(server, room, publisher, tmp_path):
    """Ten seconds after, the encoder is free; who comes back then without one goes as published."""
    publisher("keeper", publish=["audio"])
    alice = publisher("alice", codec="vp8", **SMALL)
    with Serve(server, tmp_path, env={"ROOMTAPE_ENCODING_MAX_ENCODES": "1"}) as serve:

        def camera(identity):
            tracks = serve.status(room).json["tracks"].values()
            return next((t for t in tracks if (t["identity"], t["kind"]) == (identity, "video")), None)

        def wait_frames(identity, count):
            serve.wait_status(room, lambda s: (camera(identity) or {}).get("frames_written", 0) > count, 40)

        assert serve.start(room, output_format="h264").status == 200
        wait_frames("alice", 30)
        alice.unpublish("video")
        # Everything of the first ten seconds is refused, then it is free for another recording.
        publisher("carl", codec="vp8", room=f"{room}-other", **SMALL)
        answers = []

        def is_free(_):
            answers.append(serve.start(f"other-{len(answers)}", room=f"{room}-other", output_format="h264"))
            return answers[-1].status == 200

        serve.wait_status(room, is_free, 20)
        assert {a.json["code"] for a in answers[:-1]} == {"no_capacity"}
        before = camera("alice")["frames_written"]
        alice.publish("video")
        wait_frames("alice", before + 30)
        back = camera("alice")
        assert back["treatment"] == "passthrough" and "1 of 1" in back["why"], back
        assert serve.stop(f"other-{len(answers) - 1}").json["outcome"] == "complete"
        alice.unpublish("video")
        before = back["frames_written"]
        alice.publish("video")
        wait_frames("alice", before + 60)
        assert camera("alice")["treatment"] == "transcode", camera("alice")
        ended = serve.stop(room).json
        assert ended["outcome"] == "complete", ended
        verdicts = [expect_plays(path) for path in ended["outputs"] if "-alice-" in path]
        pictures = [v.video.codec for v in verdicts if v.videos]
        assert pictures == ["h264", "vp8", "h264"], ended["outputs"]
        assert all(v.video.unreadable == 0 for v in verdicts if v.videos)
        expect_balanced(serve.status(room).json)


def test_an_encoder_that_is_too_slow(server, room, publisher, tmp_path):
    """Pictures are left out, the sound is whole, and it is told."""
    publisher(codec="vp8", width=1280, height=720, fps=30, noise=8, bitrate=3_000_000)
    slow = {"ROOMTAPE_ENCODING_H264": "speed=placebo", "ROOMTAPE_QUEUES_VIDEO_MAX_ITEMS": "10"}
    with Serve(server, tmp_path, env=slow) as serve:
        assert serve.start(room, output_format="h264", video_quality="medium").status == 200
        status = serve.wait_status(
            room, lambda s: any(t["encoder_behind"] for t in s["tracks"].values()), 30
        )
        behind = next(t for t in status["tracks"].values() if t["kind"] == "video")
        assert behind["code"] == "encoder_behind" and "speed" in behind["error"], behind
        ended = serve.stop(room)
        assert ended.json["outcome"] == "partial" and ended.json["code"] == "encoder_behind", ended
        verdict = expect_plays(ended.json["output_path"])
        assert verdict.video.unreadable == 0 and verdict.audio.longest_hole < 0.03
        expect_balanced(serve.status(room).json)


def faulty(fault, **values):
    """The environment in which the program's video encoders have that fault."""
    return {"LD_PRELOAD": str(ROOT / "build/tests/faults/encoder_fault.so"), "ENCODER_FAULT": fault, **values}


@pytest.mark.parametrize("fault", ["open", "fail 30"], ids=["open", "middle"])
def test_an_encoder_that_fails(server, room, publisher, tmp_path, fault):
    """What it could not do is kept as published; what it did is kept, too."""
    publisher(codec="vp8", **SMALL)
    with Serve(server, tmp_path, env=faulty(fault)) as serve:
        assert serve.start(room, output_format="h264").status == 200
        serve.wait_status(room, lambda s: s["stats"]["video_frames"] > 75)
        ended = serve.stop(room).json
        assert (ended["outcome"], ended["code"]) == ("partial", "encoder_failed"), ended
        assert "libx264" in ended["error"]
        verdicts = [expect_plays(path) for path in ended["outputs"]]
        assert verdicts[-1].video.codec == "vp8" and verdicts[-1].path.suffix == ".mkv"
        if fault != "open":
            assert verdicts[0].video.codec == "h264" and verdicts[0].video.last > verdicts[0].video.first
        assert sum(len(v.video.times) for v in verdicts) > 60
        assert max(v.audio.longest_hole for v in verdicts if v.audios) < 0.03
        status = serve.status(room).json
        if fault != "open":
            # The rest refers to what went into the encoder: a key frame is asked for at once.
            began = [file["room_offset"] + v.video.times[0] for file, v in zip(status["files"], verdicts)]
            missing = began[-1] - (began[0] + verdicts[0].video.times[-1] - verdicts[0].video.times[0])
            assert missing < 2, (missing, status["files"])
        video = next(track for track in status["tracks"].values() if track["kind"] == "video")
        assert video["treatment"] == "passthrough" and "encoder failed" in video["why"], video
        assert video["encoder"]["codec"] == "H264", video
        expect_balanced(status)


def test_a_slow_disk_behind_a_failed_encoder(server, room, publisher, tmp_path):
    """What only passes through waits for the disk: the cause is still the encoder that failed."""
    publisher(codec="vp8", publish=["video"], width=320, height=240, fps=30)
    env = faulty("open", ROOMTAPE_QUEUES_VIDEO_MAX_ITEMS="5")
    with slow_disk(tmp_path / "disk", 500), Serve(server, tmp_path / "disk", env=env) as serve:
        assert serve.start(room, output_format="h264").status == 200
        serve.wait_status(room, lambda s: sum(queue["dropped"] for queue in s["queues"].values()) > 10, 60)
        ended = serve.stop(room).json
        assert (ended["outcome"], ended["code"]) == ("partial", "encoder_failed"), ended
        video = next(t for t in serve.status(room).json["tracks"].values() if t["kind"] == "video")
        assert video["code"] == "encoder_failed" and not video["encoder_behind"], video
        assert video["encoder"]["frames"] == 0, video["encoder"]


def test_a_decoder_that_takes_nothing(server, room, publisher, tmp_path):
    """Key frames came: it is not the publisher who did not send any."""
    publisher(codec="vp8", **SMALL)
    with Serve(server, tmp_path, env=faulty("decode", ROOMTAPE_TIMEOUTS_SUBSCRIPTION="3s")) as serve:
        assert serve.start(room, output_format="h264").status == 200
        serve.wait_status(room, lambda s: any(t["code"] for t in s["tracks"].values()))
        ended = serve.stop(room).json
        assert (ended["outcome"], ended["code"]) == ("partial", "encoder_failed"), ended
        assert "key frames of the" in ended["error"] and "did not decode" in ended["error"], ended
        assert expect_plays(ended["output_path"]).audio.longest_hole < 0.03


def test_a_picture_that_takes_too_long(server, room, publisher, tmp_path):
    """encode_timeout: it is counted, the references are made anew, the sound does not notice. Who comes
    back then has not been recorded whole."""
    alice = publisher(codec="vp8", **SMALL)
    env = faulty("slow 20 1500", ROOMTAPE_TIMEOUTS_ENCODE_TIMEOUT="400ms")
    with Serve(server, tmp_path, env=env) as serve:
        assert serve.start(room, output_format="h264").status == 200
        status = serve.wait_status(
            room, lambda s: any((t["encoder"] or {}).get("timeouts") for t in s["tracks"].values())
        )
        late = next(t for t in status["tracks"].values() if t["kind"] == "video")
        assert late["code"] == "encoder_behind" and late["encoder"]["timeouts"] == 1, late
        frames = status["stats"]["video_frames"]
        frames = serve.wait_status(room, lambda s: s["stats"]["video_frames"] > frames + 30)["stats"]["video_frames"]
        alice.unpublish("video")
        alice.publish("video")
        serve.wait_status(room, lambda s: s["stats"]["video_frames"] > frames + 30)
        ended = serve.stop(room).json
        assert (ended["outcome"], ended["code"]) == ("partial", "encoder_behind"), ended
        verdict = expect_plays(ended["output_path"])
        assert verdict.audio.longest_hole < 0.03
        expect_balanced(serve.status(room).json)


def test_an_encoder_that_begins_slowly(server, room, publisher, tmp_path):
    """The very first picture takes too long, before there is any file: it is waited for."""
    publisher(codec="vp8", publish=["video"], **SMALL)
    env = faulty("slow 1 2000", ROOMTAPE_TIMEOUTS_ENCODE_TIMEOUT="400ms")
    with Serve(server, tmp_path, env=env) as serve:
        answer = serve.start(room, output_format="h264")
        assert answer.status == 200 and answer.json["state"] == "recording", answer
        serve.wait_status(room, lambda s: s["stats"]["video_frames"] > 30)
        ended = serve.stop(room).json
        assert (ended["outcome"], ended["code"]) == ("partial", "encoder_behind"), ended
        expect_plays(ended["output_path"])


def test_an_encoder_that_hangs(server, room, publisher, tmp_path):
    """The recording ends with the sound whole, and the service lives."""
    publisher(codec="vp8", **SMALL)
    with Serve(server, tmp_path, env=faulty("hang 30")) as serve:
        assert serve.start(room, output_format="h264").status == 200
        serve.wait_status(room, lambda s: any(t["encoder_behind"] for t in s["tracks"].values()))
        ended = serve.stop(room).json
        assert (ended["outcome"], ended["code"]) == ("partial", "encoder_behind"), ended
        verdict = expect_plays(ended["output_path"])
        assert len(verdict.video.times) > 20 and verdict.audio.longest_hole < 0.03
        assert serve.start("next", room=room, output_format="auto").status == 200
        assert serve.stop("next").json["outcome"] == "complete"


@pytest.mark.parametrize("wanted", ["h264", "vp9"])
def test_colours(serve, room, publisher, wanted):
    """A player would take what is as large as HD and says nothing for BT.709, which VP8 never is."""
    publisher(codec="vp8", width=1280, height=720, fps=10, bitrate=1_500_000, tint=[90, 200])
    serve.start(room, output_format=wanted, video_quality="medium", duration="3s")
    status = serve.wait_status(room, lambda s: s["state"] == "stopped", 20)
    with av.open(status["output_path"]) as container:
        *_, picture = container.decode(video=0)
    assert (picture.colorspace, picture.color_range) in {(5, 1), (6, 1)}, "BT.601, limited range"
    blue, red = (np.frombuffer(picture.planes[plane], np.uint8).mean() for plane in (1, 2))
    assert abs(blue - 90) < 8 and abs(red - 200) < 8, (blue, red)
