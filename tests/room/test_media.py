"""What the path of the packets and the publishers may do to a recording, and what comes out."""

import time

import pytest

from harness.expect import (
    expect_balanced,
    expect_checklist,
    expect_every_frame,
    expect_plays,
    expect_together,
)

FPS = 30
PACE_SECONDS = 0.100  # a picture off its place; generous, because the machine also encodes


def complete(room, record, *flags, seconds="4s", **options):
    """Records to its planned end; the Record and the verdict on its only file."""
    one = record(room, "--duration", seconds, *flags, **options)
    assert one.finish(60) == 0, one.tail()
    assert one.sidecar["outcome"] == "complete", one.sidecar
    assert one.sidecar["end_reason"] == "duration"
    expect_balanced(one.sidecar)
    assert len(one.files) == 1, one.files
    return one, expect_plays(one.files[0])


@pytest.mark.parametrize("codec,suffix", [
    ("h264", ".mp4"), ("vp8", ".webm"), ("vp9", ".mp4"), ("av1", ".mp4"), ("h265", ".mp4"),
])  # fmt: skip
def test_clean(embedded, record, codec, suffix):
    room = embedded(publishers=[f"alice,video={codec}"])
    one, verdict = complete(room, record, seconds="5s")
    assert one.files[0].suffix == suffix
    expect_checklist(one.sidecar)
    expect_every_frame(verdict.video)
    median, worst = verdict.sync(1.0)
    assert abs(median) < 5 and abs(worst) < 20, (median, worst)
    inputs = {track["kind"]: track["inputs"] for track in one.sidecar["tracks"].values()}
    assert [(i["width"], i["height"]) for i in inputs["video"]] == [(640, 360)]
    assert [(i["codec"], i["channels"]) for i in inputs["audio"]] == [("opus", 1)]
    assert room.close()["malformed_requests"] == 0


@pytest.mark.parametrize("fault", [
    "loss=5%@1s", "burst=20:video@1s", "reorder=40ms", "duplicate=20%", "jitter=20ms", "wrap=1500ms",
    "malformed-rtp=50%", "malformed-rtcp=50%", "malformed-datagram=50%", "malformed-signal=3@1s",
    "bad-offer", "slow-join=500ms", "no-sender-report",
])  # fmt: skip
def test_faults_that_cost_nothing(embedded, record, fault_row, fault):
    """Lost packets come again, and nothing that is malformed or late does any harm."""
    room = embedded(fault)
    one, verdict = complete(room, record)
    if fault.startswith("wrap"):
        row = fault_row(
            "publishers", "RTP time and sequence wrap",
            made="embedded room, wrap=1500ms: both time and number of both tracks wrap in mid-recording",
            asked="every picture, offset under 45 ms, nothing moves in time",
        )  # fmt: skip
        offsets = [offset * 1000 for offset in verdict.offsets(after=0.5)]
        row.measured(
            f"{len(verdict.video.numbers)} pictures, {len(verdict.video.missing)} missing, offset "
            f"{min(offsets):+.1f} to {max(offsets):+.1f} ms, no picture over "
            f"{verdict.video.pace(FPS) * 1000:.0f} ms off its place"
        )
        assert max(map(abs, offsets)) < 45
    expect_every_frame(verdict.video)
    assert verdict.video.pace(FPS) < PACE_SECONDS
    assert verdict.audio.longest_hole < 0.1
    stats = room.close()
    if fault.startswith(("loss", "burst")):
        assert stats["packets_dropped"] > 5
        assert stats["retransmissions"] > 0 and stats["nacks"] > 0


@pytest.mark.parametrize("fault", [
    ["loss=2%:video@1s+3s", "no-retransmission"], ["malformed-payload=1%:video@1s+3s"],
    ["loss=60%:video@2s+500ms", "no-retransmission"],
], ids=["loss-without-repetition", "malformed-payload", "heavy-loss"])  # fmt: skip
def test_pictures_that_are_lost_for_good(embedded, record, fault):
    """What refers to them goes too, a key frame is asked for, and all that is left is readable."""
    room = embedded(*fault)
    one, verdict = complete(room, record, seconds="7s")
    video = verdict.video
    assert video.duplicates == []
    assert video.unreadable == 0
    assert len(video.missing) > 0
    assert video.last - video.first > 5 * FPS
    assert video.pace(FPS) < PACE_SECONDS
    assert room.close()["plis"] > 0


