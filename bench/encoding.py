#!/usr/bin/env python3
"""Measures what encoding costs: encoding.py [BUILD FOLDER].

VP8 and Opus are recorded as H.264 and AAC out of a real room, and beside it plain ffmpeg does the same
with the same file; then each format and each speed of libx264 runs as fast as it goes on one core.
Prints the figures beside their targets and writes them to BUILD/bench-encoding.json; nothing passes or
fails. Figures are processor time; `load` is told, as other programs on the machine raise them."""

import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from harness.recorder import Serve, program  # noqa: E402
from harness.server import LiveKitServer, stop_process  # noqa: E402

from machine import Usage, load  # noqa: E402
from table import Table  # noqa: E402

SIZES = {"720p30": (1280, 720, 1_800_000), "1080p30": (1920, 1080, 3_500_000)}
CLIP_SECONDS = 10
SOUND_SECONDS = 120  # sound is encoded so fast that the start of a process would count
LIVE_SECONDS = 15
SETTLE_SECONDS = 3
ROUNDS = 3
QUALITY = "high"
BITRATE, SOUND_BITRATE, DEFAULT_SPEED = 4_000_000, 192_000, "veryfast"  # of that preset
SPEEDS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium")
PICTURE_FORMATS = ("h264", "vp9", "av1", "svtav1")  # mp4 and mpegts encode as h264, webm as vp9
SOUND_FORMATS = ("m4a", "mp3", "wav")
CORE = min(os.sched_getaffinity(0))
LIMIT_SECONDS = 300  # for one program


def run(command, core=None):
    """Runs it to its end; its output and its processor seconds."""
    def pin():
        if core is not None:
            os.sched_setaffinity(0, {core})

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=LIMIT_SECONDS, preexec_fn=pin)  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]}: {done.stderr[-300:]}")
    return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def make_clip(path, width, height, bitrate):
    """A detailed still over which the picture pans, a smaller moving picture in it, sensor noise."""
    still = (f"mandelbrot=size={width * 5 // 4}x{height * 5 // 4}:maxiter=800:start_scale=0.9:"
             "end_scale=0.9:start_x=-0.7436:start_y=0.1318:rate=30")  # fmt: skip
    graph = (f"[0:v]trim=end_frame=1,loop=-1:1,setpts=N/30/TB,fps=30,crop={width}:{height}:"
             "x='(in_w-out_w)/2*(1+sin(2*PI*t/10))':y='(in_h-out_h)/2*(1+cos(2*PI*t/10))'[still];"
             "[still][1:v]overlay=x='(W-w)/2*(1+sin(2*PI*t/5))':y='(H-h)/2*(1+sin(2*PI*t/10))',"
             "noise=alls=6:allf=t,format=yuv420p[picture]")  # fmt: skip
    run(["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", still,
         "-f", "lavfi", "-i", f"testsrc2=size={width // 4}x{height // 4}:rate=30",
         "-f", "lavfi", "-i", "anoisesrc=color=pink:amplitude=0.2:sample_rate=48000",
         "-filter_complex", graph, "-map", "[picture]", "-map", "2:a", "-t", CLIP_SECONDS,
         "-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "6", "-lag-in-frames", "0",
         "-error-resilient", "1", "-g", "30", "-b:v", bitrate, "-minrate", bitrate,
         "-maxrate", bitrate, "-bufsize", bitrate, "-c:a", "libopus", "-ac", "1", "-b:a", "48k",
         path])  # fmt: skip


def make_sound(path):
    run(["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i",
         "anoisesrc=color=pink:amplitude=0.2:sample_rate=48000", "-t", SOUND_SECONDS,
         "-c:a", "libopus", "-ac", "1", "-b:a", "48k", path])  # fmt: skip


