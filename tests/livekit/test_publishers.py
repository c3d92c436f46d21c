"""What real publishers do to a recording: each case's row stands in docs/faults.md. The minute's mute goes
on beside the other cases."""

import os
import pathlib
import re
import threading
import time

import pytest

from harness.expect import expect_balanced, expect_every_frame, expect_plays
from harness.judge import judge
from harness.publisher import Publisher

MUTE_SECONDS = 60


def track_of(status, kind):
    return next(track for track in status["tracks"].values() if track["kind"] == kind)


def left_out(status, kind):
    """Frames that the recording says it left out, such as where an encoder was behind."""
    (sid,) = [sid for sid, track in status["tracks"].items() if track["kind"] == kind]
    stages = status["ledger"][sid]
    return sum(sum(stages[name]["dropped"].values()) for name in ("queue", "encode", "write") if name in stages)


def stopped(serve, mint_id):
    answer = serve.stop(mint_id)
    assert answer.status == 200 and answer.json["success"], answer
    status = serve.status(mint_id).json
    expect_balanced(status)
    return status


def offsets(verdict, begin=None):
    return [offset * 1000 for offset in verdict.offsets(after=0.5, begin=begin)]


def figures(verdict, fps):
    found, video = offsets(verdict), verdict.video
    return (
        f"{len(video.numbers):,} pictures, offset {min(found):+.1f} to {max(found):+.1f} ms, no picture over "
        f"{video.pace(fps) * 1000:.0f} ms off its place, sound {verdict.audio.duration:.1f} s, longest hole "
        f"{verdict.audio.longest_hole * 1000:.0f} ms"
    )


class MutedForAMinute:
    """Two recordings of somebody who is muted, picture and sound, while the other cases run."""

    def __init__(self, server, serve):
        self.serve, self.room = serve, "muted-for-a-minute"
        self.formats = ("mp4", "h264")
        self.alice = Publisher(server, self.room, codec="h264", fps=15).ready()
        for name in self.formats:
            preset = "medium" if name == "h264" else None
            serve.start(self.id(name), room=self.room, output_format=name, video_quality=preset)
        self.wait_pictures(45)
        for kind in ("audio", "video"):
            self.alice.mute(kind)
        self.muted_at, self.lasted = time.monotonic(), None

    def id(self, name):
        return f"{self.room}-{name}"

    def wait_pictures(self, count):
        had = {n: self.serve.status(self.id(n)).json["stats"]["video_frames"] for n in self.formats}
        for name, before in had.items():
            self.serve.wait_status(self.id(name), lambda s: s["stats"]["video_frames"] >= before + count)

    def unmute(self):
        time.sleep(max(0, self.muted_at + MUTE_SECONDS - time.monotonic()))
        for kind in ("audio", "video"):
            self.alice.unmute(kind)
        self.lasted = time.monotonic() - self.muted_at
        self.wait_pictures(75)

    def stop(self, name):
        status = self.serve.status(self.id(name)).json
        return status if status["state"] == "stopped" else stopped(self.serve, self.id(name))

    def finish(self):
        """Goes on where it was when the case runs once more."""
        if self.lasted is None:
            self.unmute()
        self.late = self.alice.late()
        self.told = {name: self.stop(name) for name in self.formats}
        return self


@pytest.fixture(scope="module", autouse=True)
def muted(server, serve):
    one = MutedForAMinute(server, serve)
    yield one
    one.alice.close()


