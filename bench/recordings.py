"""Many recordings of one process, and what they cost."""

import concurrent.futures
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import statistics
import subprocess
import threading
import time

from harness.publisher import Publisher
from harness.recorder import Lines, Serve, environment, program
from harness.server import LiveKitServer, stop_process

from machine import (
    RECORDER_CORE, SENDER_CORE, Usage, anonymous_mib, give_way, pinned, rss_mib, syscalls_per_second,
)  # fmt: skip

HD = {"codec": "h264", "own_encoder": True, "width": 1280, "height": 720, "bitrate": 2_000_000}
HD_LOAD = "size=1280x720,bitrate=2000000"
HD_BITS = 2_100_000  # a second of picture and sound
ROOM_SECONDS = 300  # until it has encoded what it will send
ROOM_LONGEST = "900s"  # in case that nobody ends it
REFUSED_MAX = 20
LEAST_FREE = 512 << 20
GUARD_SECONDS = 0.5
CALLERS = 8  # that start recordings at the same time
MORE_STARTS = 5  # one by one, while the others run
SETTLE_SECONDS = 2.5  # a key frame, and the first fragments
LOOKS = 5  # at how old the last write is; one where room for files is short
STOP_SECONDS = 180
MANY = {
    "ROOMTAPE_SERVICE_MAX_RECORDINGS": "5000", "ROOMTAPE_API_REQUEST_RATE": "0",
    "ROOMTAPE_API_START_RATE": "0", "ROOMTAPE_API_START_RATE_TOTAL": "0",
}  # fmt: skip
NO_FINALISING = {"ROOMTAPE_OUTPUT_FINALIZE_MAX_BYTES": "1"}


class LoadRoom:
    """The embedded room that sends ready-made media, on the sender's core; each recording has a room of its own."""

    def __init__(self, *publishers):
        words = [word for text in publishers for word in ("--publisher", text)]
        with pinned(SENDER_CORE):
            self.process = subprocess.Popen(
                [program(), "room", "--load", "--stats", "--duration", ROOM_LONGEST, *words], text=True, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment(),
            )  # fmt: skip
        self.out = Lines(self.process.stdout)
        ready = self.out.wait(json.loads, ROOM_SECONDS)
        if not ready:
            status = stop_process(self.process)
            raise RuntimeError(f"the room of {len(publishers)} publishers does not start (exit status {status})")
        self.url, self.KEY, self.SECRET = ready["url"], ready["api_key"], ready["api_secret"]
        give_way(self.process.pid, but="room-net")

    def room(self, number):
        return f"bench-{number}"

    def sent(self):
        """How it sent since it was asked last."""
        self.process.send_signal(signal.SIGUSR1)
        counters = self.out.wait(json.loads, 10)
        if not counters:
            raise RuntimeError("the room does not say what it sent")
        return {"late_p99_ms": counters["load_late_ms"], "sent": counters["load_packets"],
                "unsent": counters["load_unsent"]}  # fmt: skip

    def close(self):
        stop_process(self.process)


class RealRoom:
    """A livekit-server and one publisher, on the sender's core; all recordings are of its room."""

    def __init__(self, folder):
        with pinned(SENDER_CORE):
            self.server = LiveKitServer(folder).__enter__()
            try:
                self.publisher = Publisher(self.server, "bench", **HD).ready()
            except BaseException:
                self.server.stop()
                raise
        self.process = self.server.process
        self.url, self.KEY, self.SECRET = self.server.url, self.server.KEY, self.server.SECRET

    def room(self, number):
        del number
        return self.publisher.room

    def sent(self):
        """How late it ever was."""
        return {"late_worst_ms": self.publisher.stats()["late"] * 1000}

    def close(self):
        self.publisher.close()
        self.server.stop()


def _values(text, metric):
    """Of each track."""
    return [float(value) for value in re.findall(rf"^{metric}\{{.*\}} (\S+)$", text, re.M)]


def _at_once(work, values):
    """work(value) of all, some at the same time; the others are given up when one raises."""
    callers = concurrent.futures.ThreadPoolExecutor(CALLERS)
    try:
        return list(callers.map(work, values))
    finally:
        callers.shutdown(wait=False, cancel_futures=True)


