"""The machine under the recorder fails: each recording ends in a file with all that could be had or in a
named cause, and the process and its other recordings go on."""

import contextlib
import datetime
import http.client
import os
import resource
import signal
import time

import pytest

from harness.judge import is_fragmented, judge
from harness.machine import Clock, Process, fill, make_read_only, preload, remove, slow_disk, small_disk
from harness.recorder import Serve, environment, run, sidecars

from .conftest import EmbeddedRoom

FPS = 30
ALICE = f"alice,size=320x180,fps={FPS},bitrate=300000"
BY_ID = {"ROOMTAPE_OUTPUT_TEMPLATE": "{mint_id}/take"}  # each in a folder of its own


def start(serve, mint_id, **fields):
    return serve.start(mint_id, room=EmbeddedRoom.ROOM, **{"output_format": "mp4", "wait": False, **fields})


def recorded(serve, mint_id, seconds, within=40):
    return serve.wait_status(mint_id, lambda s: s["stats"]["duration"] > seconds, within)


def expect_whole(path, row=None, name=""):
    """Every picture and all of the sound."""
    verdict = judge(path)
    assert verdict.errors == [], (path, verdict.errors[:5])
    video, audio = verdict.video, verdict.audio
    if row:
        row.measured(f"{name}{len(video.times)} pictures, {len(video.missing)} missing, "
                     f"longest hole in the sound {audio.longest_hole * 1000:.0f} ms")  # fmt: skip
    assert video.missing == [] and video.unreadable == 0 and video.monotonic, (path, video.missing[:10])
    assert audio.longest_hole < 0.03 and abs(audio.end - video.times[-1]) < 0.3
    return verdict


def expect_cause(row, serve, mint_id, code, outcome):
    """In status, log and, where it can be written, sidecar."""
    status = serve.status(mint_id).json
    row.measured(f"{status['outcome']}, `{status['code']}`")
    assert (status["state"], status["code"], status["outcome"]) == ("stopped", code, outcome), status
    assert f"Recording {outcome}: {code}: {status['error']}" in serve.log()
    folder = serve.folder / mint_id
    told = sidecars(folder) if folder.exists() and any(p.stat().st_size for p in folder.glob("*.json")) else []
    assert [one["code"] for one in told] in ([code], []), told
    row.measured("told in status, log and sidecar" if told else "told in status and log; there is no place for a sidecar")
    return status, bool(told)


def expect_up_to(row, path, least):
    verdict = judge(path)
    row.measured(f"the file plays, {verdict.video.duration:.1f} s, no picture missing up to its end")
    assert verdict.errors == [] and verdict.video.missing == [], verdict.errors[:5]
    assert verdict.video.duration > least, verdict.video.duration


@pytest.mark.timeout(180)
def test_disks(embedded, tmp_path, fault_row):
    """All at once in one process: nobody notices the disks of the others."""
    asked = "a named cause, no file"
    rows = {
        "full-start": fault_row("machine", "disk full at the start", "a tmpfs without a free byte", asked),
        "full-middle": fault_row("machine", "disk full in the middle", "a tmpfs of 200 KiB", "`disk_full`; what was written plays"),
        "full-end": fault_row("machine", "disk full at the end", "a FUSE mount that takes 60 kB of the finished copy, then says ENOSPC",
                              "the file stays as it was recorded, whole, and says why"),
        "read-only": fault_row("machine", "output folder read-only", "a tmpfs mounted read-only", asked),
        "removed": fault_row("machine", "output folder removed", "rm -r of the folder 3 s into the recording", "a named cause within a second"),
        "slow": fault_row("machine", "slow device", "a FUSE mount on which each write takes 300 ms", "every frame"),
        "fine": fault_row("machine", "six bad disks, and a good one in the same process", "the rows above, at the same time",
                          "every frame of two recordings on the good disk"),
    }  # fmt: skip
    out = tmp_path / "out"
    room = embedded(publishers=[ALICE])
    with contextlib.ExitStack() as stack:
        fill(stack.enter_context(small_disk(out / "full-start", 64)))
        stack.enter_context(small_disk(out / "full-middle", 200))
        stack.enter_context(slow_disk(out / "full-end", 0, ".finalizing", 60_000))
        make_read_only(stack.enter_context(small_disk(out / "read-only", 1000)))
        stack.enter_context(slow_disk(out / "slow", 300))
        serve = stack.enter_context(Serve(room, out, env=BY_ID))
        for mint_id in (*rows, "fine-2"):
            assert start(serve, mint_id).status == 200
        recorded(serve, "removed", 3)
        remove(out / "removed")
        removed = time.monotonic()
        serve.wait_status("removed", lambda s: s["state"] == "stopped")
        took = time.monotonic() - removed
        serve.wait_status("full-middle", lambda s: s["state"] == "stopped", 40)
        recorded(serve, "fine", 8)
        ended = {name: serve.stop(name).json for name in ("slow", "full-end", "fine", "fine-2")}

        status, _ = expect_cause(rows["full-start"], serve, "full-start", "disk_full", "failed")
        assert status["outputs"] == []
        status, is_told = expect_cause(rows["full-middle"], serve, "full-middle", "disk_full", "partial")
        expect_up_to(rows["full-middle"], out / "full-middle/take.mp4", 2)
        assert is_told, "the sidecar still says that it records"
        status, _ = expect_cause(rows["read-only"], serve, "read-only", "write_failed", "failed")
        rows["removed"].measured(f"ended after {took:.1f} s")
        status, _ = expect_cause(rows["removed"], serve, "removed", "write_failed", "failed")
        assert "was removed" in status["error"] and status["outputs"] == [] and took < 2
        expect_whole(out / "slow/take.mp4", rows["slow"])
        for name in ("fine", "fine-2"):
            expect_whole(out / f"{name}/take.mp4", rows["fine"], f"{name}: ")
        assert ended["slow"]["outcome"] == ended["fine"]["outcome"] == ended["fine-2"]["outcome"] == "complete"
        (file,) = serve.status("full-end").json["files"]
        rows["full-end"].measured(f"{ended['full-end']['outcome']}; “{file['layout_reason']}”")
        expect_whole(out / "full-end/take.mp4", rows["full-end"])
        assert is_fragmented(out / "full-end/take.mp4")[0] and "No space left" in file["layout_reason"], file
        assert serve.terminate() == 0


