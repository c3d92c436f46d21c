"""Each codec from a real publisher into each container that takes it."""

import pathlib

import pytest

from harness.expect import (
    expect_balanced,
    expect_checklist,
    expect_duration,
    expect_every_frame,
    expect_plain,
    expect_plays,
    expect_together,
)

SECONDS = 11
# codec, the publisher's options, wanted format -> extension, formats that do not take it
CASES = [
    ("vp8", {"simulcast": True, "width": 640, "height": 360}, {"auto": "webm", "mkv": "mkv"}, ["mp4"]),
    ("h264", {}, {"auto": "mp4", "mkv": "mkv"}, ["webm"]),
    ("vp9", {"fps": 15}, {"auto": "mp4", "webm": "webm"}, ["mpegts"]),
    ("av1", {"fps": 15}, {"auto": "mp4", "webm": "webm"}, []),
]


def expect_codec_refused(serve, mint_id, wanted, codec, room):
    """Where no other track fits either, the answer says which formats do."""
    answer = serve.start(mint_id, room=room, output_format=wanted, video_quality="source")
    ended = serve.wait_status(mint_id, lambda s: s["state"] == "stopped")
    assert ended["code"] == "codec_unsupported" or any(
        track["code"] == "codec_unsupported" for track in ended["tracks"].values()
    ), ended
    sentence = " ".join([ended["error"] or "", *(t["error"] or "" for t in ended["tracks"].values())])
    assert codec.replace("h264", "h.264") in sentence.lower() or codec in sentence.lower()
    assert "mkv" in sentence.lower(), sentence
    return answer


@pytest.mark.parametrize("codec,options,formats,refused", CASES, ids=[c[0] for c in CASES])
def test_codec(serve, room, publisher, figures, codec, options, formats, refused):
    alice = publisher(codec=codec, **options)
    before = alice.unsent()
    for wanted in formats:
        answer = serve.start(
            f"{room}-{wanted}", room=room, output_format=wanted, duration=f"{SECONDS}s"
        )
        assert answer.status == 200 and answer.json["success"], answer
        assert answer.json["state"] == "recording", answer
    ended = [
        serve.wait_status(f"{room}-{wanted}", lambda s: s["state"] == "stopped", SECONDS + 15)
        for wanted in formats
    ]
    unsent, late = alice.unsent() - before, max(alice.late("video"), alice.late("audio"))
    for (wanted, extension), status in zip(formats.items(), ended):
        assert (status["outcome"], status["end_reason"]) == ("complete", "duration"), status
        assert len(status["outputs"]) == 1 and status["output_path"] == status["outputs"][0]
        path = pathlib.Path(status["output_path"])
        assert path.suffix == f".{extension}"
        verdict = expect_plays(path)
        assert verdict.video.codec == codec.replace("av1", "libdav1d") or codec in verdict.video.codec
        assert verdict.audio.codec == "opus"
        assert (options.get("width", 320), options.get("height", 240)) in verdict.video.sizes
        video = verdict.video
        if "simulcast" in options:
            # The server begins with the lower layer, which has fewer frames, and shows the one at
            # which it changes twice.
            assert len(video.duplicates) <= 1, video.duplicates
            video = video.since(video.times[0] + 3)
        expect_every_frame(video, unsent)
        assert verdict.video.pace(alice.fps) < 0.040 + late
        expect_duration(verdict, SECONDS)
        expect_together(verdict, figures, f"{codec} in {extension}", late=late)
        expect_plain(path)
        expect_balanced(status)
        expect_checklist(status)
        assert status["stats"]["video_frames"] == len(verdict.video.times)
        assert status["stats"]["dropped_frames"] == 0
    for wanted in refused:
        expect_codec_refused(serve, f"{room}-{wanted}", wanted, codec, room)


def test_sound_alone_in_ogg(serve, room, publisher, figures):
    publisher(publish=["audio"])
    for wanted in ("ogg", "auto", "webm"):
        assert serve.start(
            f"{room}-{wanted}", room=room, output_format=wanted, duration="4s"
        ).json["state"] == "recording"  # fmt: skip
    for wanted in ("ogg", "auto", "webm"):
        status = serve.wait_status(f"{room}-{wanted}", lambda s: s["state"] == "stopped")
        assert status["outcome"] == "complete", status
        verdict = expect_plays(status["output_path"])
        assert verdict.videos == [] and verdict.audio.codec == "opus"
        assert wanted == "auto" or status["output_path"].endswith("." + wanted)
        expect_duration(verdict, 4)
        assert len(verdict.audio.beeps) in (3, 4)


def test_pictures_alone(serve, room, publisher):
    alice = publisher(publish=["video"], codec="h264")
    before = alice.unsent()
    serve.start(room, output_format="mp4", duration="4s")
    status = serve.wait_status(room, lambda s: s["state"] == "stopped")
    unsent = alice.unsent() - before
    assert status["outcome"] == "complete", status
    verdict = expect_plays(status["output_path"])
    assert verdict.audios == []
    expect_every_frame(verdict.video, unsent)
    expect_duration(verdict, 4)


def test_a_large_keyframe_in_one_burst(serve, room, publisher, figures):
    """Keyframes of hundreds of kilobytes, more than the kernel's usual buffer holds."""
    alice = publisher(
        codec="h264", own_encoder=True, width=1280, height=720, noise=20, bitrate=8_000_000, fps=15
    )
    before = alice.unsent()
    serve.start(room, output_format="mp4", duration=f"{SECONDS}s")
    status = serve.wait_status(room, lambda s: s["state"] == "stopped", SECONDS + 15)
    stats = alice.stats()
    unsent = alice.unsent() - before
    assert status["outcome"] == "complete", status
    verdict = expect_plays(status["output_path"])
    lost = sum(track["lost"] for track in status["tracks"].values())
    figures.append(f"largest frame {stats['largest']} bytes: {len(verdict.video.missing)} frames "
                   f"missing, {lost} packets lost for good")  # fmt: skip
    assert stats["largest"] > 300_000
    expect_every_frame(verdict.video, unsent)
