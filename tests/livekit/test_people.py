"""People come, go, mute, share their screen and come back."""

import json
import pathlib
import time

import pytest

from harness.expect import (
    expect_balanced,
    expect_every_frame,
    expect_plays,
    expect_together,
)
from harness.recorder import media_files


def stopped(serve, mint_id):
    answer = serve.stop(mint_id)
    assert answer.status == 200 and answer.json["success"], answer
    status = serve.status(mint_id).json
    assert status["state"] == "stopped"
    return status


def by_identity(status):
    return {file["identity"]: file for file in status["files"]}


def test_two_at_once_one_leaves_one_comes_late(serve, room, publisher, figures):
    alice, bob = publisher("alice", codec="h264"), publisher("bob", codec="vp8")
    before = {"alice": alice.unsent(), "bob": bob.unsent(), "carol": 0}
    answer = serve.start(room)
    assert answer.json["state"] == "recording", answer
    time.sleep(5)
    unsent, lates = {"bob": bob.unsent()}, {"bob": bob.late()}
    bob.leave()
    carol = publisher("carol", codec="h264", fps=15)
    time.sleep(6)
    status = stopped(serve, room)
    for one in (alice, carol):
        unsent[one.identity], lates[one.identity] = one.unsent(), one.late()
    carol.close()
    assert status["outcome"] == "complete", status
    files = by_identity(status)
    assert sorted(files) == ["alice", "bob", "carol"], status["files"]
    verdicts = {who: expect_plays(file["path"]) for who, file in files.items()}
    for who, one in (("alice", alice), ("bob", bob), ("carol", carol)):
        expect_every_frame(verdicts[who].video, unsent[who] - before[who])
        assert verdicts[who].video.pace(one.fps) < 0.040 + lates[who], who
    expect_together(verdicts["alice"], figures, "alice beside bob and carol")
    assert 4 < verdicts["bob"].duration < 7
    assert 4 < verdicts["carol"].duration < 8
    assert files["carol"]["room_offset"] > 4 > files["bob"]["room_offset"]
    expect_balanced(status)


def test_only_the_one_who_was_asked_for(serve, room, publisher):
    publisher("alice", publish=["audio"]), publisher("bob", publish=["audio"])
    serve.start(room, participant="bob", duration="2s")
    status = serve.wait_status(room, lambda s: s["state"] == "stopped")
    assert list(by_identity(status)) == ["bob"], status["files"]


def test_microphone_first_camera_two_seconds_later(serve, room, publisher, figures):
    alice = publisher(publish=["audio"], codec="h264")
    assert serve.start(room, output_format="mp4").json["state"] == "recording"
    time.sleep(2)
    alice.publish("video")
    time.sleep(9)
    status = stopped(serve, room)
    unsent = alice.unsent()
    assert status["outcome"] == "complete", status
    assert len(status["outputs"]) == 1, status["outputs"]
    verdict = expect_plays(status["output_path"])
    assert 1.0 < verdict.video.times[0] - verdict.audio.start < 4.0
    expect_every_frame(verdict.video, unsent)
    expect_together(verdict, figures, "camera 2 s after the microphone")
    assert verdict.audio.duration > 10


def test_joined_muted(serve, room, publisher):
    """A muted track counts as subscribed; its clock starts when it is unmuted."""
    alice = publisher(muted=["audio", "video"], codec="h264")
    answer = serve.start(room, output_format="mp4", wait=False)
    assert answer.status == 200, answer
    status = serve.wait_status(room, lambda s: s["state"] == "subscribed")
    first = status["checklist"]["first_rtp"]
    assert first["state"] == "not_yet" and "muted" in first["why"], first
    time.sleep(1)
    alice.unmute("audio")
    alice.unmute("video")
    serve.wait_status(room, lambda s: s["state"] == "recording")
    time.sleep(7)
    status = stopped(serve, room)
    assert status["outcome"] == "complete", status
    verdict = expect_plays(status["output_path"])
    expect_every_frame(verdict.video, unsent=2)
    assert 6 < verdict.duration < 9
    assert len(verdict.audio.beeps) >= 5


def test_muted_all_the_time(serve, room, publisher):
    publisher(publish=["audio"], muted=["audio"])
    serve.start(room, wait=False, duration="3s")
    serve.wait_status(room, lambda s: s["state"] == "subscribed")
    time.sleep(1)
    answer = serve.stop(room).json
    assert answer["outcome"] == "failed", answer
    status = serve.status(room).json
    assert status["code"] == "muted_all_time", status
    assert "muted" in status["error"]
    assert status["outputs"] == []


def test_mute_and_unmute(serve, room, publisher, figures):
    """Sound goes on with silence and the picture stands still; afterwards both are in time."""
    alice = publisher(codec="h264")
    serve.start(room, output_format="mp4")
    time.sleep(3)
    alice.mute("audio")
    alice.mute("video")
    time.sleep(3)
    alice.unmute("video")
    alice.unmute("audio")
    time.sleep(9)
    status = stopped(serve, room)
    assert status["outcome"] == "complete", status
    assert len(status["outputs"]) == 1, status["outputs"]
    verdict = expect_plays(status["output_path"])
    video, audio = verdict.video, verdict.audio
    assert video.sizes == {(320, 240)}, "the server's blank frames are in the file"
    assert video.unreadable == 0 and video.duplicates == []
    assert video.pace(alice.fps) < 0.040 + alice.late(), "pictures moved on the timeline"
    assert 2 < video.longest_gap < 4
    hole = [b - a for a, b in zip(audio.beeps, audio.beeps[1:])]
    assert 1.5 < max(hole) < 5, audio.beeps
    assert abs(audio.duration - 15) < 1.0
    expect_together(verdict, figures, "after mute and unmute", begin=video.after_longest_gap)
    expect_balanced(status)


