#!/usr/bin/env python3
"""Measures roomtape against the least that receiving, decrypting and writing costs, and against a real
livekit-server: bench.py [BUILD FOLDER].

The recorder has core 0 for itself and what sends to it core 1. Prints one table and writes it to
bench/results/ as JSON and as a plot; nothing passes or fails, but a row says when its figures are not the
recorder's. BENCH_PARTS (scale,further,real) and BENCH_COUNTS (1,10,50,200,500,600,1000) choose, BENCH_SECONDS
sets how long each row is measured, BENCH_DIR where files go, BENCH_RESULTS where the results go."""

import os
import pathlib
import shutil
import signal
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import machine  # noqa: E402
import real  # noqa: E402
import report  # noqa: E402
import scale  # noqa: E402
from space import Space  # noqa: E402
from table import Table  # noqa: E402

PARTS = ("scale", "further", "real")


def listed(name, default):
    text = os.environ.get(name)
    return [part.strip() for part in text.split(",")] if text else list(default)


def cases(parts, folder):
    counts = [int(count) for count in listed("BENCH_COUNTS", scale.COUNTS)]
    seconds = int(os.environ.get("BENCH_SECONDS") or 0)
    made = scale.scale_cases(counts, seconds) if "scale" in parts else []
    made += scale.further_cases(seconds) if "further" in parts else []
    made += scale.real_cases(seconds, folder) if "real" in parts else []
    return made


def measure(parts, build, space, table):
    rows = []
    for case in cases(parts, space.folder):
        print(f"bench: {case.name}: {case.count} recordings", flush=True)
        rows.append(scale.run_case(case, build, space))
        print(report.table(rows[-1:]) + "\n", flush=True)
    if "further" in parts:
        scale.run_finalising(space, table)
    if "real" in parts:
        real.run(space.folder, table)
    return rows


def main():
    build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build").resolve()
    parts = listed("BENCH_PARTS", PARTS)
    if unknown := set(parts) - set(PARTS):
        raise SystemExit(f"bench: BENCH_PARTS has {', '.join(unknown)}; the parts are {', '.join(PARTS)}")
    folder = pathlib.Path(os.environ.get("BENCH_DIR") or "/dev/shm") / f"roomtape-bench-{os.getpid()}"
    server = os.environ.get("LIVEKIT_SERVER") or ROOT / ".tools/bin/livekit-server"
    table, began, about = Table(), time.monotonic(), machine.describe(ROOT, server)
    folder.mkdir(parents=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    try:
        with Space(folder) as space:
            rows = measure(parts, build, space, table)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    about["seconds"] = round(time.monotonic() - began)
    results = pathlib.Path(os.environ.get("BENCH_RESULTS") or ROOT / "bench/results")
    report.write(results, about, rows, table.rows)
    print(f"\n{report.table(rows)}\n" if rows else "")
    print(f"{table.text()}\n" if table.rows else "")
    print(f"{report.about_text(about)}\n{about['seconds']} s; {results}/latest.json, latest.svg")


if __name__ == "__main__":
    main()
