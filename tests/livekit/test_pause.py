"""Pause and resume into the same file, and what else ends or removes a recording."""

import concurrent.futures

import av
import pytest

from harness.expect import expect_balanced, expect_plain, expect_plays
from harness.judge import is_fragmented
from harness.recorder import Serve, media_files

SMALL = {"width": 320, "height": 240, "fps": 30}
PACKET = 0.020


def command(serve, name, mint_id, **fields):
    return serve.call("POST", f"/api/recording/{name}", {"mint_id": mint_id, **fields})


def over(serve, mint_id):
    return serve.wait_status(mint_id, lambda s: s["pauses"] and s["pauses"][-1]["end"] is not None)


def recorded(serve, mint_id, seconds):
    """Waits until the recording has so much recorded time."""
    return serve.wait_status(mint_id, lambda s: s["stats"]["duration"] >= seconds, seconds + 20)


def pause_for(serve, mint_id, seconds, **fields):
    """Pauses, waits, resumes; the status when the resume has come about."""
    before = serve.status(mint_id).json["paused_time"]
    answer = command(serve, "pause", mint_id, **fields)
    assert answer.status == 200 and answer.json["success"], answer
    assert (answer.json["state"], answer.json["paused"]) == ("recording", True), answer
    status = serve.wait_status(mint_id, lambda s: s["paused_time"] - before >= seconds)
    assert status["state"] == "recording" and status["paused"] is True
    answer = command(serve, "resume", mint_id)
    assert answer.status == 200 and answer.json["paused"] is False, answer
    return over(serve, mint_id)


def jumps(video):
    """(index of the picture after, numbers left out) where numbers are missing."""
    pairs = list(zip(video.numbers, video.numbers[1:]))
    return [(i + 1, b - a - 1) for i, (a, b) in enumerate(pairs) if b - a > 10]


def stands_still(video):
    """How long the picture before each jump is shown."""
    return [video.times[index] - video.times[index - 1] for index, _ in jumps(video)]


def expect_cut(verdict, pauses, fps=30, still=0.1):
    """Numbers jump where it was cut, by the pause and by what the picture stands still there; nothing
    else is seen of it."""
    video, audio = verdict.video, verdict.audio
    found = jumps(video)
    assert len(found) == len(pauses), (found, pauses)
    for (_, left_out), stood, pause in zip(found, stands_still(video), pauses):
        length = (left_out + 1) / fps - stood
        assert abs(length - (pause["end"] - pause["start"])) < 0.15, (found, stood, pauses)
        assert stood < still
    assert video.unreadable == 0 and video.monotonic
    assert video.longest_gap < max(still, 0.15)
    assert audio.longest_hole < 0.030 and audio.longest_overlap < 0.030, audio
    assert abs(video.times[-1] - audio.end) < 0.2


