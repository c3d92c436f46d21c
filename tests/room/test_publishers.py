"""What publishers do that no real one does on request. One recording holds all of them at once; a second
one, beside it, lasts over a minute. Each row is somebody's file."""

import os
import pathlib
import re
import time

import pytest

from harness.expect import expect_balanced, expect_plays
from harness.judge import judge
from harness.recorder import Record

from .conftest import EmbeddedRoom

FPS = 30
SIZE = "size=320x180"
CROWD_SECONDS = 12
KEYFRAME_WAIT = 0.75  # half a second after the one before, and the way to it
LONG_SECONDS = int(os.environ.get("DRIFT_SECONDS", "66"))  # make test-drift: three minutes
QUICK = {"ROOMTAPE_TIMEOUTS_SUBSCRIPTION": "4"}

JUMPS = {
    "picture-hour-on": ("3600s", "the picture's RTP time jumps an hour on"),
    "sound-hour-back": ("-3600s", "the sound's RTP time jumps an hour back"),
    "picture-on": ("300ms", "the picture's RTP time jumps 300 ms on"),
    "sound-back": ("-300ms", "the sound's RTP time jumps 300 ms back"),
    "picture-back": ("-2s", "the picture's RTP time jumps 2 s back, and on again 3 s later"),
    "sound-on": ("4s", "the sound's RTP time jumps 4 s on, and back again 3 s later"),
}
SIZES = ["320x180", "480x270", "160x120", "640x480"]


def jump_fault(who):
    by, _ = JUMPS[who]
    when = "@4s+3s" if by in ("-2s", "4s") else "@4s"
    kind = "video" if who.startswith("picture") else "audio"
    return f"timestamp-jump={by}:{who}/{kind}{when}"


CROWD = {
    **{who: [jump_fault(who)] for who in JUMPS},
    "new-ssrc": ["ssrc-change:new-ssrc@4s"],
    "absurd": ["absurd-sender-report=60%:absurd"],
    "unreported": ["no-sender-report:unreported"],
    "resized": [f"resize={SIZES[at % 4]}:resized/video@{at}s+1s" for at in range(2, CROWD_SECONDS)],
    "brief": [],
    "blink": ["no-track:blink/video@0s+7s", "no-track:blink/video@7100ms"],
    "gone": [],
    "dark": ["no-keyframe:dark"],
}
OPTIONS = {"brief": ",start=6s,leave=6100ms", "gone": ",start=8s,leave=8020ms"}
LONG = {
    "fast": [], "slow": [], "muted": ["mute:muted@3s+60s"],
}  # fmt: skip
LONG_OPTIONS = {"fast": ",drift=3000", "slow": ",drift=-3000"}


class Crowd:
    """A room with these people and faults, and recordings of all of them."""

    def __init__(self, people, options, seconds, folder, recordings):
        words = []
        for who, faults in people.items():
            words += ["--publisher", f"{who},{SIZE}{options.get(who, '')}"]
            words += [word for fault in faults for word in ("--fault", fault)]
        self.room = EmbeddedRoom(*words)
        self.seconds = seconds
        self.records = [
            Record(self.room, EmbeddedRoom.ROOM, "--duration", f"{seconds}s", *flags,
                   folder=folder / str(at), env=QUICK)
            for at, flags in enumerate(recordings)
        ]  # fmt: skip

    def close(self):
        for record in self.records:
            record.__exit__()
        if self.room.process.poll() is None:
            self.room.close()

    def finish(self):
        for record in self.records:
            record.finish(self.seconds + 60)
            expect_balanced(record.sidecar)
        # Pictures that were never sent, by any of them, where the machine is over a second behind.
        self.skipped = self.room.close()["skipped"]
        return self

    def sidecar(self, at=0):
        return self.records[at].sidecar

    def paths(self, who, at=0):
        return [file["path"] for file in self.sidecar(at)["files"] if file["identity"] == who]

    def length(self, who, at=0):
        """Of that file: the duration counts from the first frame of the track that came last, and the room,
        as the server, makes no key frame for one who asks half a second after another."""
        begin = next(file["room_offset"] for file in self.sidecar(at)["files"] if file["identity"] == who)
        waited = max(track["first_pts"] for track in self.sidecar(at)["tracks"].values()) - begin
        assert 0 <= waited < KEYFRAME_WAIT
        return self.seconds + waited

    def tracks(self, who, at=0):
        tracks = [t for t in self.sidecar(at)["tracks"].values() if t["identity"] == who]
        return {track["kind"]: track for track in tracks}


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """Both rooms at once: the short one is judged while the other goes on."""
    folder = tmp_path_factory.mktemp("publishers")
    long = Crowd(LONG, LONG_OPTIONS, LONG_SECONDS, folder / "long",
                 [[], ["--format", "mp4", "--quality", "medium"]])  # fmt: skip
    short = Crowd(CROWD, OPTIONS, CROWD_SECONDS, folder / "crowd", [[]])
    yield short, long
    short.close()
    long.close()


