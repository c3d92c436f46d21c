"""Many recordings of one process, and what they cost."""

import concurrent.futures
import json
import os
import pathlib
import re
import resource
import shutil
import statistics
import subprocess
import time

from harness.publisher import Publisher
from harness.recorder import Lines, Serve, environment, program
from harness.server import LiveKitServer, stop_process

from machine import (
    RECORDER_CORE, SENDER_CORE, Usage, anonymous_mib, pinned, rss_mib, syscalls_per_second,
)  # fmt: skip

HD = {"codec": "h264", "own_encoder": True, "width": 1280, "height": 720, "bitrate": 2_000_000}
HD_LOAD = "size=1280x720,bitrate=2000000"
HD_BITS = 2_100_000  # a second of picture and sound
ROOM_SECONDS = 300  # until it has encoded what it will send
CALLERS = 8  # that start recordings at the same time
START_SECONDS = 60
MORE_STARTS = 5  # one by one, while the others run
SETTLE_SECONDS = 3
LOOKS = 5  # at how old the last write is
STOP_SECONDS = 180
MANY = {
    "ROOMTAPE_SERVICE_MAX_RECORDINGS": "5000", "ROOMTAPE_API_REQUEST_RATE": "0",
    "ROOMTAPE_API_START_RATE": "0", "ROOMTAPE_API_START_RATE_TOTAL": "0",
}  # fmt: skip
NO_FINALISING = {"ROOMTAPE_OUTPUT_FINALIZE_MAX_BYTES": "0"}


class LoadRoom:
    """The embedded room that sends ready-made media, on the sender's core; each recording has a room of its own."""

    def __init__(self, *publishers):
        words = [word for text in publishers for word in ("--publisher", text)]
        with pinned(SENDER_CORE):
            self.process = subprocess.Popen(
                [program(), "room", "--load", "--stats", *words], text=True, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment(),
            )  # fmt: skip
        self.out = Lines(self.process.stdout)
        ready = self.out.wait(json.loads, ROOM_SECONDS)
        if not ready:
            stop_process(self.process)
            raise RuntimeError(f"the room of {len(publishers)} publishers is not ready after {ROOM_SECONDS} s")
        self.url, self.KEY, self.SECRET = ready["url"], ready["api_key"], ready["api_secret"]

    def room(self, number):
        return f"bench-{number}"

    def close(self):
        """Ends it; what it says of its sending."""
        stop_process(self.process)
        self.out.closed.wait(5)
        counters = json.loads(self.out.all[-1])
        return {"late_p99_ms": counters["load_late_ms"], "sent": counters["load_packets"],
                "unsent": counters["load_unsent"]}  # fmt: skip


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
        self.url, self.KEY, self.SECRET = self.server.url, self.server.KEY, self.server.SECRET

    def room(self, number):
        del number
        return self.publisher.room

    def close(self):
        late = self.publisher.stats()["late"] * 1000
        self.publisher.close()
        self.server.stop()
        return {"late_worst_ms": late}


