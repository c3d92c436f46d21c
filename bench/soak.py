#!/usr/bin/env python3
"""Twenty recordings of one service, starting, stopping and failing at random, for as long as is asked;
against embedded rooms and a real livekit-server. Memory, threads and descriptors are read whenever all
have ended; prints all readings and is an error when the last is above the first, or an outcome is not
what it has to be."""

import argparse
import contextlib
import pathlib
import random
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from harness.machine import Process  # noqa: E402
from harness.publisher import Publisher  # noqa: E402
from harness.recorder import Serve, media_files  # noqa: E402
from harness.server import LiveKitServer, free_port  # noqa: E402
from room.conftest import EmbeddedRoom  # noqa: E402

SLOTS = 20
LONGEST = 12
PICTURE = "size=160x90,fps=10,bitrate=60000"
MEGABYTE = 1 << 20


class Places:
    """Where there is something to record, and what goes wrong there: (fields of the request, codes)."""

    def __init__(self, stack, folder):
        self.server = stack.enter_context(LiveKitServer(folder))
        stack.enter_context(Publisher(self.server, "real", width=160, height=120, fps=10, bitrate=100_000))
        self.rooms = {}
        for codec in ("h264", "vp8"):
            self.rooms[codec] = EmbeddedRoom("--publisher", f"alice,video={codec},{PICTURE}")
            stack.callback(self.rooms[codec].close)
        lossy = ("--fault", "loss=5%", "--fault", "reorder=40ms", "--fault", "close-socket@20s")
        self.rooms["lossy"] = EmbeddedRoom("--publisher", f"alice,{PICTURE}", *lossy)
        stack.callback(self.rooms["lossy"].close)
        self.rooms["silent"] = EmbeddedRoom("--publisher", "alice", "--fault", "no-media")
        stack.callback(self.rooms["silent"].close)

    def embedded(self, name):
        """An embedded room is not the configured server: it needs a token of its own."""
        from livekit import api

        room = self.rooms[name]
        grants = api.VideoGrants(room_join=True, room=room.ROOM, hidden=True, recorder=True, can_publish=False)
        identity = f"soak-{random.getrandbits(48):x}"
        token = api.AccessToken(room.KEY, room.SECRET).with_identity(identity).with_grants(grants).to_jwt()
        return {"url": room.url, "token": token, "room": room.ROOM}

    def pick(self, dice):
        fine = [
            lambda: ({"room": "real"}, {None}),
            lambda: ({"room": "real", "output_format": "mkv"}, {None}),
            lambda: ({**self.embedded("h264"), "output_format": "mp4"}, {None}),
            lambda: ({**self.embedded("h264"), "output_format": "mkv"}, {None}),
            lambda: ({**self.embedded("vp8"), "output_format": "webm"}, {None}),
            lambda: ({**self.embedded("vp8"), "output_format": "ogg"}, {None}),
            lambda: ({**self.embedded("lossy"), "output_format": "mp4"}, {None}),
            # As many are encoded as there are cores: the others are refused.
            lambda: ({**self.embedded("vp8"), "output_format": "mp4"}, {None, "no_capacity", "encoder_behind"}),
        ]
        bad = [
            lambda: ({"room": "empty", "publisher_wait": "1s"}, {"no_participant"}),
            lambda: ({**self.embedded("silent"), "max_duration": "2s"}, {"no_rtp"}),
            lambda: ({**self.embedded("vp8"), "output_format": "mp4", "video_quality": "source"}, {"codec_unsupported"}),
            lambda: ({**self.embedded("h264"), "url": f"ws://127.0.0.1:{free_port()}"}, {"server_unreachable"}),
            lambda: ({"room": "real", "url": self.server.url, "token": self.server.token("x", "real", seconds=-300)},
                     {"token_expired"}),
        ]  # fmt: skip
        return dice.choice(bad if dice.random() < 0.25 else fine)()


class Slot(threading.Thread):
    """One recording after the other under one id."""

    def __init__(self, number, soak):
        super().__init__(daemon=True)
        self.mint_id, self.soak = f"slot-{number}", soak
        self.dice = random.Random(f"{soak.seed} {number}")
        self.start()

    def run(self):
        while self.soak.may_begin():
            fields, codes = self.soak.places.pick(self.dice)
            try:
                self.record(fields, codes | {"cancelled", "no_track_published"})  # those where it ended before it began
            except Exception as error:  # noqa: BLE001: told at the end, whatever it is
                self.soak.tell(f"{self.mint_id} {fields}: {error!r}")
            self.soak.has_ended()

    def record(self, fields, codes):
        serve, way = self.soak.serve, self.dice.choice(("stop", "stop", "pause", "duration", "discard"))
        if way == "duration":
            fields = {"max_duration": f"{self.dice.uniform(1, LONGEST / 2):.2f}s", **fields}
        answer = serve.start(self.mint_id, **{"wait": False, **fields})
        if answer.status == 200:
            self.live(serve, way)
        status = answer.json if answer.status != 200 else serve.status(self.mint_id).json
        if answer.status == 200 and way == "discard":
            status = {"code": "cancelled"}  # nothing is known of it any more
        if status.get("code") not in codes:
            self.soak.tell(f"{self.mint_id} {way} {fields.get('output_format')}: {status.get('code')}: {status.get('error')}")
        self.soak.count(status.get("code"))
        for path in media_files(serve.folder / self.mint_id):
            path.unlink()
        for path in serve.folder.rglob("*.json"):
            if path.is_relative_to(serve.folder / self.mint_id) or path.name.startswith(f"{self.mint_id}-"):
                path.unlink()

    def live(self, serve, way):
        deadline = time.monotonic() + self.dice.uniform(0, LONGEST)
        while time.monotonic() < deadline and serve.status(self.mint_id).json.get("state") != "stopped":
            time.sleep(0.5)
            if way == "pause" and self.dice.random() < 0.2:
                serve.call("POST", "/api/recording/pause", {"mint_id": self.mint_id})
                time.sleep(0.5)
                serve.call("POST", "/api/recording/resume", {"mint_id": self.mint_id})
        discard = {"discard": True} if way == "discard" else {}
        serve.call("POST", "/api/recording/stop", {"mint_id": self.mint_id, **discard})