@pytest.fixture(scope="module")
def crowd(started):
    return started[0].finish()


@pytest.fixture(scope="module")
def minute(started):
    return started[1].finish()


def figures(verdict, unsent=0):
    video, found = verdict.video, [offset * 1000 for offset in verdict.offsets(after=0.5)]
    sent = video.last - video.first + 1 - unsent
    return (
        f"{len(video.numbers):,} of {sent:,} pictures, offset {min(found):+.1f} to {max(found):+.1f} ms, "
        f"sound {verdict.audio.duration:.1f} s, longest hole {verdict.audio.longest_hole * 1000:.0f} ms"
    )


def expect_whole(verdict, unsent=0, hole=0.021):
    """Nothing missing, nothing moved, nothing apart."""
    video = verdict.video
    assert video.unreadable == 0 and video.duplicates == []
    assert len(video.missing) <= unsent, video.missing[:20]
    assert max(abs(offset) for offset in verdict.offsets(after=0.5)) < 0.045
    assert verdict.audio.longest_hole <= hole and verdict.audio.longest_overlap <= 0.011


def judged(crowd, row, who, unsent=0):
    (path,) = crowd.paths(who)
    verdict = expect_plays(path)
    pace = verdict.video.pace(FPS)
    unsent += crowd.skipped
    row.measured(f"{figures(verdict, min(unsent, len(verdict.video.missing)))}; no picture over {pace * 1000:.0f} ms off its place")
    expect_whole(verdict, unsent)
    assert pace < 0.045
    assert verdict.audio.duration > CROWD_SECONDS - 1 and verdict.video.duration > CROWD_SECONDS - 1
    assert all(track["outcome"] == "complete" for track in crowd.tracks(who).values())
    return verdict


@pytest.mark.parametrize("who", JUMPS)
def test_timestamps_that_jump(crowd, fault_row, who):
    by, what = JUMPS[who]
    row = fault_row("publishers", what, made=f"embedded room, timestamp-jump={by}, reports jump too",
                    asked="every picture, offset under 45 ms, nothing moves in time")  # fmt: skip
    judged(crowd, row, who)
    kind = "video" if who.startswith("picture") else "audio"
    steps = crowd.tracks(who)[kind]["clock_steps"]
    row.measured(f"{steps} steps of its clock")
    assert steps == (2 if by in ("-2s", "4s") else 1)


def test_another_ssrc(crowd, fault_row):
    row = fault_row(
        "publishers", "SSRC change of picture and sound",
        made="embedded room, ssrc-change: a new offer has another SSRC, sequence and time begin anew",
        asked="the same file goes on; all that was sent is in it",
    )  # fmt: skip
    # The old source ends with the offer and the new one begins at its answer, with a key frame.
    verdict = judged(crowd, row, "new-ssrc", unsent=3)
    assert verdict.video.longest_gap < 0.2


def test_absurd_reports(crowd, fault_row):
    row = fault_row(
        "publishers", "sender reports absurd",
        made="60 % of them: no NTP time, one of tomorrow, one of an hour ago, a wild RTP time",
        asked="every picture, offset under 45 ms, nothing moves in time",
    )  # fmt: skip
    judged(crowd, row, "absurd")