def test_leaves_and_comes_back(serve, room, publisher, figures):
    alice = publisher(codec="h264")
    serve.start(room, output_format="mp4", idle="30s")
    time.sleep(3)
    alice.leave()
    time.sleep(1)
    alice.rejoin()
    alice.publish("audio")
    alice.publish("video")
    time.sleep(10)
    status = stopped(serve, room)
    assert status["outcome"] == "complete", status
    assert len(status["outputs"]) == 1, status["outputs"]
    verdict = expect_plays(status["output_path"])
    video = verdict.video
    assert video.unreadable == 0 and video.duplicates == []
    assert 13 < verdict.duration < 17, verdict.duration
    assert 0.9 < video.longest_gap < 5
    assert video.numbers[-1] - video.numbers[0] > 13 * alice.fps
    assert video.pace(alice.fps) < 0.100 + alice.late(), "the timeline did not go on"
    expect_together(verdict, figures, "after coming back", begin=video.after_longest_gap)


def test_screen_share_is_a_second_file(serve, room, publisher):
    alice = publisher(codec="vp8", fps=15)
    alice.publish("screen")
    serve.start(room)
    time.sleep(5)
    status = stopped(serve, room)
    assert status["outcome"] == "complete", status
    assert sorted(file["screen_share"] for file in status["files"]) == [False, True], status["files"]
    for file in status["files"]:
        verdict = expect_plays(file["path"])
        expect_every_frame(verdict.video, max(alice.unsent("screen"), alice.unsent("video")))
        assert len(verdict.audios) == (0 if file["screen_share"] else 1)


def test_names_of_strangers_stay_in_the_folder(serve, room, publisher, server):
    evil = "../../../tmp/evil/" + "x" * 60
    before = {p for p in serve.folder.parent.rglob("*")}
    publisher(evil, room="../" + room, publish=["audio"])
    mint_id = "../../" + room
    answer = serve.start(mint_id, room="../" + room, duration="1s")
    assert answer.status in (200, 400), answer
    if answer.status == 200:
        status = serve.call(
            "POST", "/api/recording/stop", {"mint_id": mint_id}
        )
        assert status.json["success"], status
        for path in status.json["outputs"]:
            assert pathlib.Path(path).resolve().is_relative_to(serve.folder.resolve()), path
            assert len(pathlib.Path(path).name) < 255
    new = {p for p in serve.folder.parent.rglob("*")} - before
    assert all(p.is_relative_to(serve.folder) or "livekit" in str(p) for p in new), new
    assert not pathlib.Path("/tmp/evil").exists()


@pytest.mark.parametrize("kind", ["video", "audio"])
def test_replaced_at_once(serve, room, publisher, fault_row, kind):
    """The new track is announced before the old one's end; both are the same person's."""
    what = "camera" if kind == "video" else "microphone"
    row = fault_row("publishers", f"republish, {what}",
                    made="livekit-server, Python SDK: unpublished and published again at once",
                    asked="one file, no gap over 2.5 s, offset under 45 ms")  # fmt: skip
    alice = publisher("alice", codec="h264")
    serve.start(room, output_format="mp4")
    time.sleep(3)
    alice.unpublish(kind), alice.publish(kind)
    time.sleep(3)
    status = stopped(serve, room)
    assert status["outcome"] == "complete", status
    assert len(status["outputs"]) == 1, status["outputs"]
    verdict = expect_plays(status["output_path"])
    found, late = [offset * 1000 for offset in verdict.offsets(after=0.5)], alice.late()
    row.measured(
        f"{len(verdict.video.numbers)} pictures, longest gap {verdict.video.longest_gap:.2f} s, longest hole in "
        f"the sound {verdict.audio.longest_hole * 1000:.0f} ms, offset {min(found):+.1f} to {max(found):+.1f} ms"
    )
    assert verdict.video.duration > 5 and verdict.audio.duration > 5
    assert verdict.video.longest_gap < 2.5 and max(map(abs, found)) < 45 + late * 1000
    expect_balanced(status)


def test_sidecars_tell_what_is_in_the_files(serve, room, publisher):
    publisher(codec="h264")
    serve.start(room, output_format="mp4", duration="3s")
    status = serve.wait_status(room, lambda s: s["state"] == "stopped")
    path = pathlib.Path(status["output_path"])
    recording = json.loads(path.with_suffix(".json").read_text())["recording"]
    assert recording["outcome"] == "complete" and recording["end_reason"] == "duration"
    assert {t["codec"].lower() for t in recording["tracks"].values()} == {"h264", "opus"}
    assert recording["outputs"] == [str(path)]
    file = recording["files"][0]
    assert file["bytes"] == path.stat().st_size and file["layout"] == "plain"
    assert "room_offset" in file
    for track in recording["tracks"].values():
        assert track["gaps"] == [] and "drift_ppm" in track and track["outcome"] == "complete"
    expect_balanced(recording)
    assert path in media_files(serve.folder)
