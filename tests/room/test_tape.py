"""Hours of packets in seconds: build/tests/unit/recorder/tape plays them through the recorder's chain."""

import json
import pathlib
import subprocess

import pytest

from harness.expect import expect_plain
from harness.judge import judge, packets
from harness.recorder import program

TAPE = pathlib.Path(program()).parents[2] / "tests/unit/recorder/tape"
OPUS_DELAY = 0.0065  # a decoder gives sound back so much later than its packet's time


@pytest.fixture(autouse=True)
def tape_is_built():
    if not TAPE.exists():
        pytest.skip(f"{TAPE} is not built")


def play(folder, seconds, drift, *flags):
    done = subprocess.run(
        [str(TAPE), str(folder / "tape"), str(seconds), str(drift), *flags],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    told = json.loads(done.stdout)
    return told, pathlib.Path(told["path"])


def offsets_by_packets(path, told):
    """Sound after picture at each second, in ms, from the times of the packets: none is missing."""
    times = {"video": [], "audio": []}
    for kind, at, _, _ in packets(path):
        times[kind].append(at)
    assert len(times["video"]) == told["pictures"] and len(times["audio"]) == told["sound_packets"]
    pairs = zip(times["audio"][::50], times["video"][::30])
    return [(sound + OPUS_DELAY - picture) * 1000 for sound, picture in pairs]


@pytest.mark.parametrize("drift,word", [(300, "fast"), (-300, "slow")])
def test_an_hour_of_drift(tmp_path, fault_row, drift, word):
    row = fault_row(
        "publishers", f"clock 300 ppm {word} for an hour",
        made="a tape of an hour's packets on a made-up clock, 3-20 and 8-40 ms late, both RTP times wrap",
        asked="each packet in the file, offset under 45 ms at each second, the duration is the recorder's hour",
    )  # fmt: skip
    told, path = play(tmp_path, 3600, drift)
    found = offsets_by_packets(path, told)
    windows = [judge(path, (begin, begin + 20)) for begin in (0, 1800, 3575)]
    judged = [offset * 1000 for verdict in windows for offset in verdict.offsets(after=0.5)]
    duration = windows[0].duration
    row.measured(
        f"{told['pictures']:,} of {told['pictures']:,} pictures, offset {min(found):+.1f} to {max(found):+.1f} ms "
        f"over {len(found):,} s (decoded at begin, middle and end: {min(judged):+.1f} to {max(judged):+.1f}); "
        f"{duration:.2f} s; drift told as {told['drift_ppm']:+.0f} ppm"
    )
    assert len(found) >= 3598
    assert max(map(abs, found)) < 45 and max(map(abs, judged)) < 45
    assert len(judged) > 50
    assert abs(duration - told["seconds"]) < 0.1
    assert abs(told["drift_ppm"] - drift) < 5 and told["steps"] == 0
    assert all(verdict.errors == [] and verdict.video.unreadable == 0 for verdict in windows)
    expect_plain(path)


@pytest.mark.parametrize("drift,word", [(3000, "fast"), (-3000, "slow")])
def test_drift_in_front_of_an_encoder(tmp_path, fault_row, drift, word):
    row = fault_row(
        "publishers", f"clock 3000 ppm {word} for a minute, sound encoded",
        made="a tape, sound from Opus to AAC on the way", asked="offset under 45 ms, no hole in the sound",
    )  # fmt: skip
    told, path = play(tmp_path, 60, drift, "aac")
    verdict = judge(path)
    found = [offset * 1000 for offset in verdict.offsets(after=0.5)]
    row.measured(
        f"offset {min(found):+.1f} to {max(found):+.1f} ms over {len(found)} s, longest hole "
        f"{verdict.audio.longest_hole * 1000:.1f} ms; {verdict.duration:.2f} s"
    )
    assert len(found) > 55 and max(map(abs, found)) < 45
    assert verdict.errors == [] and verdict.audio.longest_hole < 0.02
    assert len(verdict.video.times) == told["pictures"] and verdict.video.unreadable == 0
    assert abs(verdict.duration - told["seconds"]) < 0.1