class SpaceGuard(threading.Thread):
    """Ends a process when its files leave too little room: those of a tmpfs are the memory of all."""

    def __init__(self, process, space):
        super().__init__(daemon=True)
        self.process, self.space, self.said = process, space, None
        self.start()

    def run(self):
        while self.process.poll() is None:
            if self.space.free() < LEAST_FREE:
                self.said = f"{self.space.folder} has less than {LEAST_FREE >> 20} MiB left"
                self.process.kill()
            time.sleep(GUARD_SECONDS)


class Recorder:
    """One `roomtape serve` on its core, for many recordings of that source."""

    def __init__(self, source, space, finalises=False):
        self.source, self.folder = source, pathlib.Path(space.folder) / "files"
        with pinned(RECORDER_CORE):
            self.serve = Serve(source, self.folder, log_level="warning",
                               env={**MANY, **({} if finalises else NO_FINALISING)})  # fmt: skip
        self.guard = SpaceGuard(self.serve.process, space)
        self.serve.answers = type("Nothing", (), {"append": lambda *_: None})()
        self.pid, self.ids, self.refused = self.serve.process.pid, [], []

    def start(self, number, **fields):
        """From the call to RECORDING, in milliseconds."""
        mint_id, began = f"bench-{number}", time.monotonic()
        answer = self.serve.start(mint_id, room=self.source.room(number), **fields)
        took = (time.monotonic() - began) * 1000
        if answer.status != 200 or answer.json["state"] != "recording":
            raise RuntimeError(f"start of {mint_id}: {answer}")
        self.ids.append(mint_id)
        return took

    def post(self, what, mint_id):
        answer = self.serve.call("POST", f"/api/recording/{what}", {"mint_id": mint_id})
        if answer.status != 200:
            raise RuntimeError(f"{what} of {mint_id}: {answer}")

    def start_or_tell(self, number, pauses=False, **fields):
        """None when it does not start, which .refused tells; after too many no other is tried."""
        if len(self.refused) > REFUSED_MAX:
            return None
        try:
            took = self.start(number, **fields)
            if pauses:
                self.post("pause", f"bench-{number}")
        except RuntimeError as error:
            self.refused.append(str(error))
            return None
        return took

    def start_many(self, count, pauses=False, **fields):
        """What `pauses` writes nothing until all run: where their files would take too much room."""
        took = _at_once(lambda number: self.start_or_tell(number, pauses, **fields), range(count))
        took = [ms for ms in took if ms is not None]
        if len(self.refused) > REFUSED_MAX or not took:
            raise RuntimeError(f"only {len(took)} of {count} started; {self.refused[0]}")
        if pauses:
            self.post_all("resume")
        return took

    def post_all(self, what):
        _at_once(lambda mint_id: self.post(what, mint_id), list(self.ids))

    def totals(self):
        """What was received and written so far, and when that was; a busy process answers late."""
        began = time.monotonic()
        text = self.serve.get("/metrics").text
        at = (began + time.monotonic()) / 2
        return [at, *(sum(_values(text, f"roomtape_track_{name}_total")) for name in ("packets", "bytes", "bytes_written"))]

    def write_ages(self, looks):
        """Seconds since each track's last write, at some moments."""
        ages = []
        for number in range(looks):
            ages += _values(self.serve.get("/metrics").text, "roomtape_track_seconds_since_last_write")
            time.sleep(0.1 + 0.03 * number)
        return ages

    def losses(self):
        """Packets and frames that came not as far as they had to, over all recordings."""
        lost = dropped = 0
        for status in _at_once(lambda mint_id: self.serve.status(mint_id).json, list(self.ids)):
            lost += sum(track["lost"] for track in status["tracks"].values())
            dropped += sum(count for track in status["ledger"].values() for row in track.values()
                           for reason, count in row["dropped"].items() if reason != "paused")  # fmt: skip
        return {"lost_packets": lost, "dropped_frames": dropped}

    def stop(self):
        """Ends all; how long that took, and how many recordings are not complete."""
        began = time.monotonic()
        status = self.serve.terminate(STOP_SECONDS)
        took, codes = time.monotonic() - began, {}
        for path in self.folder.rglob("*.json"):
            code = json.loads(path.read_text()).get("recording", {}).get("code") or "complete"
            codes[code] = codes.get(code, 0) + 1
        return {"stop_seconds": took, "exit_status": status, "outcomes": codes}

    def close(self):
        stop_process(self.serve.process, 5)
        shutil.rmtree(self.folder, ignore_errors=True)