def limit_descriptors(pid, count):
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (count, hard))


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.timeout(180)
def test_descriptors(embedded, tmp_path, fault_row):
    row = fault_row(
        "machine", "no file descriptors left", "`prlimit`: RLIMIT_NOFILE of what the process has open + 20, then + 0 for 7 s",
        "`no_capacity` for a further start; those that run miss nothing",
    )  # fmt: skip
    room = embedded(publishers=[ALICE])
    with Serve(room, tmp_path / "out", env=BY_ID) as serve:
        pid = serve.process.pid
        for mint_id in ("a", "b"):
            start(serve, mint_id)
            recorded(serve, mint_id, 1)
        _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        limit_descriptors(pid, Process(pid).descriptors + 20)
        answer = start(serve, "c")
        row.measured(f"a further start: {answer.status} `{answer.json.get('code')}`")
        assert (answer.status, answer.json["code"]) == (503, "no_capacity"), answer
        limit_descriptors(pid, Process(pid).descriptors)
        used = cpu_seconds(pid)
        began = time.monotonic()
        while (rest := began + 7 - time.monotonic()) > 0:
            with contextlib.suppress(OSError, http.client.HTTPException):
                serve.get("/healthz", seconds=rest)
            time.sleep(0.2)
        used = cpu_seconds(pid) - used
        limit_descriptors(pid, hard)
        assert serve.get("/healthz").status == 200
        ended = {mint_id: serve.stop(mint_id).json for mint_id in ("a", "b")}
        for mint_id, status in ended.items():
            verdict = expect_whole(tmp_path / f"out/{mint_id}/take.mp4", row, f"{mint_id}: ")
            assert status["outcome"] == "complete" and verdict.duration > 7, status
        row.measured(f"{used:.1f} s of CPU in the 7 s without one")
        assert start(serve, "c").status == 200
        recorded(serve, "c", 1)
        assert serve.stop("c").json["outcome"] == "complete"
        assert serve.terminate() == 0
        assert used < 5, "it spins"


def test_too_few_descriptors_for_one(embedded, tmp_path, fault_row):
    row = fault_row("machine", "too few file descriptors to begin with", "RLIMIT_NOFILE of 40 for `record`",
                    "`no_capacity` as sentence and exit status")  # fmt: skip
    room = embedded(publishers=[ALICE])
    done = run("record", "--url", room.url, "--api-key", room.KEY, "--api-secret", room.SECRET, "--room", room.ROOM,
               "--output", f"{tmp_path}/", "--duration", "2s", seconds=20,
               preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40)))  # fmt: skip
    row.measured(f"exit status {done.returncode}: {done.stderr.splitlines()[-1]}")
    assert "no_capacity: " in done.stderr and done.returncode > 0, done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.timeout(180)