def test_dtx(serve, room, publisher, fault_row):
    row = fault_row(
        "publishers", "DTX",
        made="livekit-server, Python SDK with Opus DTX: hardly any packet between a beep and the next",
        asked="the sound is silent there, beeps and pictures stay together, every picture",
    )  # fmt: skip
    alice = publisher(codec="h264", dtx=True)
    before = alice.unsent()
    serve.start(room, output_format="mp4")
    serve.wait_status(room, lambda status: status["stats"]["video_frames"] >= 300)
    status = stopped(serve, room)
    verdict, packets = expect_plays(status["output_path"]), track_of(status, "audio")["packets"]
    unsent, late = alice.unsent() - before, alice.late()
    row.measured(
        f"{packets} packets for {verdict.audio.duration:.1f} s of sound; {figures(verdict, alice.fps)}"
    )
    expect_every_frame(verdict.video, unsent)
    assert status["outcome"] == "complete" and len(status["outputs"]) == 1
    assert packets < 35 * verdict.audio.duration, "no DTX took place"
    assert max(map(abs, offsets(verdict))) < 45 + late * 1000
    assert abs(verdict.audio.duration - verdict.video.duration) < 0.6
    assert len(verdict.audio.beeps) >= verdict.audio.duration - 2


SIZES = [(640, 360), (320, 180), (480, 272), (192, 108)]


def test_another_size_every_second(serve, room, publisher, fault_row):
    row = fault_row(
        "publishers", "resolution changed every second, real publisher",
        made="livekit-server, Python SDK with VP8, its picture is given another size each second",
        asked="as published and encoded: one file with every picture that was sent, offset under 45 ms",
    )  # fmt: skip
    alice = publisher(codec="vp8", width=640, height=360, fps=15)
    before = alice.unsent()
    formats = {"webm": None, "h264": "medium"}
    for name, preset in formats.items():
        serve.start(f"{room}-{name}", room=room, output_format=name, video_quality=preset)
    serve.wait_status(f"{room}-h264", lambda status: status["stats"]["video_frames"] >= 15)
    for at in range(1, 9):
        time.sleep(1)
        alice.resize(*SIZES[at % len(SIZES)])
    time.sleep(1)
    told = {name: stopped(serve, f"{room}-{name}") for name in formats}
    unsent, late = alice.unsent() - before, alice.late()
    for name, status in told.items():
        verdict, video = expect_plays(status["output_path"]), track_of(status, "video")
        found, behind = offsets(verdict), left_out(status, "video")
        row.measured(
            f"{name}: {video['size_changes']} changes of size, {figures(verdict, alice.fps)}, "
            f"{len(verdict.video.missing)} missing ({unsent} not sent, {behind} not encoded)"
        )
        assert status["outcome"] == "complete" or (behind and status["code"] == "encoder_behind"), status
        assert len(status["outputs"]) == 1
        assert verdict.video.sizes == (set(SIZES) if name == "webm" else {SIZES[0]})
        assert video["size_changes"] >= 7
        assert max(map(abs, found)) < 45 + late * 1000
        assert len(verdict.video.missing) <= unsent + behind, (verdict.video.missing, unsent)
        assert verdict.video.pace(alice.fps) < 0.045 + late
    row.measured(f"the publisher itself was up to {late * 1000:.0f} ms late")


def moments(status):
    """For how long each of the screen's publications was in the room, as the recorder was told, in ms."""
    at = {word: [event["at"] for event in status["events"] if word in event["text"] and "screen" in event["text"]]
          for word in ("is published", "no longer published")}  # fmt: skip
    return [(end - begin) * 1000 for begin, end in zip(at["is published"], at["no longer published"])]


