"""Packets between livekit-server and a recorder are lost, late, twice or in another order.

All faults of a case work at the same time, each on a recorder of its own, through one relay; the round
trip is 50 ms. The publisher sends key frames on request only, as browsers do."""

import concurrent.futures
import contextlib
import dataclasses
import time

import pytest

from harness.losses import PAYLOAD, bound, outcome, together
from harness.publisher import Publisher
from harness.recorder import Record
from harness.relay import RelayedServer

RTT = 0.05
SECONDS = 30
AFTER = 3  # without faults, so that what waits can come
OFFSET = 0.045
OPUS = 111


@dataclasses.dataclass
class Bad:
    """A fault: how it is put on a path, and what is asked of the recording then."""

    name: str
    made: str
    put: object
    asked: str = "every frame"
    least: float = 1.0  # of the frames
    gap: float = 0.25
    loss: float = 0.0  # for the bound
    copies: int = 1  # recordings with this fault
    records: list = dataclasses.field(default_factory=list)
    paths: list = dataclasses.field(default_factory=list)

    def count(self, count):
        """Of something in all paths."""
        return sum(count(path) for path in self.paths)


@pytest.fixture(scope="module")
def relayed(tmp_path_factory):
    with RelayedServer(tmp_path_factory.mktemp("relayed"), seed=20) as server:
        yield server


def lossy(percent, least, asked, gap=0.25, copies=1):
    def put(path):
        path.loss(percent / 100)

    return Bad(f"{percent} % random loss, livekit-server",
               f"a relay loses {percent} % of all packets in both directions", put, asked, least, gap,
               percent / 100, copies)  # fmt: skip


def on(way, **settings):
    def put(path):
        for name, value in settings.items():
            setattr(getattr(path, way), name, value)

    return put


def clear(path):
    """No fault but the round trip from now on."""
    for way in (path.up, path.down):
        way.loss = way.reorder = way.duplicate = way.jitter = 0.0
        way.bursts = way.rate = None
        way.drop_rtcp = False


@contextlib.contextmanager
def recorders(relayed, room, bads, folder):
    with contextlib.ExitStack() as stack:
        for number, bad in enumerate(bad for bad in bads for _ in range(bad.copies)):
            record = stack.enter_context(Record(relayed, room, folder=folder / f"out{number}"))
            path = relayed.relay.path(record.process.pid)
            path.delay(RTT / 2)
            bad.records.append(record)
            bad.paths.append(path)
        for bad in bads:
            for record in bad.records:
                record.wait_state("recording")
        yield


def play(relayed, room, folder, bads, seconds=SECONDS, settled=0, **options):
    """Records with all the faults at once; the publisher's statistics before and after."""
    options = {"codec": "h264", "own_encoder": True, "scene_cuts": False, "width": 640, "height": 360,
               "bitrate": 1_000_000, **options}  # fmt: skip
    with Publisher(relayed, room, **options) as publisher, recorders(relayed, room, bads, folder):
        time.sleep(settled)  # for sender reports of both tracks
        unsent, first = publisher.unsent(), publisher.stats()["last"]
        for bad in bads:
            for path in bad.paths:
                bad.put(path)
        time.sleep(seconds)
        last = publisher.stats()["last"]
        for path in (path for bad in bads for path in bad.paths):
            clear(path)
        time.sleep(AFTER)
        unsent = max(0, publisher.unsent() - unsent)
        for record in (record for bad in bads for record in bad.records):
            assert record.interrupt() == 0, record.tail()
        late = publisher.late("video") + publisher.late("audio")
        largest = publisher.stats()["largest"]
    return first, last, unsent, late, largest


def packets_per_frame(bad, frames):
    """Of the camera, whose stream has the most packets but for the sound's."""
    def camera(path):
        return max(len(s.seen) for s in path.down.streams.values() if s.payload_type != OPUS)

    return bad.count(camera) / len(bad.paths) / frames