def test_threads(embedded, tmp_path, fault_row):
    row = fault_row(
        "machine", "no threads left", "pthread_create of the service fails with EAGAIN (RLIMIT_NPROC does not hold root)",
        "`no_capacity` where an encoder is needed, or as published with `fallback`; passthrough goes on and starts",
    )  # fmt: skip
    flag = tmp_path / "no-threads"
    room = embedded(publishers=[ALICE])
    with Serve(room, tmp_path / "out", env={**BY_ID, **preload("thread_fault.so", THREAD_FAULT=flag)}) as serve:
        start(serve, "before")
        recorded(serve, "before", 1)
        flag.touch()
        encoded = start(serve, "encoded", output_format="vp9", wait=True)
        row.measured(f"encoded: {encoded.status} `{encoded.json.get('code')}`")
        start(serve, "passthrough")
        start(serve, "fallback", output_format="vp9", video_quality="high", fallback="source")
        recorded(serve, "passthrough", 2)
        recorded(serve, "fallback", 2)
        fallback = serve.stop("fallback").json
        (path,) = fallback["outputs"]
        row.measured(f"with the fallback: {fallback['outcome']}, {path.rpartition('.')[2]}")
        assert (encoded.status, encoded.json["code"]) == (503, "no_capacity"), encoded
        assert serve.stop("passthrough").json["outcome"] == "complete"
        expect_whole(tmp_path / "out/passthrough/take.mp4", row, "begun without threads: ")
        flag.unlink()
        start(serve, "after", output_format="vp9")
        recorded(serve, "after", 1)
        assert serve.stop("after").json["outcome"] == "complete"
        assert serve.stop("before").json["outcome"] == "complete"
        expect_whole(tmp_path / "out/before/take.mp4", row, "running since before: ")
        assert judge(path).errors == [] and path.endswith(".mkv")
        assert serve.terminate() == 0


def test_no_thread_to_begin_with(embedded, tmp_path, fault_row):
    row = fault_row("machine", "no threads to begin with", "pthread_create of `record` fails with EAGAIN",
                    "`no_capacity` as sentence and exit status")  # fmt: skip
    room = embedded(publishers=[ALICE])
    (tmp_path / "no-threads").touch()
    done = run("record", "--url", room.url, "--api-key", room.KEY, "--api-secret", room.SECRET, "--room", room.ROOM,
               "--output", f"{tmp_path}/out/", "--duration", "2s", seconds=20,
               env=environment(**preload("thread_fault.so", THREAD_FAULT=tmp_path / "no-threads")))  # fmt: skip
    row.measured(f"exit status {done.returncode}: {done.stderr.splitlines()[-1]}")
    assert "no_capacity: " in done.stderr and done.returncode > 0, done.stderr


DAY = 24 * 3600


def seconds_of(text):
    return datetime.datetime.fromisoformat(text).timestamp()


@pytest.mark.timeout(180)
def test_clock(embedded, tmp_path, fault_row):
    row = fault_row(
        "machine", "clock set back and forth", "libfaketime on the service: an hour forth, right, two days back, 2 s each; "
        "a second recording of the same id begins a day in the past",
        "nothing moves in time; names, started_at, ended_at and durations fit together",
    )  # fmt: skip
    clock = Clock(tmp_path)
    room = embedded(publishers=[ALICE])
    with Serve(room, tmp_path / "out", env=clock.environment) as serve:
        began = time.time()
        start(serve, "a", wait=True)
        recorded(serve, "a", 2)
        for length, offset in ((4, 3600), (6, 0), (8, -2 * DAY)):
            clock.set(offset)
            recorded(serve, "a", length)
        serve.stop("a")
        first = serve.status("a").json
        took = time.time() - began
        clock.set(-DAY)
        start(serve, "a", wait=True)
        recorded(serve, "a", 1)
        second = serve.stop("a").json
        assert serve.status("a").json["outputs"] == second["outputs"] != first["outputs"], "the older one is told"
        verdict = expect_whole(first["output_path"], row)
        pace = verdict.video.pace(FPS)
        length = seconds_of(first["ended_at"]) - seconds_of(first["started_at"])
        row.measured(f"no picture is over {pace * 1000:.0f} ms from its place; the file lasts {verdict.duration:.2f} s, "
                     f"the status says {first['stats']['duration']:.2f} s, ended_at is {length:.2f} s after started_at")  # fmt: skip
        assert pace < 0.05
        assert abs(first["stats"]["duration"] - verdict.duration) < 0.5
        assert abs(length - verdict.duration) < 1 and length < took
        assert abs(seconds_of(first["requested_at"]) - began) < 1
        name = time.strftime("%Y-%m-%dT%H%M", time.gmtime(began))
        assert name in first["output_path"] or abs(took) > 30, first["output_path"]
        assert abs(seconds_of(second["started_at"]) + DAY - time.time()) < 30, second["started_at"]
        assert serve.terminate() == 0
    with Serve(room, tmp_path / "out") as serve:
        assert serve.status("a").json["outcome"] == "complete"


