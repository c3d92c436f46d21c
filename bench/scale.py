"""The rows of the table: the floor and roomtape at each count, measured one after the other, so that
their ratio holds while the machine does other things too."""

import dataclasses
import json
import shutil
import subprocess

from recordings import HD_BITS, HD_LOAD, LoadRoom, RealRoom, finalising, measure

COUNTS = (1, 10, 50, 200, 500, 600, 1000)
HELD_COUNTS = (600, 1000)  # of which it is said whether they hold
HELD_SECONDS = 60
SECONDS = {1: 12, **dict.fromkeys(HELD_COUNTS, HELD_SECONDS)}
DEFAULT_SECONDS = 15
FLOOR_SECONDS = 10
REAL_COUNTS = (1, 10, 25)
FINALISED = (10, 10)  # recordings, seconds
LATE_MS = 10  # a sender that is later than that measures itself
SPACE_MARGIN = 1 << 30
EACH_MEMORY = 2 << 20  # of a recording and of what sends to it, where files are memory too
AROUND_SECONDS = 11  # that recordings run before and after the figures
EACH_SECONDS = 0.015  # of that those that start first wait for each of the others
LEAST_SECONDS = 5


@dataclasses.dataclass
class Case:
    """One column of the table."""

    name: str
    count: int
    seconds: int
    source: object  # makes it
    bits: int = HD_BITS  # of one recording, a second
    fields: dict = dataclasses.field(default_factory=lambda: {"output_format": "mp4"})
    floors: bool = False


def loaded(*publishers):
    return lambda: LoadRoom(*publishers)


def scale_cases(counts, seconds):
    return [Case(str(count), count, seconds or SECONDS.get(count, DEFAULT_SECONDS),
                 loaded(f"alice,{HD_LOAD}"), floors=True) for count in counts]  # fmt: skip


def further_cases(seconds):
    seconds = seconds or DEFAULT_SECONDS
    return [
        Case("room of 50", 1, seconds, loaded(*(f"p{number},{HD_LOAD}" for number in range(50))), 50 * HD_BITS),
        Case("1000 audio", 1000, seconds, loaded("alice,video=none"), 64_000, {"output_format": "ogg"}),
        Case("4K", 1, seconds, loaded("alice,audio=none,size=3840x2160,bitrate=20000000"), 21_000_000),
    ]  # fmt: skip


def real_cases(seconds, folder):
    return [Case(f"real {count}", count, seconds or DEFAULT_SECONDS, lambda: RealRoom(folder))
            for count in REAL_COUNTS]  # fmt: skip


def floor(program, mode, count, folder, seconds=FLOOR_SECONDS):
    """What the bare program says."""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run([str(program), mode, str(count), str(seconds), str(folder)],
                          capture_output=True, text=True, timeout=seconds + 120)  # fmt: skip
    shutil.rmtree(folder)
    if done.returncode != 0:
        return {"error": done.stderr.strip() or f"exit status {done.returncode}"}
    return json.loads(done.stdout)


def fit(case, space):
    """(seconds, whether recordings pause until all run, a sentence) by what its files have room for."""
    free = space.free() - SPACE_MARGIN - (case.count * EACH_MEMORY if space.is_memory else 0)
    seconds = int(free / (case.count * case.bits / 8)) - AROUND_SECONDS
    if seconds >= case.seconds + case.count * EACH_SECONDS:
        return case.seconds, False, None
    if seconds >= case.seconds:
        return case.seconds, True, None
    said = f"{case.name}: {space.folder} has room for {max(seconds, 0)} s instead of {case.seconds} s"
    return (seconds, True, said) if seconds >= LEAST_SECONDS else (0, True, said + ", so it is left out")


def judge(row):
    """Whether the figures are of the recorder."""
    if row.get("late_p99_ms", 0) > LATE_MS:
        return f"void: the sender was {row['late_p99_ms']} ms late (p99)"
    if row.get("unsent", 0) > 0:
        return f"void: the kernel did not take {row['unsent']} packets of the sender"
    if row["refused"]:
        return f"{len(row['refused'])} did not start; {row['refused'][0][:400]}"
    if row["lost_packets"] or row["dropped_frames"]:
        return f"{row['lost_packets']} packets lost, {row['dropped_frames']} frames dropped"
    if row["exit_status"] or set(row["outcomes"]) != {"complete"}:
        return f"exit status {row['exit_status']}, outcomes {row['outcomes']}"
    return None


def say(case, seconds, verdict):
    """What is said of a row, plainly where its count is to hold; None where nothing is."""
    if not case.floors or case.count not in HELD_COUNTS or (verdict or "").startswith("void"):
        return verdict and f"{case.name}: {verdict}"
    if not verdict and seconds < HELD_SECONDS:
        verdict = f"measured for {seconds} s instead of {HELD_SECONDS} s"
    if verdict:
        return f"{case.name} recordings do not hold: {verdict}"
    return f"{case.name} recordings hold: all started and ran for {seconds} s, 0 packets lost, 0 frames dropped"


def add_floors(row, program, space):
    for mode in ("timer", "epoll"):
        space.hold()
        found = row[f"floor_{mode}"] = floor(program, mode, row["count"], space.folder / "floor")
        if "error" in found:
            row["notes"].append(f"floor, {mode}, at {row['count']}: {found['error']}")
        elif found["late_p99_ms"] > LATE_MS or found["lost"]:
            row["notes"].append(f"floor, {mode}, at {row['count']}: the sender was {found['late_p99_ms']} ms late (p99), "
                                f"{found['lost']} packets lost")  # fmt: skip


def run_case(case, build, space):
    """The row; what is not right about it is in its notes."""
    row = {"name": case.name, "count": case.count, "notes": []}
    seconds, row["pauses"], said = fit(case, space)
    if said:
        row["notes"].append(said)
    if not seconds:
        return row
    if case.floors:
        add_floors(row, build / "bench/floor_bench", space)
    space.hold()
    try:
        row.update(measure(case.source(), case, seconds, row["pauses"], space))
    except (AssertionError, RuntimeError, OSError, KeyError, subprocess.SubprocessError) as error:
        row["notes"].append(say(case, seconds, f"broke off: {str(error)[:400]}"))
        return row
    if said := say(case, seconds, judge(row)):
        row["notes"].append(said)
    least = row.get("floor_timer", {})
    if "ms_per_second" in least:
        row["ratio"] = row["cpu_ms"] / least["ms_per_second"]
    return row


def run_finalising(space, table):
    found = finalising(space, *FINALISED)
    count, seconds = FINALISED
    table.add(f"finalising {count} MP4s of {seconds} s",
              f"{found['ms_per_second']:.2f} ms of CPU for a second of each; all stopped after {found['with']['stop_seconds']:.2f} s, "
              f"without it {found['without']['stop_seconds']:.2f} s", **found)  # fmt: skip