def judge_all(bads, first, last, unsent):
    """Two files at a time."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        futures = [[pool.submit(outcome, record, first, last, unsent) for record in bad.records] for bad in bads]
        return [together([one.result() for one in several]) for several in futures]


def check(bads, rows, played):
    """Tells all the figures first, then asserts them."""
    first, last, unsent, late, largest = played
    found = judge_all(bads, first, last, unsent)
    for bad, row, one in zip(bads, rows, found):
        row.measured(one.text())
        if bad.loss:
            per_frame = packets_per_frame(bad, last - first + 1 + AFTER * 30)
            best = bound(bad.loss, per_frame, key_packets=-(-largest // PAYLOAD), rtt=RTT)
            row.measured(f"the bound is {best * 100:.2f} % at {per_frame:.1f} packets a frame")
        carried, dropped = bad.count(lambda p: p.down.carried), bad.count(lambda p: p.down.dropped.total())
        row.measured(f"the relay carried {carried:,} packets to the recorder and dropped {dropped:,}")
    for bad, one in zip(bads, found):
        said = f"{bad.name}: {one.text()}, publisher late by {late:.3f} s"
        assert one.share >= bad.least, said
        assert one.longest_gap <= bad.gap + late, said
        assert abs(one.offset) < OFFSET + late, said
        assert one.moved < 0.1 + late, said
        assert one.hole < 0.1, said
        assert all(path.down.carried > 500 for path in bad.paths), f"{bad.name}: not through the relay"
    return found


def play_rows(relayed, room, tmp_path, fault_row, bads, **options):
    rows = [fault_row("network", bad.name, made=f"{bad.made}, RTT 50 ms", asked=bad.asked) for bad in bads]
    return check(bads, rows, play(relayed, room, tmp_path, bads, **options))


@pytest.mark.timeout(240)
def test_loss(relayed, room, tmp_path, fault_row):
    bads = [
        Bad("no fault, livekit-server", "a relay only delays", lambda path: None,
            "every frame; one PLI a track and one each 10 s"),
        lossy(1, 0.999, "99.9 % of the frames"),
        lossy(5, 0.995, "99.5 % of the frames", gap=1.0, copies=4),
        lossy(10, 0.97, "97 % of the frames", gap=1.5, copies=3),
        lossy(20, 0.75, "75 % of the frames, no gap over 2 s", gap=2.0, copies=2),
    ]  # fmt: skip
    found = play_rows(relayed, room, tmp_path, fault_row, bads)
    for bad in bads[1:]:
        assert all(path.down.dropped["loss"] > 10 and path.up.dropped["loss"] > 0 for path in bad.paths)
    assert found[0].nacks == 0 and found[0].plis <= 1 + (SECONDS + AFTER + 5) // 10, found[0]


@pytest.mark.timeout(240)
def test_order_and_time(relayed, room, tmp_path, fault_row):
    bads = [
        Bad("bursts of 5 to 50 packets, livekit-server", "a relay loses 5 to 50 packets in a row after each "
            "300, both ways", lambda path: (on("down", bursts=(5, 50, 300))(path),
                                            on("up", bursts=(5, 50, 300))(path)),
            "99 % of the frames, no gap over 1.5 s", 0.99, 1.5),
        Bad("reordering by up to 100 ms, livekit-server", "a relay holds 10 % of the packets back by 0 to 100 ms",
            on("down", reorder=0.1, reorder_by=0.1)),
        Bad("duplicates, livekit-server", "a relay sends 20 % of the packets twice, 0 to 20 ms apart",
            on("down", duplicate=0.2)),
        Bad("jitter of 30 ms, livekit-server", "a relay's delay wanders by 30 ms each way",
            lambda path: (on("down", jitter=0.03)(path), on("up", jitter=0.03)(path))),
        Bad("jitter of 150 ms, livekit-server", "a relay's delay wanders by 150 ms each way",
            lambda path: (on("down", jitter=0.15)(path), on("up", jitter=0.15)(path))),
    ]  # fmt: skip
    play_rows(relayed, room, tmp_path, fault_row, bads)
    burst, reorder, duplicates = (bad.paths[0].down for bad in bads[:3])
    assert burst.dropped["burst"] > 100 and reorder.reordered > 100 and duplicates.duplicated > 200


@pytest.mark.timeout(240)
def test_rtcp_and_rate(relayed, room, tmp_path, fault_row):
    bads = [
        Bad("RTCP to the server is cut, livekit-server", "a relay drops the recorder's RTCP", on("up", drop_rtcp=True)),
        Bad("RTCP from the server is cut, livekit-server", "a relay drops the server's RTCP",
            on("down", drop_rtcp=True)),
        Bad("500 kbit/s for 10 s, livekit-server", "a relay passes 500 kbit/s of about 700, behind a queue "
            "of 64 kB", on("down", rate=500_000), "sound complete or silent, every frame again 3 s after it", 0.0, 20.0),
    ]  # fmt: skip
    play_rows(relayed, room, tmp_path, fault_row, bads, seconds=10, settled=6)
    up, down, rate = (bad.paths[0] for bad in bads)
    assert up.up.dropped["rtcp"] > 5 and down.down.dropped["rtcp"] > 2 and rate.down.dropped["rate"] > 10