def ffmpeg_seconds(clip, out, live=False, core=None):
    """Processor seconds of plain ffmpeg per second of media, with what encode/ sets."""
    source = ["-re", "-stream_loop", "-1"] if live else []
    seconds = LIVE_SECONDS if live else CLIP_SECONDS
    _, cpu = run(["ffmpeg", "-nostdin", "-v", "error", "-y", "-threads", "1", "-filter_threads", "1",
                  *source, "-i", clip, "-t", seconds, "-c:v", "libx264", "-preset", DEFAULT_SPEED,
                  "-x264-params", "rc-lookahead=0:sync-lookahead=0:mbtree=0:sliced-threads=0",
                  "-forced-idr", "1", "-force_key_frames", "expr:gte(t,n_forced*2)", "-g", 1 << 20,
                  "-bf", "0", "-b:v", BITRATE, "-maxrate", BITRATE, "-bufsize", BITRATE // 2,
                  "-threads", "1", "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", SOUND_BITRATE,
                  "-ac", "2", out], core)  # fmt: skip
    return cpu / seconds


def driver_seconds(build, clip, wanted, options="", media_seconds=CLIP_SECONDS):
    """The same of encode/ alone, and what its last lane (the picture's) says."""
    text, cpu = run([build / "bench/encode_bench", clip, wanted, QUALITY, options], CORE)
    return cpu / media_seconds, json.loads(text.splitlines()[-1])


