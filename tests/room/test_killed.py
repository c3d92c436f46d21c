"""`kill -9` at any moment: each file plays up to then, and the next start finds it, closes it, tells what
it holds, and gives it its index. ROOMTAPE_KILLS=100 takes so many of each container (make test-kills)."""

import concurrent.futures
import datetime
import json
import os
import random
import statistics
import time

import av
import pytest

from harness.judge import is_fragmented, judge, packets
from harness.recorder import Serve, sidecars

from .conftest import EmbeddedRoom

KILLS = int(os.environ.get("ROOMTAPE_KILLS", 10))
AT_ONCE = 15
LONGEST = 6.0
FPS = 30
PUBLISHERS = {codec: f"alice,video={codec},size=320x180,fps={FPS},bitrate=200000" for codec in ("h264", "vp8")}


class Killed:
    """One recording, and when it was killed by both clocks."""

    def __init__(self, record, room, container, delay):
        self.record, self.room, self.container, self.delay = record, room, container, delay
        self.moment = self.wall = None

    def run(self):
        self.record.wait_state("recording", seconds=40)
        time.sleep(self.delay)
        self.moment, self.wall = time.monotonic(), time.time()
        self.record.kill()
        return self

    def measure(self, origin):
        """Judges the file as the crash left it."""
        (self.path,) = self.record.files
        self.verdict = judge(self.path)
        video, audio = self.verdict.video, self.verdict.audio
        assert video.monotonic and (self.verdict.errors == [] or not video.times), (self.path, self.verdict.errors[:5])
        # Killed before its first picture was on disk, all of it is lost; FFmpeg misses a picture then.
        self.lost = self.moment - origin - video.last / FPS if video.times else self.delay
        self.sound_lost = self.lost + video.times[-1] - audio.end if video.times else self.delay
        self.length = max(video.times[-1] + 1 / FPS if video.times else 0, audio.end)
        self.packets = list(packets(self.path))
        return self


def wave(rooms, record, numbers, dice):
    """Some of each container at once, each killed at a moment of its own."""
    made = []
    for number in numbers:
        for container in ("mp4", "webm", "mkv"):
            codec = {"mp4": "h264", "webm": "vp8"}.get(container, ("h264", "vp8")[number % 2])
            one = record(rooms[codec], "--format", container)
            made.append(Killed(one, codec, container, dice.uniform(0, LONGEST)))
    with concurrent.futures.ThreadPoolExecutor(len(made)) as pool:
        return list(pool.map(Killed.run, made))


def wait_recovered(folder, seconds=60):
    """What the sidecars say when the last of them is finished."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        states = [json.loads(path.read_text())["state"] for path in folder.rglob("*.json")]
        if set(states) == {"finished"}:
            return
        time.sleep(0.1)
    raise AssertionError(f"never recovered: {states}")


def is_indexed(path):
    if path.suffix == ".mp4":
        return is_fragmented(path) == (False, True)
    with av.open(str(path)) as container:
        return container.duration is not None and container.duration > 0


def seconds_of(text):
    return datetime.datetime.fromisoformat(text).timestamp()


def expect_told(one, status):
    """Status and sidecar are of what the file has."""
    assert (status["outcome"], status["code"], status["state"]) == ("partial", "interrupted", "stopped")
    assert status["outputs"] == [str(one.path)], status["outputs"]
    assert abs(status["stats"]["duration"] - one.length) < 0.1, (status["stats"], one.length)
    kinds = [kind for kind, *_ in one.packets]
    assert status["stats"]["video_frames"] == kinds.count("video") == len(one.verdict.video.times)
    assert status["stats"]["audio_frames"] == kinds.count("audio")
    written = {t["kind"]: t["frames_written"] for t in status["tracks"].values()}
    assert written["audio"] == kinds.count("audio") and written["video"] == kinds.count("video"), written
    assert -0.1 < one.wall - seconds_of(status["ended_at"]) < 1.1, (one.wall, status["ended_at"])
    length = seconds_of(status["ended_at"]) - seconds_of(status["started_at"])
    assert abs(length - one.length) < 1.1, (length, one.length)
    (file,) = status["files"]
    assert file["layout_reason"] is None, file
    assert file["layout"] == ("plain" if one.container == "mp4" else "streamed"), file
    assert file["bytes"] == one.path.stat().st_size


def expect_recovered(one):
    """The same packets, with an index, nothing left beside it."""
    assert is_indexed(one.path), one.path
    after = list(packets(one.path))
    assert [p[3] for p in after] == [p[3] for p in one.packets] or sorted(p[3] for p in after) == sorted(
        p[3] for p in one.packets
    ), f"{one.path}: {len(after)} packets, not {len(one.packets)}"
    verdict = judge(one.path)
    video = verdict.video if one.verdict.video.times else one.verdict.video  # without a picture it has no track
    assert verdict.errors == [] and video.numbers == one.verdict.video.numbers, verdict.errors[:5]
    worst = max((abs(a - b) for a, b in zip(video.times, one.verdict.video.times)), default=0)
    assert worst < 0.002, f"{one.path}: a picture moved by {worst} s"
    assert abs(verdict.audio.end - one.verdict.audio.end) < 0.03


@pytest.mark.timeout(1800)
def test_killed_at_any_moment(embedded, record, tmp_path, fault_row):
    row = fault_row(
        "machine", f"`kill -9`, {KILLS} each of MP4, WebM, MKV",
        made=f"SIGKILL 0 to {LONGEST:.0f} s after the first frame, seeded, {AT_ONCE} processes at once",
        asked="each plays to 1 s before, 0.5 s in the median; found, closed, `interrupted`, indexed at the next start",
    )  # fmt: skip
    dice = random.Random(5)
    rooms = {codec: embedded(publishers=[text]) for codec, text in PUBLISHERS.items()}
    killed = []
    for first in range(0, KILLS, AT_ONCE // 3):
        killed += wave(rooms, record, range(first, min(KILLS, first + AT_ONCE // 3)), dice)
    origins = {codec: room.close()["first_start_ns"] / 1e9 for codec, room in rooms.items()}
    for one in killed:
        one.measure(origins[one.room])
    for container in ("mp4", "webm", "mkv"):
        lost = [one.lost for one in killed if one.container == container]
        row.measured(f"{container}: {statistics.median(lost):.2f} s lost in the median, {max(lost):.2f} s at most")
    lost = [one.lost for one in killed]
    assert max(lost) < 1.0 and max(one.sound_lost for one in killed) < 1.0, sorted(lost)
    assert statistics.median(lost) < 0.5 and min(lost) > -0.05, sorted(lost)

    began = time.monotonic()
    with Serve(EmbeddedRoomAddress, tmp_path) as serve:
        answered = time.monotonic() - began
        wait_recovered(tmp_path)
        took = time.monotonic() - began
        for one in killed:
            (told,) = sidecars(one.record.folder)
            assert serve.status(told["mint_id"]).json == told
            expect_told(one, told)
    row.measured(f"{len(killed)} of {len(killed)} found and closed, {answered:.1f} s until the service listened, "
                 f"{took:.1f} s until all had their index")  # fmt: skip
    for one in killed:
        expect_recovered(one)
    assert not list(tmp_path.rglob(".*")), "something was left beside the files"
    with Serve(EmbeddedRoomAddress, tmp_path) as serve:
        assert "interrupted by a crash" not in serve.log(), "a second start found them again"


class EmbeddedRoomAddress:
    """No server is needed to look at what was recorded."""

    url, KEY, SECRET = "ws://127.0.0.1:9", EmbeddedRoom.KEY, EmbeddedRoom.SECRET
