"""What a publisher sends changes while it is recorded: size, codec, and pictures that are broken."""

from harness.expect import expect_balanced, expect_plain, expect_plays


def track_of(status, kind):
    return next(track for track in status["tracks"].values() if track["kind"] == kind)


def frames(status):
    return track_of(status, "video")["frames_written"]


def test_a_camera_that_grows_over_the_ceiling(serve, room, publisher):
    """It goes as published as long as it fits, and through an encoder from then on."""
    alice = publisher(codec="vp8", width=640, height=360, fps=10, bitrate=1_500_000)
    serve.start(room, output_format="mkv", video_quality="low")
    serve.wait_status(room, lambda s: frames(s) > 30)
    assert track_of(serve.status(room).json, "video")["treatment"] == "passthrough"
    alice.resize(1920, 1080)
    grown = serve.wait_status(room, lambda s: track_of(s, "video")["encoder"])
    before = frames(grown)
    serve.wait_status(room, lambda s: frames(s) > before + 40, 30)
    ended = serve.stop(room).json
    assert ended["outcome"] == "complete", ended
    status = serve.status(room).json
    video = track_of(status, "video")
    assert video["treatment"] == "transcode" and "1920x1080 is over" in video["why"], video
    sizes = [(i["width"], i["height"]) for i in video["inputs"]]
    assert sizes[0] == (640, 360) and sizes[-1] == (1920, 1080), sizes
    assert any("has to be encoded" in event["text"] for event in status["events"])
    assert len(ended["outputs"]) >= 1
    verdicts = [expect_plays(path) for path in ended["outputs"]]
    seen = set().union(*(v.video.sizes for v in verdicts))
    assert (640, 360) in seen and (1280, 720) in seen, seen
    assert max(verdict.video.longest_gap for verdict in verdicts) < 2.5
    expect_balanced(status)


def test_another_codec_than_before(serve, room, publisher, fault_row):
    """H.264 as published; published again as VP8 it is encoded, into the same file."""
    row = fault_row("publishers", "codec changed from H.264 to VP8, where the format wants H.264",
                    made="livekit-server, Python SDK: the camera is published again in another codec",
                    asked="the same file goes on, encoded; no hole in the sound")  # fmt: skip
    alice = publisher(codec="h264", fps=15)
    serve.start(room, output_format="h264")
    serve.wait_status(room, lambda s: frames(s) > 30)
    alice.unpublish("video")
    alice.publish("video", codec="vp8")
    serve.wait_status(room, lambda s: track_of(s, "video")["treatment"] == "transcode")
    before = frames(serve.status(room).json)
    serve.wait_status(room, lambda s: frames(s) > before + 45)
    ended = serve.stop(room).json
    assert ended["outcome"] == "complete", ended
    status = serve.status(room).json
    assert [i["codec"] for i in track_of(status, "video")["inputs"]] == ["H264", "VP8"]
    assert len(ended["outputs"]) == 1
    verdict = expect_plays(ended["output_path"])
    row.measured(
        f"{len(ended['outputs'])} file, {len(verdict.video.numbers)} pictures, {verdict.video.unreadable} "
        f"unreadable, longest gap {verdict.video.longest_gap:.2f} s, longest hole in the sound "
        f"{verdict.audio.longest_hole * 1000:.0f} ms"
    )
    assert verdict.video.codec == "h264" and verdict.video.unreadable == 0
    assert verdict.audio.longest_hole < 0.03
    expect_plain(verdict.path)
    expect_balanced(status)


def test_a_turned_picture(serve, room, publisher):
    """As published the size changes in the file; encoded it stays, and the picture is framed."""
    alice = publisher(codec="vp8", width=640, height=360, fps=15)
    for name, wanted in (("kept", "webm"), ("encoded", "h264")):
        serve.start(f"{room}-{name}", room=room, output_format=wanted)
    serve.wait_status(f"{room}-encoded", lambda s: frames(s) > 45)
    alice.resize(360, 640)
    for name in ("kept", "encoded"):
        serve.wait_status(f"{room}-{name}", lambda s: len(track_of(s, "video")["inputs"]) == 2)
    before = frames(serve.status(f"{room}-encoded").json)
    serve.wait_status(f"{room}-encoded", lambda s: frames(s) > before + 30)
    for name, sizes in (("kept", {(640, 360), (360, 640)}), ("encoded", {(640, 360)})):
        ended = serve.stop(f"{room}-{name}").json
        assert ended["outcome"] == "complete" and len(ended["outputs"]) == 1, ended
        verdict = expect_plays(ended["output_path"])
        assert verdict.video.sizes == sizes, verdict.video.sizes
        video = track_of(serve.status(f"{room}-{name}").json, "video")
        assert [(i["width"], i["height"]) for i in video["inputs"]] == [(640, 360), (360, 640)]
        assert video["size_changes"] == 1 and video["inputs"][1]["at"] > 2


def test_broken_pictures(serve, room, publisher):
    """They never end a recording: neither as published nor in front of an encoder."""
    alice = publisher(codec="h264", own_encoder=True, fps=15)
    for name, wanted in (("kept", "mp4"), ("encoded", "vp9")):
        serve.start(f"{room}-{name}", room=room, output_format=wanted)
    serve.wait_status(f"{room}-encoded", lambda s: frames(s) > 30)
    alice.corrupt(5)
    before = frames(serve.status(f"{room}-encoded").json)
    serve.wait_status(f"{room}-encoded", lambda s: frames(s) > before + 45)
    encoded = serve.stop(f"{room}-encoded").json
    assert encoded["outcome"] == "complete", encoded
    verdict = expect_plays(encoded["output_path"])
    assert verdict.audio.longest_hole < 0.03
    expect_balanced(serve.status(f"{room}-encoded").json)
    assert serve.stop(f"{room}-kept").json["outcome"] == "complete"
