"""Sync, bursts and starts against a real livekit-server on loopback. The publisher is a program of the same
machine, so each part says what that could send."""

import statistics
import time

from harness.judge import judge
from harness.publisher import Publisher
from harness.recorder import Record, Serve
from harness.server import LiveKitServer

from recordings import HD

LIMIT_SECONDS = 225  # a part that would begin later is left out, and the output says so
SYNC_SECONDS = 12
SYNC_ROUNDS = 2
BURST_SECONDS = 12
BURST_NOISE = 2  # keyframes of about 360 kB
STARTS = 10
COMMAND_STARTS = 3
SETTLE_SECONDS = 2.0  # the server passes on at most one request for a keyframe in a while


class Sent:
    """What the publisher sent of what it was asked to, between here and .text()."""

    def __init__(self, publisher):
        self.publisher, self.begin, self.unsent = publisher, publisher.stats(), publisher.unsent()

    def end(self):
        stats = self.publisher.stats()
        seconds = stats["at"] - self.begin["at"]
        asked = stats["last"] - self.begin["last"]
        return {
            "asked": asked,
            "unsent": max(0, self.publisher.unsent() - self.unsent),
            "due": round(seconds * self.publisher.fps),
            "latest_ms": stats["late"] * 1000,  # since it began
            "fell_behind": stats["late"] > self.begin["late"],
            "largest": stats["largest"],
        }


def sent_text(sent):
    late = f", up to {sent['latest_ms']:.0f} ms late" if sent["fell_behind"] else ""
    return f"publisher sent {sent['asked'] - sent['unsent']} of {sent['due']} frames{late}"


def spread(values, unit="ms"):
    worst = max(values, key=abs)
    return f"median {statistics.median(values):.1f} {unit}, worst {worst:.1f} {unit}"


def start(serve, mint_id, **fields):
    answer = serve.start(mint_id, **fields)
    if answer.status != 200 or answer.json["state"] != "recording":
        raise RuntimeError(f"start of {mint_id}: {answer}")
    return answer.json


def stop(serve, mint_id):
    answer = serve.stop(mint_id)
    if answer.status != 200:
        raise RuntimeError(f"stop of {mint_id}: {answer}")
    return answer.json


def lost_packets(status):
    return sum(track["lost"] for track in status["tracks"].values())


def record_all(serve, room, wanted, seconds):
    """One recording for each name and format, at the same time; the final statuses by name."""
    for mint_id, container in wanted.items():
        start(serve, mint_id, room=room, output_format=container)
    time.sleep(seconds)
    for mint_id in wanted:
        stop(serve, mint_id)
    return {mint_id: serve.status(mint_id).json for mint_id in wanted}


def bench_sync(server, serve, table):
    """Flash and beep, and every frame number."""
    everything = []
    for codec, containers in (("h264", ("mp4", "mkv")), ("vp8", ("webm", "mkv"))):
        room, found = f"sync-{codec}", {name: [] for name in containers}
        missing, unreadable, complaints, lost = 0, 0, [], 0
        with Publisher(server, room, codec=codec) as publisher:
            time.sleep(4)  # the SDK's own clock settles over its first 100 frames
            sent = Sent(publisher)
            done = []
            for number in range(SYNC_ROUNDS):
                wanted = {f"{room}-{name}-{number}": name for name in containers}
                statuses = record_all(serve, room, wanted, SYNC_SECONDS)
                done += [(wanted[mint_id], status) for mint_id, status in statuses.items()]
            sent = sent.end()
        for container, status in done:
            verdict = judge(status["output_path"])
            found[container] += [offset * 1000 for offset in verdict.offsets()]
            missing += len(verdict.video.missing)
            unreadable += verdict.video.unreadable
            complaints += verdict.errors
            lost += lost_packets(status)
        for container, offsets in found.items():
            if offsets:
                table.add(f"beep after flash, {codec} in {container}",
                          f"{spread(offsets)} ({len(offsets)} seconds)", offsets_ms=offsets)  # fmt: skip
            everything += offsets
        table.add(f"frames missing, {codec}, {len(done)} files",
                  f"{missing}; {unreadable} unreadable, {lost} packets lost, "
                  f"{len(complaints)} complaints of ffmpeg; {sent_text(sent)}",
                  "0 of those sent", missing=missing, unreadable=unreadable, lost=lost,
                  complaints=complaints[:10], publisher=sent)  # fmt: skip
    if everything:
        table.add("beep after flash, all", spread(everything), "median < 5 ms, worst < 20 ms",
                  median_ms=statistics.median(everything), worst_ms=max(everything, key=abs))  # fmt: skip