class Soak:
    def __init__(self, serve, places, seed):
        self.serve, self.places, self.seed = serve, places, seed
        self.lock = threading.Condition()
        self.is_open, self.is_over, self.busy = True, False, 0
        self.codes, self.problems = {}, []
        self.readings = []

    def may_begin(self):
        with self.lock:
            self.lock.wait_for(lambda: self.is_open or self.is_over)
            self.busy += not self.is_over
            return not self.is_over

    def has_ended(self):
        with self.lock:
            self.busy -= 1
            self.lock.notify_all()

    def count(self, code):
        with self.lock:
            self.codes[code or "complete"] = self.codes.get(code or "complete", 0) + 1

    def tell(self, problem):
        with self.lock:
            self.problems.append(problem)

    def read(self):
        """Lets all end, and reads what the process holds then."""
        with self.lock:
            self.is_open = False
            assert self.lock.wait_for(lambda: self.busy == 0, 120), "a recording never ends"
        time.sleep(12)  # the service returns memory every ten seconds
        if self.serve.process.poll() is not None:
            raise SystemExit(f"soak: the service ended with {self.serve.process.returncode}:\n{self.serve.log()[-3000:]}")
        process = Process(self.serve.process.pid)
        done = sum(self.codes.values())
        reading = (done, process.resident, process.anonymous, process.threads, process.descriptors)
        self.readings.append(reading)
        print(f"soak: {done:6} recordings: {reading[1] / MEGABYTE:7.1f} MB resident, {reading[2] / MEGABYTE:7.1f} MB anonymous, "
              f"{reading[3]} threads, {reading[4]} descriptors", flush=True)  # fmt: skip
        with self.lock:
            self.is_open = True
            self.lock.notify_all()

    def end(self):
        with self.lock:
            self.is_over = True
            self.lock.notify_all()


def judge(readings):
    """What is not flat. The first reading is after the first round: caches and arenas are full then."""
    first, last = readings[0], readings[-1]
    problems = []
    for index, name, room in ((1, "resident memory", 0.15), (2, "anonymous memory", 0.15)):
        if last[index] > first[index] * (1 + room) + 4 * MEGABYTE:
            problems.append(f"{name} grew from {first[index] / MEGABYTE:.1f} to {last[index] / MEGABYTE:.1f} MB")
    for index, name, room in ((3, "threads", 2), (4, "descriptors", 3)):
        if last[index] > first[index] + room:
            problems.append(f"{name} grew from {first[index]} to {last[index]}")
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "out").mkdir()
        places = Places(stack, folder)
        serve = stack.enter_context(
            Serve(places.server, folder / "out", log_level="warning",
                  env={"ROOMTAPE_OUTPUT_TEMPLATE": "{mint_id}/take", "ROOMTAPE_TIMEOUTS_SUBSCRIPTION": "3",
                       "ROOMTAPE_TIMEOUTS_CONNECTION": "12"})
        )  # fmt: skip
        serve.answers = type("Nothing", (), {"append": lambda *_: None})()
        soak = Soak(serve, places, options.seed)
        slots = [Slot(number, soak) for number in range(SLOTS)]
        until = time.monotonic() + options.minutes * 60
        round_seconds = max(20, min(60, options.minutes * 60 / 8))
        while (rest := until - time.monotonic()) > 0 or len(soak.readings) < 2:
            time.sleep(min(round_seconds, max(rest, 1)))
            soak.read()
        soak.end()
        for slot in slots:
            slot.join(60)
        status = serve.terminate()
        problems = soak.problems + judge(soak.readings) + ([f"exit status {status}"] if status else [])
    first, last = soak.readings[0], soak.readings[-1]
    print("soak: outcomes: " + ", ".join(f"{name} {count}" for name, count in sorted(soak.codes.items())))
    print(f"soak: first and last: {first[2] / MEGABYTE:.1f} and {last[2] / MEGABYTE:.1f} MB anonymous, {first[1] / MEGABYTE:.1f} and "
          f"{last[1] / MEGABYTE:.1f} MB resident, {first[3]} and {last[3]} threads, {first[4]} and {last[4]} descriptors, "
          f"over {last[0] - first[0]} recordings")  # fmt: skip
    print("\n".join(f"soak: {problem}" for problem in problems[:40]) or "soak: flat")
    return 1 if problems else 0


sys.exit(main())