def test_sound_that_is_lost_becomes_silence(embedded, record):
    room = embedded("loss=50%:audio@1s+2s", "no-retransmission")
    one, verdict = complete(room, record)
    expect_every_frame(verdict.video)
    assert verdict.audio.duration > 3.5
    assert abs(verdict.audio.end - verdict.video.times[-1]) < 0.3


def test_stall(embedded, record):
    """After the read deadline the track is subscribed anew, and goes on on the same timeline."""
    room = embedded("stall:video@2s+2s")
    one = record(room, "--duration", "8s", settings={"TIMEOUTS_READ_DEADLINE": 1})
    assert one.finish(60) == 0, one.tail()
    assert len(one.files) == 1, one.files
    verdict = expect_plays(one.files[0])
    assert "stalled" in one.text()
    assert 1.5 < verdict.video.longest_gap < 4
    assert verdict.video.pace(FPS) < PACE_SECONDS
    assert verdict.video.last - verdict.video.first > 6 * FPS


def test_mute_and_unmute(embedded, record):
    room = embedded("mute@2s+2s")
    one, verdict = complete(room, record, seconds="8s")
    assert 1.5 < verdict.video.longest_gap < 3
    assert verdict.video.pace(FPS) < PACE_SECONDS
    assert verdict.audio.longest_hole < 0.1
    median, _ = verdict.sync(4.5)
    assert abs(median) < 20


def test_joined_muted(embedded, record):
    room = embedded("unmute@2s", publishers=["alice,muted"])
    one, verdict = complete(room, record, seconds="4s")
    expect_every_frame(verdict.video)


def test_paused_by_the_server(embedded, record):
    """A paused stream is no stalled one."""
    room = embedded("pause:video@2s+3s")
    one, verdict = complete(room, record, seconds="7s", settings={"TIMEOUTS_READ_DEADLINE": 1})
    assert 2.5 < verdict.video.longest_gap < 4
    assert "stalled" not in one.err.text()
    assert not any(track["stalled"] for track in one.sidecar["tracks"].values())


@pytest.mark.parametrize("fault,gap", [
    ("republish@3s", 1.0), ("unpublish:video@2s+2s", 3.0), ("leave@2s+2s", 3.5),
])  # fmt: skip
def test_published_again(embedded, record, fault_row, fault, gap):
    """A new publication of the same person goes on in the same file."""
    row = fault_row("publishers", f"published again: {fault.split('@')[0]}", made=f"embedded room, {fault}",
                    asked=f"the same file goes on, no gap over {gap} s, nothing moves in time")  # fmt: skip
    room = embedded(fault)
    one, verdict = complete(room, record, seconds="8s")
    video = verdict.video
    row.measured(
        f"{len(video.numbers)} pictures, none twice, longest gap {video.longest_gap:.2f} s, no picture over "
        f"{video.pace(FPS) * 1000:.0f} ms off its place"
    )
    assert video.duplicates == [] and video.unreadable == 0
    assert video.longest_gap < gap, video.longest_gap
    assert video.last - video.first > 6 * FPS
    assert video.pace(FPS) < PACE_SECONDS


@pytest.mark.parametrize("fault", ["codec-change=vp9:video@3s", "codec-change=vp8:video@3s"])
def test_codec_change(embedded, record, fault_row, fault):
    """One container takes one codec a track: the rest of it goes to a further part."""
    wanted = fault.split("=")[1].split(":")[0]
    row = fault_row("publishers", f"codec changed from H.264 to {wanted}, as published",
                    made=f"embedded room, {fault}", asked="every picture, in a part file at most")  # fmt: skip
    room = embedded(fault)
    one = record(room, "--duration", "7s")
    assert one.finish(60) == 0, one.tail()
    verdicts = [expect_plays(path) for path in one.files]
    seen = sorted(n for v in verdicts for video in v.videos for n in video.numbers)
    row.measured(
        f"{len(one.files)} files, {len(seen)} pictures, {seen[-1] - seen[0] + 1 - len(set(seen))} missing"
    )
    codecs = {video.codec for verdict in verdicts for video in verdict.videos}
    assert "h264" in codecs and fault.split("=")[1].split(":")[0] in codecs, codecs
    numbers = [n for v in verdicts for video in v.videos for n in video.numbers]
    assert len(numbers) == len(set(numbers))
    assert max(numbers) - min(numbers) > 5 * FPS


def test_resize(embedded, record):
    room = embedded("resize=320x180:video@3s")
    one = record(room, "--duration", "6s")
    assert one.finish(60) == 0, one.tail()
    videos = [video for path in one.files for video in expect_plays(path).videos]
    sizes = set().union(*(video.sizes for video in videos))
    assert {(640, 360), (320, 180)} <= sizes, sizes
    numbers = [n for video in videos for n in video.numbers]
    assert None not in numbers and len(numbers) == len(set(numbers))