class Recorder:
    """One `roomtape serve` on its core, for many recordings of that source."""

    def __init__(self, source, folder, finalises=False):
        self.source, self.folder = source, pathlib.Path(folder)
        with pinned(RECORDER_CORE):
            self.serve = Serve(source, self.folder, log_level="warning",
                               env={**MANY, **({} if finalises else NO_FINALISING)})  # fmt: skip
        self.serve.answers = type("Nothing", (), {"append": lambda *_: None})()
        self.pid, self.ids = self.serve.process.pid, []

    def start(self, number, **fields):
        """From the call to RECORDING, in milliseconds."""
        mint_id, began = f"bench-{number}", time.monotonic()
        answer = self.serve.start(mint_id, room=self.source.room(number), **fields)
        took = (time.monotonic() - began) * 1000
        if answer.status != 200 or answer.json["state"] != "recording":
            raise RuntimeError(f"start of {mint_id}: {answer}")
        self.ids.append(mint_id)
        return took

    def start_many(self, count, **fields):
        with concurrent.futures.ThreadPoolExecutor(CALLERS) as callers:
            return list(callers.map(lambda number: self.start(number, **fields), range(count)))

    def metric(self, name):
        """Its value for each track."""
        text = self.serve.get("/metrics").text
        return [float(value) for value in re.findall(rf"^{name}\{{.*\}} (\S+)$", text, re.M)]

    def packets(self):
        return sum(self.metric("roomtape_track_packets_total"))

    def write_ages(self):
        """Seconds since each track's last write, at some moments."""
        ages = []
        for number in range(LOOKS):
            ages += self.metric("roomtape_track_seconds_since_last_write")
            time.sleep(0.1 + 0.03 * number)
        return ages

    def losses(self):
        """Packets and frames that came not as far as they had to, over all recordings."""
        lost = dropped = 0
        for mint_id in self.ids:
            status = self.serve.status(mint_id).json
            lost += sum(track["lost"] for track in status["tracks"].values())
            dropped += sum(queue["dropped"] for queue in status["queues"].values())
            dropped += sum(sum(row["dropped"].values()) for track in status["ledger"].values()
                           for stage, row in track.items() if stage != "queue")  # fmt: skip
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
    return {"median": statistics.median(values), "worst": max(values)}


def _run(recorder, count, seconds, fields):
    """The figures while they run."""
    idle = {"idle_rss_mib": rss_mib(recorder.pid), "idle_anonymous_mib": anonymous_mib(recorder.pid)}
    starts = recorder.start_many(count, **fields)
    time.sleep(SETTLE_SECONDS)
    packets, usage = recorder.packets(), Usage(recorder.pid)
    began = time.monotonic()
    time.sleep(seconds)
    usage = usage.end()
    packets = (recorder.packets() - packets) / (time.monotonic() - began)
    ages = recorder.write_ages()
    syscalls = syscalls_per_second(recorder.pid)
    more = [recorder.start(count + number, **fields) for number in range(MORE_STARTS)]
    return {**idle, **usage, "packets_per_second": packets / count,
            "syscalls_per_second": syscalls and syscalls / count, "start_ms": spread(starts),
            "one_more_start_ms": spread(more), "on_disk_seconds": spread(ages), **recorder.losses()}  # fmt: skip


def _per_recording(row):
    count = row["count"]
    for name in ("wakeups_per_second", "switches_per_second"):
        row[name] /= count
    for name in ("cpu", "user", "system"):
        row[f"{name}_ms"] = row.pop(f"{name}_percent") * 10 / count
    row["us_per_packet"] = row["cpu_ms"] * 1000 / row["packets_per_second"]
    row["anonymous_each_mib"] = (row["anonymous_mib"] - row["idle_anonymous_mib"]) / count
    return row


def measure(source, count, seconds, folder, fields):
    """One row; closes the source. CPU is in milliseconds for a second of one recording."""
    recorder = None
    try:
        recorder = Recorder(source, folder)
        row = _run(recorder, count, seconds, fields)
        row.update(recorder.stop())
    finally:
        if recorder:
            recorder.close()
        sent = source.close()
    return _per_recording({"count": count, **row, **sent})


def _whole_seconds(folder, count, seconds, finalises):
    """Processor time of a recorder from its beginning to its end, how long the end took, and what it left."""
    source, recorder = LoadRoom(f"alice,{HD_LOAD}"), None
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        recorder = Recorder(source, folder, finalises)
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


def finalising(folder, count, seconds):
    """The same recordings with and without it."""
    without = _whole_seconds(folder, count, seconds, finalises=False)
    done = _whole_seconds(folder, count, seconds, finalises=True)
    extra = done["cpu_seconds"] - without["cpu_seconds"]
    return {"count": count, "seconds": seconds, "ms_per_second": extra * 1000 / count / seconds,
            "with": done, "without": without}  # fmt: skip