def test_no_reports(crowd, fault_row):
    row = fault_row("publishers", "sender reports missing", made="embedded room, no-sender-report",
                    asked="every picture, offset under 45 ms by arrival alone")  # fmt: skip
    judged(crowd, row, "unreported")


def test_another_size_each_second(crowd, fault_row):
    row = fault_row(
        "publishers", "resolution changed every second",
        made=f"embedded room, H.264 through {', '.join(SIZES)}",
        asked="one file with every picture, offset under 45 ms",
    )  # fmt: skip
    verdict = judged(crowd, row, "resized")
    sizes = {f"{width}x{height}" for width, height in verdict.video.sizes}
    row.measured(f"{len(sizes)} sizes, {crowd.tracks('resized')['video']['size_changes']} changes")
    assert sizes >= set(SIZES)


def what_came(crowd, who):
    """Pictures and seconds of sound in somebody's files, or the causes of the tracks without any."""
    verdicts = [expect_plays(path) for path in crowd.paths(who)]
    pictures = sum(len(video.numbers) for verdict in verdicts for video in verdict.videos)
    sound = sum(audio.duration for verdict in verdicts for audio in verdict.audios)
    codes = [f"{kind}: {track['code']}" for kind, track in crowd.tracks(who).items() if track["code"]]
    assert all(video.unreadable == 0 for verdict in verdicts for video in verdict.videos)
    return pictures, sound, codes


def test_published_for_a_moment(crowd, fault_row):
    row = fault_row(
        "publishers", "published and removed within 100 ms",
        made="embedded room: a person for 100 ms and one for 20 ms; a camera for 100 ms beside a microphone",
        asked="what was sent is in a file that plays, or the track names its cause; nobody else notices",
    )  # fmt: skip
    for who in ("brief", "gone", "blink"):
        pictures, sound, codes = what_came(crowd, who)
        row.measured(
            f"{'camera' if who == 'blink' else 'person'} for {20 if who == 'gone' else 100} ms: {pictures} "
            f"pictures, {sound:.2f} s of sound{', ' * bool(codes)}{', '.join(codes)}"
        )
        assert pictures <= 4
        for kind, track in crowd.tracks(who).items():
            assert (track["code"] == "no_rtp") == (track["frames_written"] == 0), (kind, track)
    assert crowd.tracks("blink")["audio"]["outcome"] == "complete" and sound > CROWD_SECONDS - 1


def test_no_key_frame_beside_sound(crowd, fault_row):
    row = fault_row(
        "publishers", "a camera that never sends a key frame, beside a microphone",
        made="embedded room, no-keyframe", asked="the sound, and rtp_but_no_keyframe for the camera",
    )  # fmt: skip
    (path,) = crowd.paths("dark")
    verdict, tracks = expect_plays(path), crowd.tracks("dark")
    row.measured(
        f"{verdict.audio.duration:.1f} s of sound; the camera is {tracks['video']['outcome']}, "
        f"{tracks['video']['code']}; the recording is {crowd.sidecar()['outcome']}"
    )
    assert verdict.audio.duration > CROWD_SECONDS - 1
    assert tracks["video"]["code"] == "rtp_but_no_keyframe"
    assert tracks["audio"]["outcome"] == "complete"
    assert crowd.sidecar()["outcome"] == "partial"
    assert crowd.sidecar()["code"] == "rtp_but_no_keyframe"


@pytest.mark.parametrize("who,at", [("fast", 0), ("slow", 0), ("fast", 1), ("slow", 1)],
                         ids=["fast", "slow", "fast-encoded", "slow-encoded"])  # fmt: skip