def test_drift_and_a_foreign_wall_clock(embedded, record):
    """The publisher's clocks are its own: beep and flash stay together."""
    room = embedded(publishers=["alice,drift=300,ntp-offset=-3600s"])
    one, verdict = complete(room, record, seconds="12s")
    expect_every_frame(verdict.video)
    expect_together(verdict)


def test_two_publishers_one_late(embedded, record):
    room = embedded(publishers=["alice", "bob,video=vp8,start=2s,video-delay=1s"])
    one = record(room, "--duration", "8s")
    assert one.finish(60) == 0, one.tail()
    assert len(one.files) == 2, one.files
    for path in one.files:
        expect_every_frame(expect_plays(path).video)
    offsets = {file["identity"]: file["room_offset"] for file in one.sidecar["files"]}
    assert offsets["bob"] - offsets["alice"] > 1.5, offsets


def test_ends_with_the_room(embedded, record):
    room = embedded("leave-message=disconnect,room_deleted@3s")
    one = record(room)
    assert one.finish(30) == 0, one.tail()
    assert one.sidecar["end_reason"] == "room_closed" and one.sidecar["outcome"] == "complete"
    expect_plays(one.files[0])


def test_removed(embedded, record):
    room = embedded("leave-message=disconnect,participant_removed@3s")
    one = record(room)
    assert one.finish(30) == 0, one.tail()
    assert one.sidecar["end_reason"] == "removed"
    expect_plays(one.files[0])


@pytest.mark.parametrize("fault", [
    "close-socket@2s", "leave-message=reconnect,unknown@2s", "leave-message=resume,unknown@2s",
    "leave-message=reconnect,server_shutdown@2s",
])  # fmt: skip
def test_connects_again(embedded, record, fault):
    """A lost socket or a server that sends us away for a moment: the same file goes on."""
    room = embedded(fault)
    one, verdict = complete(room, record, seconds="8s")
    video = verdict.video
    assert video.duplicates == [] and video.unreadable == 0
    assert video.longest_gap < 4
    assert video.last - video.first > 6 * FPS
    assert video.pace(FPS) < PACE_SECONDS


def test_idle(embedded, record):
    room = embedded(publishers=["alice,leave=3s"])
    one = record(room, "--idle", "2s")
    assert one.finish(30) == 0, one.tail()
    assert one.sidecar["end_reason"] == "idle" and one.sidecar["outcome"] == "complete"
    expect_plays(one.files[0])


def test_one_bad_track_does_not_stop_the_others(embedded, record):
    room = embedded("no-media:bob", publishers=["alice", "bob"])
    one = record(room, "--duration", "6s", settings={"TIMEOUTS_SUBSCRIPTION": 2,
                                                     "TIMEOUTS_READ_DEADLINE": 2})  # fmt: skip
    one.finish(60)
    assert len(one.files) == 1, one.files
    expect_every_frame(expect_plays(one.files[0]).video)
    assert "no_rtp" in one.text() or "stalled" in one.text(), one.tail()


def test_duration_counts_what_waited_for_others(embedded, record):
    """The sound is kept while the header waits two seconds for a camera that sends nothing."""
    one = record(embedded("no-media:video"), "--duration", "4s")
    one.finish(60)
    assert expect_plays(one.files[0]).audio.duration < 4.6


def test_sidecar_while_it_records(embedded, record):
    with record(embedded()) as one:
        one.wait_state("recording")
        deadline = time.monotonic() + 3
        while not one.sidecars or one.sidecar["state"] != "recording":
            assert time.monotonic() < deadline, one.sidecars
            time.sleep(0.05)
        assert one.sidecar["started_at"]
        assert one.interrupt() == 0


@pytest.mark.parametrize("size,wanted,treatment", [
    ("1280x720", "1280x720", "passthrough"), ("1600x900", "1280x720", "transcode"),
])  # fmt: skip
def test_a_size_that_nobody_told(embedded, record, size, wanted, treatment):
    """The first picture decides, and it is in the file."""
    room = embedded("no-size", publishers=[f"alice,video=h264,size={size}"])
    one, verdict = complete(room, record, "--format", "h264", "--quality", "low")
    assert verdict.video.sizes == {tuple(map(int, wanted.split("x")))}
    video = next(t for t in one.sidecar["tracks"].values() if t["kind"] == "video")
    assert video["treatment"] == treatment, video
    assert verdict.video.duration > 3