class Sender:
    def __init__(self, server, room, clip):
        self.process = subprocess.Popen(
            [sys.executable, ROOT / "bench/send_file.py", server.url, server.token("alice", room), clip],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def __enter__(self):
        if self.process.stdout.readline() != "sending\n":
            raise RuntimeError("the sender does not start")
        return self

    def __exit__(self, *_):
        stop_process(self.process)


def record(serve, room, mint_id, wanted):
    """Cores that a recording of the room takes, once it runs steadily, and its last status."""
    answer = serve.start(mint_id, room=room, output_format=wanted, video_quality=QUALITY)
    if answer.status != 200 or answer.json["state"] != "recording":
        raise RuntimeError(f"start of {mint_id}: {answer}")
    time.sleep(SETTLE_SECONDS)
    usage = Usage(serve.process.pid)
    time.sleep(LIVE_SECONDS)
    usage = usage.end()
    serve.stop(mint_id)
    status = serve.status(mint_id).json
    seconds = status["stats"]["duration"]
    mbit = os.path.getsize(status["output_path"]) * 8 / seconds / 1e6
    tracks = list(status["tracks"].values())
    return usage, {
        "mbit": mbit,
        "lost": sum(track["lost"] for track in tracks),
        "behind": any(track["encoder_behind"] for track in tracks),
        "left_out": sum(track["encoder"]["left_out"] for track in tracks if track["encoder"]),
    }


def ratios_text(ratios):
    return (f"{statistics.median(ratios):.3f} (median of {len(ratios)}, "
            f"{min(ratios):.3f} to {max(ratios):.3f})")  # fmt: skip


def bench_live(build, server, serve, name, clip, table):
    """The same second of media, recorded out of a room and transcoded by ffmpeg."""
    rows = []
    with Sender(server, name, clip) as sender:
        receiving, told = record(serve, name, f"{name}-source", "webm")
        table.add(f"{name} VP8 + Opus as published", f"{receiving['cpu_percent'] / 100:.3f} cores, "
                  f"{told['mbit']:.2f} Mbit/s, {told['lost']} packets lost", **receiving, **told)  # fmt: skip
        for number in range(ROUNDS):
            sent = Usage(sender.process.pid)
            usage, told = record(serve, name, f"{name}-{number}", "h264")
            sent = sent.end()["cpu_percent"] / 100
            row = {
                "roomtape": usage["cpu_percent"] / 100, "sender": sent, "load": load(), **told,
                "switches": usage["switches_per_second"],
                "ffmpeg_live": ffmpeg_seconds(clip, build / "bench-encoding/live.mp4", live=True),
                "ffmpeg": ffmpeg_seconds(clip, build / "bench-encoding/file.mp4"),
            }  # fmt: skip
            table.add(f"{name} to H.264, round {number + 1}",
                      f"roomtape {row['roomtape']:.3f} cores, ffmpeg in real time "
                      f"{row['ffmpeg_live']:.3f}, ffmpeg at full speed {row['ffmpeg']:.3f}; "
                      f"{told['left_out']} left out, "
                      f"behind: {told['behind']}, {told['lost']} lost, {told['mbit']:.2f} Mbit/s; "
                      f"{row['switches']:.0f} switches/s; sender {sent:.3f} cores; load "
                      f"{row['load']:.2f}", "0 left out", **row)  # fmt: skip
            rows.append(row)
    rows = [row for row in rows if row["left_out"] == 0 and not row["behind"]]
    if not rows:
        table.add(f"{name} to H.264", "no round counts: pictures were left out")
        return
    cores = statistics.median(row["roomtape"] for row in rows)
    table.add(f"{name} to H.264, cores", f"{cores:.3f}", "printed", cores=cores)
    for key, words in (("ffmpeg_live", "in real time"), ("ffmpeg", "at full speed")):
        ratios = [row["roomtape"] / row[key] for row in rows]
        table.add(f"  by ffmpeg {words}", ratios_text(ratios), "1.15 or less", ratios=ratios)


def bench_driver(build, name, clip, table):
    """encode/ alone beside ffmpeg, in turns, each on one core and as fast as it goes."""
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(driver_seconds(build, clip, "h264")[0])
        theirs.append(ffmpeg_seconds(clip, build / "bench-encoding/file.mp4", core=CORE))
    ratios = [a / b for a, b in zip(ours, theirs)]
    table.add(f"{name} to H.264 on one core, no room",
              f"{statistics.median(ours):.3f} s a second, ffmpeg {statistics.median(theirs):.3f} s; "
              f"{ratios_text(ratios)}", "1.15 or less", ours=ours, ffmpeg=theirs, ratios=ratios)  # fmt: skip


def add_factor(table, name, cpu, told, media_seconds):
    table.add(name, f"{1 / cpu:.2f} x real time on one core; {told['settings']}; "
              f"{told['bytes_out'] * 8 / media_seconds / 1e6:.2f} Mbit/s, "
              f"{told['left_out'] + told['undecodable']} left out",
              "more than 1", cpu_per_second=cpu, factor=1 / cpu, **told)  # fmt: skip


def bench_formats(build, name, clip, table):
    for wanted in PICTURE_FORMATS:
        cpu, told = driver_seconds(build, clip, wanted)
        add_factor(table, f"{name} to {wanted}", cpu, told, CLIP_SECONDS)


def bench_sound(build, clip, table):
    for wanted in SOUND_FORMATS:
        cpu, told = driver_seconds(build, clip, wanted, media_seconds=SOUND_SECONDS)
        add_factor(table, f"sound to {wanted}", cpu, told, SOUND_SECONDS)


def bench_speeds(build, name, clip, table):
    for speed in SPEEDS:
        cpu, told = driver_seconds(build, clip, "h264", f"speed={speed}")
        add_factor(table, f"{name}, libx264 {speed}", cpu, told, CLIP_SECONDS)


def main():
    build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build").resolve()
    folder = build / "bench-encoding"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    table, began, load_before = Table(), time.monotonic(), load()

    def part(work, *arguments):
        try:
            work(build, *arguments, table)
        except (RuntimeError, OSError, KeyError, subprocess.TimeoutExpired) as error:
            table.add(f"{work.__name__} {arguments[-2:]}", f"broke off: {str(error)[:300]}")

    clips = {name: folder / f"{name}.webm" for name in SIZES}
    for name, clip in clips.items():
        make_clip(clip, *SIZES[name])
    make_sound(folder / "sound.webm")
    for name, clip in clips.items():
        part(bench_driver, name, clip)
    part(bench_speeds, "1080p30", clips["1080p30"])
    for name, clip in clips.items():
        part(bench_formats, name, clip)
    part(bench_sound, folder / "sound.webm")
    with LiveKitServer(folder) as server, Serve(server, folder / "files", log_level="info") as serve:
        for name, clip in clips.items():
            part(bench_live, server, serve, name, clip)
    about = {"program": program(), "cores": os.cpu_count(), "load_before": load_before,
             "seconds": time.monotonic() - began}  # fmt: skip
    table.write(build / "bench-encoding.json", **about)
    print(f"\n{table.text()}\n\n{about['cores']} cores, load {load_before:.1f} before; "
          f"{about['seconds']:.0f} s; {build / 'bench-encoding.json'}")  # fmt: skip


if __name__ == "__main__":
    main()