def spread(values):
    return values and {"median": statistics.median(values), "worst": max(values)}


def _run(recorder, asked, seconds, pauses, fields):
    """The figures while they run."""
    idle = {"idle_rss_mib": rss_mib(recorder.pid), "idle_anonymous_mib": anonymous_mib(recorder.pid)}
    began = time.monotonic()
    starts = recorder.start_many(asked, pauses, **fields)
    all_started, count = time.monotonic() - began, len(starts)
    time.sleep(SETTLE_SECONDS)
    syscalls = syscalls_per_second(recorder.pid)
    before, _ = recorder.totals(), recorder.source.sent()
    usage, sender = Usage(recorder.pid), Usage(recorder.source.process.pid)
    time.sleep(seconds)
    usage = {**usage.end(), **recorder.source.sent(), "sender_percent": sender.end()["cpu_percent"]}
    took, packets, received, written = (end - begin for begin, end in zip(before, recorder.totals()))
    ages = recorder.write_ages(1 if pauses else LOOKS)
    if pauses:
        recorder.post_all("pause")
    losses = recorder.losses()
    more = [recorder.start_or_tell(asked + number, **fields) for number in range(MORE_STARTS)]
    each = took * count
    return {**idle, **usage, "count": count, "refused": recorder.refused, "packets_per_second": packets / each, "received_mbit": received * 8e-6 / each,
            "written_mbit": written * 8e-6 / each, "all_started_seconds": all_started,
            "syscalls_per_second": syscalls and syscalls / count, "start_ms": spread(starts),
            "one_more_start_ms": spread([ms for ms in more if ms is not None]), "on_disk_seconds": spread(ages), **losses}  # fmt: skip


def _per_recording(row):
    count = row["count"]  # of those that run
    for name in ("wakeups_per_second", "switches_per_second"):
        row[name] /= count
    for name in ("cpu", "user", "system"):
        row[f"{name}_ms"] = row.pop(f"{name}_percent") * 10 / count
    row["us_per_packet"] = row["cpu_ms"] * 1000 / row["packets_per_second"]
    row["anonymous_each_mib"] = (row["anonymous_mib"] - row["idle_anonymous_mib"]) / count
    return row


def measure(source, case, seconds, pauses, space):
    """One row; closes the source. CPU is in milliseconds for a second of one recording."""
    recorder = None
    try:
        recorder = Recorder(source, space)
        row = _run(recorder, case.count, seconds, pauses, case.fields)
        row.update(recorder.stop())
    except OSError as error:
        raise RuntimeError(recorder and recorder.guard.said or str(error)) from error
    finally:
        if recorder:
            recorder.close()
        source.close()
    return _per_recording(row)


def _whole_seconds(space, count, seconds, finalises):
    """Processor time of a recorder from its beginning to its end, how long the end took, and what it left."""
    source, recorder = LoadRoom(f"alice,{HD_LOAD}"), None
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        recorder = Recorder(source, space, finalises)
        recorder.start_many(count, output_format="mp4")
        time.sleep(seconds)
        stopped = recorder.stop()
        size = sum(path.stat().st_size for path in recorder.folder.rglob("*.mp4"))
    finally:
        if recorder:
            recorder.close()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        source.close()
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu_seconds": cpu, "bytes": size, **stopped}


def finalising(space, count, seconds):
    """The same recordings with and without it."""
    without = _whole_seconds(space, count, seconds, finalises=False)
    done = _whole_seconds(space, count, seconds, finalises=True)
    extra = done["cpu_seconds"] - without["cpu_seconds"]
    return {"count": count, "seconds": seconds, "ms_per_second": extra * 1000 / count / seconds,
            "with": done, "without": without}  # fmt: skip