def expect_together_after(verdict, moment, figures, name):
    offsets = verdict.offsets(after=0, begin=moment)
    assert offsets, f"no flash after {moment}"
    median, worst = sorted(offsets)[len(offsets) // 2] * 1000, max(offsets, key=abs) * 1000
    figures.append(f"{name}: beep after flash {median:+.1f} ms, worst {worst:+.1f}")
    assert abs(median) < 10 and abs(worst) < 45, offsets


@pytest.mark.parametrize("codec,container", [("h264", "mp4"), ("vp8", "webm")])
def test_cut(serve, room, publisher, figures, codec, container):
    """Twice cut out: one file, as if nothing had been in between."""
    publisher(codec=codec, **SMALL)
    assert serve.start(room, output_format=container).status == 200
    recorded(serve, room, 3)
    pause_for(serve, room, 2.3)
    recorded(serve, room, 6)
    status = pause_for(serve, room, 1.4)
    recorded(serve, room, 9)
    ended = serve.stop(room).json
    assert (ended["outcome"], ended["end_reason"]) == ("complete", "stopped"), ended
    status = serve.status(room).json
    pauses = status["pauses"]
    assert len(pauses) == 2 and status["paused"] is False
    assert abs(status["paused_time"] - sum(p["end"] - p["start"] for p in pauses)) < 0.001
    assert sum("Paused" in e["text"] or "Resumed" in e["text"] for e in status["events"]) == 4
    verdict = expect_plays(ended["output_path"])
    expect_cut(verdict, pauses)
    assert abs(verdict.duration - status["stats"]["duration"]) < 0.2, status["stats"]
    after = verdict.video.times[jumps(verdict.video)[-1][0]]
    expect_together_after(verdict, after, figures, f"{container}, after two cuts")
    hole = 1000 * verdict.audio.longest_hole
    figures.append(f"{container}, two cuts: longest hole in the sound {hole:.1f} ms")
    expect_plain(verdict.path)
    expect_balanced(status)


def luma(path, begin, end):
    """The mean brightness of the pictures in that time, and the loudest sample of the sound."""
    pictures, loudest = [], 0.0
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams.video[0]):
            if begin < frame.time < end:
                pictures.append(frame.to_ndarray(format="gray").mean())
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams.audio[0]):
            if begin < frame.time < end:
                samples = abs(frame.to_ndarray().astype(float)).max()
                loudest = max(loudest, samples / (32768 if "s16" in frame.format.name else 1))
    return pictures, loudest


def expect_held(verdict, pause, offset, fps=30):
    """The file goes on in time, silent, and nothing is out of its place afterwards."""
    video, audio = verdict.video, verdict.audio
    start, end = pause["start"] - offset, pause["end"] - offset
    (index, left_out), = jumps(video)
    assert abs(left_out / fps - (end - start)) < 0.15
    assert abs(video.times[index] - end) < 0.010, (video.times[index], end)
    assert audio.longest_hole < 0.030 and audio.longest_overlap < 0.030, audio
    pictures, loudest = luma(verdict.path, start + 0.1, end - 0.1)
    assert loudest < 0.001, "the held time is not silent"
    return pictures


@pytest.mark.parametrize("codec,container", [("h264", "mp4"), ("vp8", "webm")])
def test_hold(serve, room, publisher, figures, codec, container):
    publisher(codec=codec, **SMALL)
    assert serve.start(room, output_format=container).status == 200
    recorded(serve, room, 3)
    status = pause_for(serve, room, 2, hold=True)
    (pause,) = status["pauses"]
    assert pause["hold"] is True
    recorded(serve, room, 8)
    ended = serve.stop(room).json
    assert ended["outcome"] == "complete", ended
    status = serve.status(room).json
    verdict = expect_plays(ended["output_path"])
    pictures = expect_held(verdict, pause, status["files"][0]["room_offset"])
    assert pictures == [], "the last picture stays"
    assert abs(verdict.duration - status["stats"]["duration"]) < 0.2, status["stats"]
    after = pause["end"] - status["files"][0]["room_offset"]
    expect_together_after(verdict, after, figures, f"{container}, after a held pause")
    expect_balanced(status)


