"""The rows as one table, with a column for each, and what is kept of them."""

import json

import plot


def number(row, name, digits=2):
    value = row.get(name)
    return "-" if value is None else f"{value:.{digits}f}"


def pair(row, name, digits=0):
    value = row.get(name)
    return "-" if not value else f"{value['median']:.{digits}f} / {value['worst']:.{digits}f}"


def of_floor(row, mode, name):
    return number(row.get(f"floor_{mode}", {}), name)


def floor_packets(row):
    found = row.get("floor_timer", {})
    return number({"each": found["packets"] / found["seconds"] / found["count"]} if "packets" in found else {}, "each", 0)


LINES = (
    ("CPU, ms a second of each", lambda row: number(row, "cpu_ms")),
    ("  user", lambda row: number(row, "user_ms")),
    ("  system", lambda row: number(row, "system_ms")),
    ("floor, timer and OpenSSL", lambda row: of_floor(row, "timer", "ms_per_second")),
    ("floor, epoll and libsrtp2", lambda row: of_floor(row, "epoll", "ms_per_second")),
    ("times the floor (timer)", lambda row: number(row, "ratio")),
    ("CPU, us a packet", lambda row: number(row, "us_per_packet")),
    ("floor (timer), us a packet", lambda row: of_floor(row, "timer", "us_per_packet")),
    ("packets/s of each", lambda row: number(row, "packets_per_second", 0)),
    ("  of the floor", floor_packets),
    ("Mbit/s of each received", lambda row: number(row, "received_mbit")),
    ("  written", lambda row: number(row, "written_mbit")),
    ("RSS, MiB", lambda row: number(row, "rss_mib", 1)),
    ("  before the first start", lambda row: number(row, "idle_rss_mib", 1)),
    ("anonymous, MiB", lambda row: number(row, "anonymous_mib", 1)),
    ("  before the first start", lambda row: number(row, "idle_anonymous_mib", 1)),
    ("  more for each", lambda row: number(row, "anonymous_each_mib")),
    ("threads", lambda row: number(row, "threads", 0)),
    ("wake-ups/s of each", lambda row: number(row, "wakeups_per_second", 1)),
    ("context switches/s of each", lambda row: number(row, "switches_per_second", 1)),
    ("system calls/s of each", lambda row: number(row, "syscalls_per_second", 1)),
    ("packets lost", lambda row: number(row, "lost_packets", 0)),
    ("frames dropped", lambda row: number(row, "dropped_frames", 0)),
    ("start, ms, 8 at once: median / worst", lambda row: pair(row, "start_ms")),
    ("all started after, s", lambda row: number(row, "all_started_seconds", 1)),
    ("one more start, ms", lambda row: pair(row, "one_more_start_ms")),
    ("last write, s ago", lambda row: pair(row, "on_disk_seconds", 2)),
    ("all stopped after, s", lambda row: number(row, "stop_seconds", 1)),
    ("sender or server, % of its core", lambda row: number(row, "sender_percent", 0)),
    ("sender late, ms, p99", lambda row: number(row, "late_p99_ms", 0)),
    ("figures of, s", lambda row: number(row, "seconds", 0)),
)


def table(rows):
    cells = [["recordings", *(row["name"] for row in rows)]]
    cells += [[name, *(value(row) for row in rows)] for name, value in LINES]
    widths = [max(len(line[i]) for line in cells) for i in range(len(rows) + 1)]
    lines = [line[0].ljust(widths[0]) + "".join("  " + cell.rjust(width) for cell, width in zip(line[1:], widths[1:]))
             for line in cells]  # fmt: skip
    lines.insert(1, "-" * len(lines[0]))
    return "\n".join(lines + [f"- {note}" for row in rows for note in row["notes"]])


def about_text(about):
    return (f"{about['cores']} x {about['processor']}, {about['memory_gib']} GiB, {about['system']}, kernel {about['kernel']}; "
            f"commit {about['commit']}, {about['date']}, load {about['load_before']:.1f} before; OpenSSL {about['libcrypto']}, "
            f"libsrtp2 {about['libsrtp2']}, libnice {about['nice']}, GLib {about['glib-2.0']}; {about['livekit_server']}")  # fmt: skip


def write(folder, about, rows, figures):
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"machine": about, "rows": rows, "figures": figures}, indent=2)
    (folder / "latest.json").write_text(text + "\n")
    if svg := plot.draw(rows, about_text(about)):
        (folder / "latest.svg").write_text(svg)