def test_real_time_drift(minute, fault_row, who, at):
    sound = "AAC" if at else "as published"
    row = fault_row(
        "publishers", f"clock 3000 ppm {who} for {LONG_SECONDS} s of real time, sound {sound}",
        made=f"embedded room, drift={LONG_OPTIONS[who].split('=')[1]}; `make test-drift` for three minutes",
        asked="every picture, offset under 45 ms, the duration is ours",
    )  # fmt: skip
    (path,) = minute.paths(who, at)
    verdict, track = expect_plays(path), minute.tracks(who, at)["audio"]
    row.measured(
        f"{figures(verdict, min(minute.skipped, len(verdict.video.missing)))}; {verdict.duration:.2f} s; drift "
        f"told as {track['drift_ppm']:+.0f} ppm; {minute.skipped} pictures that the room did not send"
    )
    expect_whole(verdict, minute.skipped)
    assert abs(verdict.duration - minute.length(who, at)) < 0.5
    assert abs(abs(track["drift_ppm"]) - 3000) < 300
    assert len(verdict.offsets(after=0.5)) > LONG_SECONDS - 6


@pytest.mark.parametrize("at", [0, 1], ids=["as-published", "encoded"])
def test_muted_for_a_minute(minute, fault_row, at):
    row = fault_row(
        "publishers", f"mute for a minute, sound {'AAC' if at else 'as published'}",
        made="embedded room, mute@3s+60s of picture and sound", asked="one file; silence and a standing "
        "picture of a minute; afterwards both where they belong",
    )  # fmt: skip
    (path,) = minute.paths("muted", at)
    verdict = expect_plays(path)
    video, audio = verdict.video, verdict.audio
    pause = video.longest_gap
    row.measured(
        f"{figures(verdict, unsent=len(video.missing))}; picture stands for {pause:.2f} s, no picture over "
        f"{video.pace(FPS) * 1000:.0f} ms off its place"
    )
    expect_whole(verdict, unsent=len(video.missing))
    assert 59.5 < pause < 61 and video.pace(FPS) < 0.045
    assert abs(len(video.missing) - (pause - 1 / FPS) * FPS) < 2 + minute.skipped
    assert abs(audio.duration - minute.length("muted", at)) < 0.5
    assert any(beep > video.after_longest_gap for beep in audio.beeps)


def use_of(process):
    """Resident memory in MB at its highest, open descriptors, threads."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    number = lambda name: int(re.search(rf"{name}:\s+(\d+)", status).group(1))  # noqa: E731
    return number("VmHWM") / 1024, len(os.listdir(f"/proc/{process.pid}/fd")), number("Threads")


def test_a_hundred_tracks_at_once(embedded, record, fault_row):
    row = fault_row(
        "publishers", "a hundred tracks at once",
        made="embedded room: fifty people with camera and microphone come at one moment",
        asked="all of them recorded, from the same moment on, with every picture",
    )  # fmt: skip
    people = [f"p{at},size=160x64,fps=10,bitrate=50000,start=1s" for at in range(50)]
    one = record(embedded(publishers=people), "--duration", "8s")
    one.wait_state("recording", seconds=30)
    one.wait_frames(50 * 10 * 3)
    memory, descriptors, threads = use_of(one.process)
    assert one.finish(60) == 0, one.tail()
    sidecar = one.sidecar
    begun = [file["room_offset"] for file in sidecar["files"]]
    verdicts = [judge(file["path"], (0, 60)) for file in sidecar["files"]]
    missing = sum(len(verdict.video.missing) for verdict in verdicts)
    worst = max(max(map(abs, verdict.offsets(after=0.5))) for verdict in verdicts) * 1000
    row.measured(
        f"{len(sidecar['tracks'])} tracks in {len(verdicts)} files, begun within "
        f"{(max(begun) - min(begun)) * 1000:.0f} ms; {missing} pictures missing, worst offset {worst:.1f} ms; "
        f"{memory:.0f} MB at the highest, {descriptors} descriptors, {threads} threads"
    )
    expect_balanced(sidecar)
    assert sidecar["outcome"] == "complete" and len(sidecar["tracks"]) == 100 and len(verdicts) == 50
    assert all(track["outcome"] == "complete" for track in sidecar["tracks"].values())
    assert missing == 0 and worst < 45
    assert all(verdict.errors == [] and verdict.video.unreadable == 0 for verdict in verdicts)
    assert max(begun) - min(begun) < 2
    assert memory < 150 and descriptors < 250 and threads < 30
