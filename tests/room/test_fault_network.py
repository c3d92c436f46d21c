"""The faults of tests/livekit/test_fault_network.py on the embedded room, each on a room of its own;
all of a case at the same time. The round trip is 50 ms."""

import concurrent.futures

import pytest

from harness.losses import bound, outcome, together

RTT = "delay=25ms"
START = 3  # seconds; the faults begin then
OFFSET = 0.045
CARRIED = 1000  # packets a recording, at least


class Bad:
    repeats = 3  # of a packet, as livekit-server does

    def __init__(self, name, *faults, asked="every frame", least=1.0, gap=0.25, loss=0.0, copies=1):
        self.name, self.faults, self.asked = f"{name}, embedded room", faults, asked
        self.least, self.gap, self.loss, self.copies = least, gap, loss, copies


def lossy(percent, asked, least, gap=0.25, copies=1):
    return Bad(f"{percent} % random loss", f"loss={percent}%@{START}s", f"feedback-loss={percent}%@{START}s",
               asked=asked, least=least, gap=gap, loss=percent / 100, copies=copies)  # fmt: skip


def patient(bad):
    """The same on a room that repeats a packet ten times."""
    bad.faults += ("repeats=10",)
    bad.repeats = 10
    return bad


def play(bads, embedded, record, seconds):
    """The rooms' counters and the recordings, of each fault."""
    rooms, records = [], []
    for number, bad in enumerate(bad for bad in bads for _ in range(bad.copies)):
        rooms.append(embedded(RTT, *bad.faults, flags=["--seed", number + 1]))
        records.append(record(rooms[-1], "--duration", f"{seconds}s"))
    for one in records:
        assert one.finish(seconds + 60) == 0, one.tail()
    return [(room.close(), one) for room, one in zip(rooms, records)]


def whole(one):
    """From its first picture to its last."""
    return outcome(one, 0, 1 << 40)


def check(bads, rows, played):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda pair: whole(pair[1]), played))
    at, several, counters = 0, [], []
    for bad in bads:
        several.append(together(found[at : at + bad.copies]))
        counters.append([stats for stats, _ in played[at : at + bad.copies]])
        at += bad.copies
    for bad, row, one, stats in zip(bads, rows, several, counters):
        sent, lost = (sum(s[key] for s in stats) for key in ("packets_sent", "packets_dropped"))
        row.measured(one.text())
        if bad.loss:
            per_frame = one.packets / one.sent
            best = bound(bad.loss, per_frame, repeats=bad.repeats)
            row.measured(f"the bound is {best * 100:.2f} % at {per_frame:.1f} packets a frame")
        row.measured(f"the room sent {sent:,} packets and lost {lost:,} more")
    for bad, one, stats in zip(bads, several, counters):
        said = f"{bad.name}: {one.text()}"
        assert one.share >= bad.least, said
        assert one.longest_gap <= bad.gap, said
        assert abs(one.offset) < OFFSET and one.moved < 0.1 and one.hole < 0.1, said
        assert all(s["packets_sent"] > CARRIED for s in stats), stats
        assert not bad.loss or all(s["packets_dropped"] > 5 for s in stats), stats
        assert 0.045 < one.round_trip < 0.4 or "feedback-loss=100%" in bad.faults[0], said
    return several, counters


def play_rows(bads, embedded, record, fault_row, seconds):
    rows = [fault_row("network", bad.name, made=f"roomtape room --fault {' --fault '.join([RTT, *bad.faults])}",
                      asked=bad.asked) for bad in bads]  # fmt: skip
    return check(bads, rows, play(bads, embedded, record, seconds))


@pytest.mark.timeout(240)
def test_loss(embedded, record, fault_row):
    bads = [
        Bad("no fault", asked="every frame; one PLI a track and one each 10 s"),
        lossy(1, "99.9 % of the frames", 0.999),
        lossy(5, "99.5 % of the frames", 0.995, gap=1.0, copies=2),
        lossy(10, "97 % of the frames", 0.97, gap=1.5, copies=2),
        patient(lossy(20, "95 % of the frames", 0.95, gap=2.0, copies=2)),
    ]
    found, _ = play_rows(bads, embedded, record, fault_row, 30)
    assert found[0].nacks == 0 and found[0].plis <= 1 + 30 // 10, found[0]


@pytest.mark.timeout(240)
def test_order_and_time(embedded, record, fault_row):
    bads = [
        Bad("bursts of 5, 20 and 50 packets", "burst=5@4s", "burst=20@6s", "burst=50@8s"),
        Bad("reordering by up to 100 ms", f"reorder=100ms@{START}s"),
        Bad("duplicates", f"duplicate=20%@{START}s"),
        Bad("jitter of 30 ms", f"jitter=30ms@{START}s"),
        Bad("jitter of 150 ms", f"jitter=150ms@{START}s"),
        Bad("RTCP to the server is cut", f"feedback-loss=100%@{START}s"),
        Bad("RTCP from the server is cut", "no-sender-report"),
        Bad("500 kbit/s for 10 s", f"rate=500@{START}s+10s",
            asked="half of the frames, no gap over 3 s", least=0.5, gap=3.0),
    ]  # fmt: skip
    _, counters = play_rows(bads, embedded, record, fault_row, 20)
    assert counters[0][0]["packets_dropped"] >= 75