def test_encoded(serve, room, publisher, figures):
    """A pause that is cut out and one that is held, of a picture that is encoded."""
    publisher(codec="vp8", **SMALL)
    assert serve.start(room, output_format="h264", video_quality="medium").status == 200
    recorded(serve, room, 3)
    pause_for(serve, room, 1.5)
    recorded(serve, room, 5)
    pause_for(serve, room, 1.5, hold=True)
    recorded(serve, room, 8)
    ended = serve.stop(room).json
    assert ended["outcome"] == "complete", ended
    status = serve.status(room).json
    cut, held = status["pauses"]
    verdict = expect_plays(ended["output_path"])
    video = verdict.video
    # The black picture shows no number.
    black = [i for i, number in enumerate(video.numbers) if number is None]
    assert len(black) == 1 and video.codec == "h264", black
    at = video.times[black[0]]
    offset = status["files"][0]["room_offset"] + cut["end"] - cut["start"]
    assert abs(at - (held["start"] - offset)) < 0.05, (at, held, offset)
    pictures, loudest = luma(verdict.path, at - 0.001, video.times[black[0] + 1] - 0.1)
    assert len(pictures) == 1 and pictures[0] < 20, pictures
    _, loudest = luma(verdict.path, at + 0.1, video.times[black[0] + 1] - 0.1)
    assert loudest < 0.01
    assert abs(video.times[black[0] + 1] - at - (held["end"] - held["start"])) < 0.05
    video.numbers[black[0]] = video.numbers[black[0] - 1]
    (index, left_out), _ = jumps(video)
    assert abs(left_out / 30 - (cut["end"] - cut["start"])) < 0.15
    assert video.times[index] - video.times[index - 1] < 0.1 and video.monotonic
    assert verdict.audio.longest_hole < 0.030, verdict.audio
    assert abs(verdict.duration - status["stats"]["duration"]) < 0.3, status["stats"]
    expect_together_after(verdict, video.times[black[0] + 1], figures, "h264 encoded, after both")
    expect_balanced(status)


def test_two_people_stopped_while_paused(serve, room, publisher):
    """Both files are cut at the same times, and both end where the second pause began. The first key
    frame ends a pause; the other picture stands still until its own. Who was there in that pause only
    has no file, and that is no fault."""
    publisher(codec="vp8", **SMALL)
    publisher("bob", codec="vp8", **SMALL)
    assert serve.start(room, output_format="webm").status == 200
    serve.wait_status(room, lambda s: len(s["outputs"]) == 2)
    recorded(serve, room, 3)
    before = {sid: track["frames_written"] for sid, track in serve.status(room).json["tracks"].items()}
    pause_for(serve, room, 1.5)
    recorded(serve, room, 5)
    serve.wait_status(room, lambda s: all(
        track["frames_written"] > before[sid] + 15 for sid, track in s["tracks"].items()))
    again = command(serve, "resume", room)
    assert again.status == 200 and again.json["paused"] is False
    for _ in range(2):
        assert command(serve, "pause", room).json["paused"] is True
    publisher("carol", codec="vp8", publish=["video"], **SMALL)
    status = serve.wait_status(room, lambda s: s["paused_time"] > 3 and len(s["tracks"]) == 5 and all(
        t["keyframes"] > 0 for t in s["tracks"].values() if t["kind"] == "video"))
    assert len(status["pauses"]) == 2
    ended = serve.stop(room).json
    assert ended["outcome"] == "complete" and len(ended["outputs"]) == 2, ended
    status = serve.status(room).json
    files = [expect_plays(file["path"]) for file in status["files"]]
    for verdict, file in zip(files, status["files"]):
        expect_cut(verdict, status["pauses"][:1], still=4.0)
        offset = file["room_offset"] + status["pauses"][0]["end"] - status["pauses"][0]["start"]
        assert abs(verdict.duration - (status["pauses"][1]["start"] - offset)) < 0.1
    assert min(stands_still(v.video)[0] for v in files) < 0.1
    # The moment of the cut is the same for both: so is the time from it to the end.
    rests = [v.video.times[-1] - v.video.times[jumps(v.video)[0][0] - 1] for v in files]
    assert abs(rests[0] - rests[1]) < 0.2, rests
    expect_balanced(status)


@pytest.mark.parametrize("container,codec", [("mp4", "h264"), ("h264", "vp8")])
def test_stopped_while_held(serve, room, publisher, container, codec):
    """The file lasts until the stop."""
    publisher(codec=codec, **SMALL)
    assert serve.start(room, output_format=container).status == 200
    recorded(serve, room, 2)
    assert command(serve, "pause", room, hold=True).json["paused"] is True
    serve.wait_status(room, lambda s: s["paused_time"] > 2)
    ended = serve.stop(room).json
    assert ended["outcome"] == "complete", ended
    status = serve.status(room).json
    verdict = expect_plays(ended["output_path"])
    assert abs(verdict.duration - status["stats"]["duration"]) < 0.3, status["stats"]
    assert abs(verdict.audio.end - verdict.duration) < 0.1
    with av.open(ended["output_path"]) as file:
        stream = file.streams.video[0]
        assert abs(float(stream.duration * stream.time_base) - verdict.duration) < 0.1
    pictures, loudest = luma(verdict.path, verdict.duration - 1.9, verdict.duration)
    assert loudest < 0.01 and pictures == []
    assert (verdict.video.numbers[-1] is None) == (container == "h264"), "black where encoded"
    expect_balanced(status)