def bench_burst(server, serve, table):
    """Keyframes larger than a usual receive buffer."""
    room = "burst"
    options = {**HD, "noise": BURST_NOISE, "bitrate": 8_000_000, "fps": 15}
    with Publisher(server, room, **options) as publisher:
        sent = Sent(publisher)
        status = record_all(serve, room, {room: "mp4"}, BURST_SECONDS)[room]
        sent = sent.end()
    verdict = judge(status["output_path"])
    missing, lost = len(verdict.video.missing), lost_packets(status)
    pace = verdict.video.pace(publisher.fps) * 1000
    offsets = [offset * 1000 for offset in verdict.offsets(after=0)]
    recovered = sum(track["recovered"] for track in status["tracks"].values())
    keyframes = sum(track["keyframes"] for track in status["tracks"].values())
    table.add("keyframes in one burst",
              f"largest {sent['largest']} bytes, {keyframes} keyframes: {missing} frames missing, "
              f"{lost} packets lost, {recovered} recovered, {len(verdict.errors)} complaints; "
              f"{sent_text(sent)}",
              "about 360 kB, 0 missing of those sent", missing=missing, lost=lost, recovered=recovered,
              largest_bytes=sent["largest"], complaints=verdict.errors[:10], publisher=sent)  # fmt: skip
    steps = sum(track["clock_steps"] for track in status["tracks"].values())
    table.add("  timeline of that file", f"a picture at most {pace:.0f} ms from its place, "
              f"{steps} clock steps, beep after flash {spread(offsets) if offsets else 'not found'}",
              pace_ms=pace, clock_steps=steps, offsets_ms=offsets)  # fmt: skip


def bench_starts(publisher, serve, table):
    """From the request to RECORDING, and from the request to stop to the finished file."""
    starts, connections, stops, sent = [], [], [], Sent(publisher)
    for number in range(STARTS):
        time.sleep(SETTLE_SECONDS + number % 3 * 0.15)
        began = time.monotonic()
        start(serve, f"start-{number}", room=publisher.room, output_format="mp4")
        starts.append((time.monotonic() - began) * 1000)
        time.sleep(0.5)
        began = time.monotonic()
        stats = stop(serve, f"start-{number}")["stats"]
        stops.append((time.monotonic() - began) * 1000)
        connections.append(stats["connection_time"] * 1000)
    sent = sent.end()
    table.add(f"start to RECORDING, HTTP, {STARTS} times", f"{spread(starts)}; {sent_text(sent)}",
              "< 700 ms", ms=starts, publisher=sent)  # fmt: skip
    table.add("  of that until connected", spread(connections), ms=connections)
    table.add(f"stop to finished file, MP4 of 0.5 s, {STARTS} times", spread(stops), ms=stops)


def bench_command(server, room, folder, table):
    """From the start of the process."""
    states, frames, stops = [], [], []
    for number in range(COMMAND_STARTS):
        time.sleep(SETTLE_SECONDS)
        with Record(server, room, folder=folder / f"command-{number}") as record:
            found = record.err.wait(lambda line: "First frame received" in line, 20)
            if found:
                frames.append((time.monotonic() - record.started) * 1000)
            record.wait_state("recording")
            states.append((time.monotonic() - record.started) * 1000)
            time.sleep(0.5)
            began = time.monotonic()
            record.interrupt()
            stops.append((time.monotonic() - began) * 1000)
    if frames:
        table.add(f"command to its first frame, {len(frames)} times", spread(frames), ms=frames)
    table.add(f"command to RECORDING, {len(states)} times", spread(states), "< 700 ms", ms=states)
    table.add("Ctrl-C to exit", spread(stops), ms=stops)


def run(folder, table):
    """All of it; a part that breaks off says so and harms no other."""
    began = time.monotonic()

    def part(name, work, *arguments):
        if time.monotonic() - began > LIMIT_SECONDS:
            table.add(name, "left out: no time is left")
            return
        print(f"bench: {name}", flush=True)
        try:
            work(*arguments, table)
        except (AssertionError, RuntimeError, OSError, KeyError) as error:
            table.add(name, f"broke off: {str(error)[:300]}")

    with LiveKitServer(folder) as server, Serve(server, folder / "files", log_level="info") as serve:
        part("flash and beep", bench_sync, server, serve)
        part("large keyframes", bench_burst, server, serve)
        with Publisher(server, "hd", **HD) as publisher:
            time.sleep(1)
            part("starts and stops", bench_starts, publisher, serve)
            part("command", bench_command, server, publisher.room, folder)