def test_published_for_a_moment(serve, room, publisher, fault_row):
    row = fault_row(
        "publishers", "published and removed within 100 ms, real publisher",
        made="livekit-server, Python SDK: five times a screen share beside a camera, removed as soon as it "
        "is published, or some ms later",
        asked="the camera's file is whole; of the screen what was sent, or its cause",
    )  # fmt: skip
    alice = publisher(codec="h264", fps=15)
    before = alice.unsent()
    serve.start(room, output_format="mp4")
    serve.wait_status(room, lambda status: status["stats"]["video_frames"] >= 15)
    for seconds in (0, 0, 0, 0.15, 0.16):
        alice.flash("screen", seconds)
    serve.wait_status(room, lambda status: status["stats"]["video_frames"] >= 75)
    status = stopped(serve, room)
    unsent, late = alice.unsent() - before, alice.late()
    files = {file["screen_share"]: file["path"] for file in status["files"]}
    verdict, lasted = expect_plays(files[False]), moments(status)
    screens = [t for t in status["tracks"].values() if "screen" in t["source"].lower()]
    row.measured(
        f"in the room for {', '.join(f'{ms:.0f}' for ms in lasted)} ms; the screen's track: "
        f"{', '.join(t['code'] or str(t['frames_written']) + ' pictures' for t in screens)}; camera: "
        f"{figures(verdict, alice.fps)}"
    )
    expect_every_frame(verdict.video, unsent)
    assert status["outcome"] == "complete", status
    assert max(map(abs, offsets(verdict))) < 45 + late * 1000
    assert screens and all(t["code"] == "no_rtp" or t["frames_written"] > 0 for t in screens), screens
    if True in files:
        assert judge(files[True]).errors == []
    assert len(lasted) == 5 and min(lasted) < 100, lasted


def use_of(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    memory = int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) / 1024
    return memory, len(os.listdir(f"/proc/{pid}/fd"))


def test_a_hundred_tracks_at_once(serve, room, publisher, fault_row):
    row = fault_row(
        "publishers", "a hundred tracks at once, real publishers",
        made="livekit-server, four Python SDK publishers with 25 microphones each",
        asked="all of them recorded, each in a file that plays",
    )  # fmt: skip
    people = [publisher(f"p{at}", publish=[]) for at in range(4)]
    serve.start(room, wait=False)
    serve.wait_status(room, lambda status: status["state"] == "connected")
    took, before = [], use_of(serve.process.pid)[1]
    workers = [
        threading.Thread(target=lambda one=one: took.append(one.publish_sounds(25)["took"]))
        for one in people
    ]
    [worker.start() for worker in workers]
    [worker.join(60) for worker in workers]
    flows = lambda status: all(t["frames_written"] > 20 for t in status["tracks"].values())  # noqa: E731
    serve.wait_status(room, lambda s: len(s["tracks"]) == 100 and flows(s), seconds=60)
    memory, descriptors = use_of(serve.process.pid)
    status = stopped(serve, room)
    begun = [file["room_offset"] for file in status["files"]]
    for file in status["files"][::10]:
        expect_plays(file["path"])
    row.measured(
        f"published within {max(took):.2f} s, {len(status['files'])} files begun within "
        f"{max(begun) - min(begun):.2f} s, {status['stats']['lost_packets']} packets lost; the service took "
        f"{memory:.0f} MB at the highest, {descriptors - before} descriptors more than before"
    )
    assert status["outcome"] == "complete" and len(status["files"]) == 100
    assert all(track["outcome"] == "complete" for track in status["tracks"].values())
    assert descriptors - before < 300 and memory < 400


def test_muted_for_a_minute(muted, fault_row):
    row = fault_row(
        "publishers", "mute for a minute, real publisher",
        made="livekit-server, Python SDK, picture and sound muted for 60 s",
        asked="one file; silence and a standing picture of a minute; afterwards both where they belong",
    )  # fmt: skip
    alice = muted.finish().alice
    for name, status in muted.told.items():
        verdict = expect_plays(status["output_path"])
        video, audio = verdict.video, verdict.audio
        found = offsets(verdict) + offsets(verdict, begin=video.after_longest_gap)
        row.measured(
            f"{name}: muted for {muted.lasted:.2f} s, the picture stands for {video.longest_gap:.2f} s; "
            f"{figures(verdict, alice.fps)}"
        )
        assert status["outcome"] == "complete" and len(status["outputs"]) == 1, status
        assert video.unreadable == 0 and video.duplicates == []
        assert abs(video.longest_gap - muted.lasted) < 1.5
        assert video.pace(alice.fps) < 0.045 + muted.late
        assert max(map(abs, found)) < 45 + muted.late * 1000
        assert len([beep for beep in audio.beeps if beep > video.after_longest_gap]) >= 3
        assert abs(audio.end - video.times[-1]) < 0.6