@pytest.mark.timeout(180)
def test_terminated_with_many(embedded, tmp_path, fault_row):
    count = 20
    row = fault_row("machine", f"SIGTERM with {count} recordings", "SIGTERM to the service after 5 s",
                    "all finished, each with every frame; the time until it has ended")  # fmt: skip
    room = embedded(publishers=[ALICE])
    with Serve(room, tmp_path / "out", env=BY_ID, log_level="info") as serve:
        ids = [f"r{number}" for number in range(count)]
        for number, mint_id in enumerate(ids):
            start(serve, mint_id, output_format=("mp4", "mkv")[number % 2])
        for mint_id in ids:
            recorded(serve, mint_id, 3)
        began = time.monotonic()
        status = serve.terminate(60)
        took = time.monotonic() - began
    row.measured(f"exit status {status} after {took:.2f} s")
    told = sidecars(tmp_path / "out")
    assert sorted(one["mint_id"] for one in told) == sorted(ids)
    missing = 0
    for one in told:
        assert (one["outcome"], one["end_reason"], one["state"]) == ("complete", "stopped", "stopped"), one["mint_id"]
        (path,) = one["outputs"]
        verdict = expect_whole(path)
        missing += len(verdict.video.missing)
        assert verdict.duration > 3 and (path.endswith(".mkv") or is_fragmented(path) == (False, True))
    row.measured(f"{len(told)} of {count} complete, {missing} frames missing")
    assert status == 0 and took < 20


@pytest.mark.timeout(180)
def test_stopped_and_continued(embedded, tmp_path, fault_row):
    """Of the process, not of the recording: SIGSTOP, then SIGCONT. Both at once, on two rooms."""
    rows, done = {}, {}
    for seconds in (3, 20):
        rows[seconds] = fault_row(
            "machine", f"SIGSTOP of {seconds} s, embedded room", f"the service is stopped for {seconds} s and goes on",
            "what came after is in the same file at its time; nothing moves; the recording goes on",
        )  # fmt: skip
    with contextlib.ExitStack() as stack:
        for seconds in rows:
            room = embedded(publishers=[ALICE])
            serve = stack.enter_context(Serve(room, tmp_path / f"out{seconds}", env=BY_ID))
            start(serve, "a", wait=True)
            recorded(serve, "a", 3)
            serve.process.send_signal(signal.SIGSTOP)
            done[seconds] = (serve, time.monotonic())
        for seconds, (serve, since) in done.items():
            time.sleep(max(0, since + seconds - time.monotonic()))
            serve.process.send_signal(signal.SIGCONT)
            expect_continued(rows[seconds], serve, seconds)


def expect_continued(row, serve, seconds):
    said = f"The program was not run for {seconds}"
    status = serve.wait_status("a", lambda s: any(e["text"].startswith(said) for e in s["events"]), 10)
    before = status["stats"]["video_frames"]
    serve.wait_status("a", lambda s: not s["reconnecting"], 60)
    status = serve.wait_status("a", lambda s: s["stats"]["video_frames"] > before + 4 * FPS and not s["reconnecting"], 60)
    assert status["state"] == "recording", status
    status = serve.stop("a").json
    assert len(status["outputs"]) == 1, status["outputs"]
    verdict = judge(status["output_path"])
    video = verdict.video
    pace = video.pace(FPS)
    row.measured(f"{status['outcome']}, 1 file, {len(video.missing)} pictures missing ({len(video.missing) / FPS:.1f} s), no picture "
                 f"over {pace * 1000:.0f} ms from its place, longest hole in the sound {verdict.audio.longest_hole * 1000:.0f} ms, "
                 f"sound ends {(verdict.audio.end - video.times[-1]) * 1000:+.0f} ms after the picture")  # fmt: skip
    assert verdict.errors == [] and video.monotonic, verdict.errors[:5]
    assert len(video.missing) <= (seconds - 2) * FPS, "what came into the socket was not written"
    assert pace < 0.1 and verdict.audio.longest_hole < 0.03
    assert abs(verdict.audio.end - video.times[-1]) < 0.3
    return verdict