def test_max_duration_counts_recorded_time(serve, room, publisher):
    publisher(codec="vp8", **SMALL)
    assert serve.start(room, output_format="webm", max_duration=4).status == 200
    recorded(serve, room, 1)
    pause_for(serve, room, 4)
    assert serve.status(room).json["state"] == "recording"
    status = serve.wait_status(room, lambda s: s["state"] == "stopped")
    assert (status["outcome"], status["end_reason"]) == ("complete", "duration"), status
    verdict = expect_plays(status["output_path"])
    assert 3.8 < verdict.duration < 4.4, verdict.duration


def test_the_shortest(serve, room, publisher):
    """It is over before its first picture is encoded: there is a file, and no time less than none."""
    publisher(codec="vp8", fps=15)
    serve.start(room, output_format="h264", max_duration=0.1)
    status = serve.wait_status(room, lambda s: s["state"] == "stopped", 10)
    assert (status["outcome"], status["end_reason"]) == ("complete", "duration"), status
    assert status["stats"]["duration"] >= 0, status["stats"]
    assert status["files"][0]["duration"] > 0, status["files"]


@pytest.mark.parametrize("limit,options", [
    (200_000, {"codec": "h264", **SMALL}), (80_000, {"publish": ["audio"]}),
], ids=["picture", "sound"])  # fmt: skip
def test_max_size(serve, room, publisher, figures, limit, options):
    publisher(**options)
    assert serve.start(room, output_format="mp4", max_size=limit).status == 200
    status = serve.wait_status(room, lambda s: s["state"] == "stopped", 60)
    assert (status["outcome"], status["end_reason"]) == ("complete", "max_size"), status
    verdict = expect_plays(status["output_path"])
    size = verdict.path.stat().st_size
    figures.append(f"max_size {limit}: {size} bytes, {verdict.duration:.1f} s")
    assert 0.6 * limit < size <= limit
    expect_plain(verdict.path)


def test_discard(server, room, publisher, tmp_path):
    publisher(codec="vp8", **SMALL)
    with Serve(server, tmp_path) as serve:
        assert serve.start(room, output_format="h264").status == 200
        recorded(serve, room, 1)
        assert media_files(tmp_path)
        answer = serve.call("POST", "/api/recording/stop", {"mint_id": room, "discard": True})
        assert answer.status == 200, answer
        body = answer.json
        assert body["success"] is True and body["discarded"] is True
        assert body["outputs"] == [] and body["output_path"] is None
        assert (body["outcome"], body["code"]) == ("failed", "cancelled"), body
        assert body["error"] == "The recording was discarded, as asked."
        assert serve.status(room).status == 404
        assert list(tmp_path.iterdir()) == []
        # What has ended is kept, and so is what nobody knows.
        assert serve.start(room).status == 200
        recorded(serve, room, 1)
        kept = serve.stop(room).json
        for name, fields in (("stop", {"discard": True}), ("pause", {}), ("resume", {})):
            answer = command(serve, name, room, **fields)
            assert answer.status == 409 and answer.json["code"] == "wrong_state", answer
            answer = command(serve, name, "nobody", **fields)
            assert answer.status == 404 and answer.json["code"] == "not_found", answer
        expect_plays(kept["output_path"])


