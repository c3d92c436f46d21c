"""The machine under the recorder fails, with a real server, which does not wait for ever."""

import signal
import time

import pytest

from harness.expect import expect_plays
from harness.recorder import Serve, media_files

FPS = 15


@pytest.mark.timeout(180)
def test_stopped_and_continued(server, room, publisher, tmp_path, fault_row):
    """3 s and 20 s, in two processes at once: the server ends the peer of the second."""
    rows = {
        seconds: fault_row(
            "machine", f"SIGSTOP of {seconds} s, livekit-server", f"the service is stopped for {seconds} s and goes on",
            "what came is in the file at its time; the same recording goes on",
        )
        for seconds in (3, 20)
    }  # fmt: skip
    alice = publisher(codec="h264", fps=FPS)
    serves, since = {}, {}
    try:
        for seconds in rows:
            serves[seconds] = Serve(server, tmp_path / str(seconds))
            assert serves[seconds].start(room, output_format="mp4").status == 200
            serves[seconds].wait_status(room, lambda s: s["stats"]["duration"] > 6)
        for seconds, serve in serves.items():
            serve.process.send_signal(signal.SIGSTOP)
            since[seconds] = time.monotonic()
        for seconds, serve in serves.items():
            time.sleep(max(0, since[seconds] + seconds - time.monotonic()))
            serve.process.send_signal(signal.SIGCONT)
            expect_continued(rows[seconds], serve, room, seconds, alice)
    finally:
        for serve in serves.values():
            serve.__exit__()


def expect_continued(row, serve, room, seconds, alice):
    said = "The program was not run for"
    serve.wait_status(room, lambda s: any(e["text"].startswith(said) for e in s["events"]), 10)
    continued = time.monotonic()
    number = int((continued - alice.report("joined")["origin"] + 2) * FPS)
    serve.wait_status(room, lambda s: not s["reconnecting"], 60)
    took = time.monotonic() - continued
    stats = serve.status(room).json["stats"]
    serve.wait_status(room, lambda s: s["stats"]["duration"] > stats["duration"] + 4, 60)
    serve.wait_status(room, lambda s: s["stats"]["video_frames"] > stats["video_frames"] + 2 * FPS, 60)
    status = serve.stop(room).json
    verdict = expect_plays(status["output_path"])
    video = verdict.video
    pace = video.pace(FPS)
    row.measured(
        f"{status['outcome']}, {len(status['outputs'])} file, {len(video.missing)} pictures missing ({len(video.missing) / FPS:.1f} s), "
        f"{took:.1f} s until it was connected, no picture over {pace * 1000:.0f} ms from its place, sound ends "
        f"{(verdict.audio.end - video.times[-1]) * 1000:+.0f} ms after the picture"
    )
    assert len(status["outputs"]) == 1 and status["outcome"] == "complete", status
    assert len(video.missing) <= (seconds + 3) * FPS and video.last > number
    assert pace < 0.15, "something moved in time"
    assert abs(verdict.audio.end - video.times[-1]) < 0.5
    assert media_files(serve.folder) == [verdict.path]
