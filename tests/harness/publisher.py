"""Starts harness.publish in a process of its own and talks with it."""

import json
import pathlib
import queue
import re
import subprocess
import sys
import threading
import time

from .server import stop_process

TESTS = pathlib.Path(__file__).resolve().parent.parent
DEFAULTS = {
    "codec": "vp8", "simulcast": False, "width": 320, "height": 240, "fps": 30, "bitrate": 600_000,
    "publish": ["audio", "video"], "muted": [], "own_encoder": False, "noise": 0, "dtx": False,
    "e2ee_key": "", "scene_cuts": True, "tint": [128, 128],
}  # fmt: skip


class Publisher:
    """A participant with a test picture and sound; leaves at the end of the with block."""

    def __init__(self, server, room, identity="alice", token=None, **options):
        unknown = set(options) - set(DEFAULTS)
        assert not unknown, unknown
        self.options = {**DEFAULTS, **options, "url": server.url}
        self.options["token"] = token or server.token(identity, room)
        self.identity, self.room, self.fps = identity, room, self.options["fps"]
        self.reports, self._incoming = [], queue.Queue()
        name = re.sub(r"\W+", "-", f"publisher-{room}-{identity}")[-100:]
        self.log_path = server.folder / f"{name}.log"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "harness.publish"], cwd=TESTS, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip
        self._write(self.options)
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self):
        return self.ready()

    def ready(self):
        self.wait("joined", seconds=30)
        for kind in self.options["publish"]:
            self.wait("published", kind=kind)
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                stop_process(self.process)

    def _write(self, value):
        self.process.stdin.write(json.dumps(value) + "\n")
        self.process.stdin.flush()

    def _read(self):
        for line in self.process.stdout:
            self._incoming.put(json.loads(line))
        self._incoming.put({"event": "gone"})

    def wait(self, event, seconds=20, **fields):
        """The next report of that event; other reports are kept in .reports."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                report = self._incoming.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"{self.identity}: no report {event} {fields}") from None
            self.reports.append(report)
            if report["event"] in ("gone", "error"):
                raise AssertionError(
                    f"{self.identity}: {report}\n" + self.log_path.read_text(errors="replace")[-3000:]
                )
            if report["event"] == event and all(report.get(k) == v for k, v in fields.items()):
                return report

    def report(self, event, **fields):
        """A report that was read before, the newest one."""
        for report in reversed(self.reports):
            if report["event"] == event and all(report.get(k) == v for k, v in fields.items()):
                return report
        raise AssertionError(f"{self.identity} never reported {event} {fields}")

    def do(self, name, answer, kind=None, **fields):
        self._write({"do": name, **({"kind": kind} if kind else {}), **fields})
        return self.wait(answer, **({"kind": kind} if kind else {}))

    def publish(self, kind, muted=False, **changes):
        """`changes` to the options, such as codec."""
        return self.do("publish", "published", kind, muted=muted, changes=changes)

    def resize(self, width, height, kind="video"):
        return self.do("resize", "resized", kind, width=width, height=height)

    def corrupt(self, count, kind="video"):
        """So many of the next pictures are nonsense; needs own_encoder."""
        return self.do("corrupt", "corrupted", kind, count=count)

    def flash(self, kind, seconds):
        """Publishes and unpublishes within these seconds; the report tells how long it `lasted`."""
        return self.do("flash", "flashed", kind, seconds=seconds)

    def publish_sounds(self, count):
        return self.do("publish_sounds", "published_sounds", count=count)

    def unpublish(self, kind):
        return self.do("unpublish", "unpublished", kind)

    def mute(self, kind):
        return self.do("mute", "muted", kind)

    def unmute(self, kind):
        return self.do("unmute", "unmuted", kind)

    def leave(self):
        return self.do("leave", "left")

    def rejoin(self, token=None):
        return self.do("join", "joined", **({"token": token} if token else {}))

    def stats(self, kind="video"):
        return self.do("stats", "stats", kind)

    def captured_at(self, number):
        """When that frame was captured, on time.monotonic()'s clock."""
        return self.report("joined")["origin"] + number / self.fps

    def late(self, kind="video"):
        """By how many seconds the busiest moment of the machine delayed a frame or a block."""
        return self.stats(kind)["late"]

    def unsent(self, kind="video"):
        """How many of the captured frames the encoder left out so far, by its own counters (the best
        layer's). The least of a few readings: a frame may be on its way through the encoder."""
        return max(0, min(self._not_encoded(kind) for _ in range(4)))

    def _not_encoded(self, kind):
        stats = self.stats(kind)
        encoded = max((row["frames_encoded"] for row in stats["sent"]), default=0)
        return stats["last"] - stats["first"] + 1 - encoded
