"""What a good recording is, said once for all cases."""

import json

from .judge import is_fragmented, judge

CONTAINERS = {
    "mp4": "mov", "webm": "webm", "mkv": "matroska", "ogg": "ogg", "ts": "mpegts", "m4a": "mov",
    "mp3": "mp3", "wav": "wav",
}  # fmt: skip


def kind_of(path):
    return path.suffix.lstrip(".")


def expect_plays(path):
    """The file is what its name says and decodes without a word from FFmpeg."""
    verdict = judge(path)
    assert verdict.errors == [], f"{path}: {verdict.errors[:5]}"
    assert CONTAINERS[kind_of(verdict.path)] in verdict.container, verdict.container
    for video in verdict.videos:
        assert video.monotonic, f"{path}: pictures go back in time"
        assert len(video.times) > 1
    for audio in verdict.audios:
        assert audio.duration > 0
        assert audio.longest_hole < 0.1, f"{path}: a hole of {audio.longest_hole} s in the sound"
    return verdict


def expect_every_frame(video, unsent=0):
    """Each number once, less those that the publisher says it did not send."""
    assert video.unreadable == 0, f"{video.unreadable} unreadable of {len(video.numbers)}"
    assert video.duplicates == [], video.duplicates[:10]
    assert len(video.missing) <= max(0, unsent), f"{video.missing[:20]}, {unsent} were not sent"


def expect_duration(verdict, seconds, head=2.2):
    """The container and each track say that it is so long; the first track may have begun while the
    header waited for the others."""
    for name, told in [("container", verdict.duration)] + [
        (track.codec, track.duration) for track in verdict.videos + verdict.audios
    ]:
        assert seconds - 0.6 < told < seconds + head, f"{name}: {told} s, not {seconds}"
    ends = [v.times[-1] for v in verdict.videos] + [a.end for a in verdict.audios]
    assert max(ends) - min(ends) < 0.3, f"the tracks end apart: {ends}"
    assert abs(verdict.duration - max(ends)) < 0.3


def expect_together(verdict, figures=None, name="", begin=None, late=0.0):
    """Flash and beep; generous, because the machine also encodes: the figures are printed. `late` is
    what the publisher says of its own delays, in seconds."""
    found_median, found_worst = verdict.sync(begin=begin)
    if figures is not None:
        figures.append(f"{name}: beep after flash {found_median:+.1f} ms, worst {found_worst:+.1f}")
    assert abs(found_median) < 12 + late * 1000, f"median {found_median} ms"
    assert abs(found_worst) < 35 + late * 1000, f"worst {found_worst} ms"


def expect_plain(path):
    """A finished MP4 has its index first and no fragments."""
    if kind_of(path) == "mp4":
        assert is_fragmented(path) == (False, True), f"{path} was not finalised"


def expect_balanced(recording):
    """Ledger: in = out + held + dropped in each stage, and a stage's out is the next one's in."""
    for sid, stages in recording["ledger"].items():
        previous = None
        for name in ("receive", "depay", "clock", "queue", "encode", "write"):
            if name not in stages:
                continue  # nothing was encoded
            row = stages[name]
            left = row.get("consumed", row["out"])
            total = left + row["held"] + sum(row["dropped"].values())
            assert row["in"] == total, f"{sid} {name}: {json.dumps(row)}"
            assert row["held"] == 0, f"{sid} {name} holds {row['held']} after the stop"
            assert previous is None or row["in"] == previous, f"{sid}: {previous} before {name}"
            previous = row["out"]


def expect_checklist(recording):
    for name in ("room_connected", "publications_discovered", "subscribed", "first_rtp",
                 "frames_flowing"):  # fmt: skip
        assert recording["checklist"][name]["state"] == "ok", recording["checklist"][name]