def test_discard_of_one_that_is_being_stopped(server, room, publisher, tmp_path):
    """Whoever comes first decides, and both callers are told the same."""
    publisher(codec="h264", **SMALL)
    with Serve(server, tmp_path) as serve:
        assert serve.start(room, output_format="mp4").status == 200
        recorded(serve, room, 1)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            stopped = pool.submit(serve.stop, room)
            serve.wait_status(room, lambda s: s.get("state") != "recording")
            discarded = command(serve, "stop", room, discard=True)
        assert stopped.result().status == 200, stopped.result()
        if discarded.status == 200:
            assert stopped.result().json["discarded"] is discarded.json["discarded"] is True
            assert list(tmp_path.iterdir()) == [] and serve.status(room).status == 404
        else:
            assert discarded.status == 409, discarded
            expect_plays(stopped.result().json["output_path"])


def test_before_the_first_frame(serve, room):
    assert serve.start(room, wait=False, publisher_wait="20s").status == 200
    for name in ("pause", "resume"):
        answer = command(serve, name, room)
        assert answer.status == 409 and answer.json["code"] == "wrong_state", answer
        assert "not recording" in answer.json["error"]
    answer = serve.call("POST", "/api/recording/stop", {"mint_id": room, "discard": True})
    assert answer.status == 200 and answer.json["discarded"] is True, answer
    assert serve.status(room).status == 404


@pytest.fixture
def impatient(server, tmp_path):
    """A service that gives up on a track after two seconds."""
    with Serve(server, tmp_path, env={"ROOMTAPE_TIMEOUTS_SUBSCRIPTION": "2s"}) as serve:
        yield serve


def test_the_room_changes_while_paused(impatient, room, publisher):
    """A track that comes, one that goes and comes back, and one that is muted meanwhile."""
    serve = impatient
    alice = publisher(codec="vp8", **SMALL)
    assert serve.start(room, output_format="webm").status == 200
    recorded(serve, room, 2)
    assert command(serve, "pause", room).json["paused"] is True
    alice.unpublish("video")
    alice.mute("audio")
    bob = publisher("bob", codec="vp8", **SMALL)
    alice.publish("video")
    alice.unmute("audio")
    serve.wait_status(room, lambda s: s["paused_time"] > 4 and len(s["tracks"]) == 4 and all(
        t["subscribed"] and t["keyframes"] > 0 for t in s["tracks"].values() if t["kind"] == "video"))
    assert serve.status(room).json["outputs"][1:] == [], "bob has no frame yet"
    assert command(serve, "resume", room).json["paused"] is False
    status = over(serve, room)
    recorded(serve, room, 5)
    ended = serve.stop(room).json
    assert ended["outcome"] == "complete" and len(ended["outputs"]) == 2, ended
    status = serve.status(room).json
    first, second = (expect_plays(path) for path in ended["outputs"])
    # The first key frame ends the pause; the other picture stands still until its own comes.
    assert first.video.unreadable == 0 and first.video.longest_gap < 2.5
    assert first.audio.longest_hole < 0.030
    assert second.video.unreadable == 0 and second.video.missing == [] and bob.unsent() < 5
    assert 2.5 < second.duration < 4.5, second.duration
    expect_balanced(status)


def test_a_service_that_ends_while_paused(server, room, publisher, tmp_path):
    """By SIGTERM, and by kill -9, which leaves the fragments."""
    publisher(codec="h264", **SMALL)
    for name, end in (("term", lambda serve: serve.terminate()), ("kill", lambda serve: serve.process.kill())):
        with Serve(server, tmp_path / name) as serve:
            assert serve.start(room, output_format="mp4").status == 200
            recorded(serve, room, 2)
            pause_for(serve, room, 1)
            recorded(serve, room, 4)
            assert command(serve, "pause", room).json["paused"] is True
            status = serve.wait_status(room, lambda s: s["paused_time"] > 2)
            end(serve)
            serve.process.wait(20)
        (path,) = media_files(tmp_path / name)
        verdict = expect_plays(path)
        assert is_fragmented(path)[0] == (name == "kill")
        assert abs(verdict.duration - status["stats"]["duration"]) < 0.3
        expect_cut(verdict, status["pauses"][:1])
