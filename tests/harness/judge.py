"""Opens a file as a player would and says what is in it: every frame number, flashes, beeps.

Nothing here knows roomtape. Times are seconds on the file's own timeline; FFmpeg applies edit
lists, pre-skip and codec delays, so that they are the times at which a player shows and sounds."""

import bisect
import dataclasses
import pathlib
import statistics
import subprocess

import av
import numpy as np

from . import picture

NUMBERS = 65536
HOLE_SECONDS = 0.011  # that may lie within a beep


@dataclasses.dataclass
class Video:
    codec: str
    width: int
    height: int
    times: list = dataclasses.field(default_factory=list)  # of every decoded picture
    numbers: list = dataclasses.field(default_factory=list)  # None where it is unreadable
    flashes: list = dataclasses.field(default_factory=list)  # when each began
    sizes: set = dataclasses.field(default_factory=set)

    @property
    def unreadable(self):
        return self.numbers.count(None)

    @property
    def first(self):
        return next((n for n in self.numbers if n is not None), None)

    @property
    def last(self):
        return next((n for n in reversed(self.numbers) if n is not None), None)

    @property
    def missing(self):
        """Numbers between the first and the last that no picture shows."""
        return sorted(set(range(self.first, self.last + 1)) - set(self.numbers))

    @property
    def duplicates(self):
        readable = [n for n in self.numbers if n is not None]
        return sorted({n for n in readable if readable.count(n) > 1}) if len(
            set(readable)
        ) != len(readable) else []

    @property
    def monotonic(self):
        return all(a < b for a, b in zip(self.times, self.times[1:]))

    @property
    def longest_gap(self):
        return max((b - a for a, b in zip(self.times, self.times[1:])), default=0.0)

    @property
    def after_longest_gap(self):
        """When the first picture after the longest pause was shown."""
        pairs = zip(self.times, self.times[1:])
        return max(pairs, key=lambda pair: pair[1] - pair[0])[1]

    def since(self, moment):
        """The same without what was shown before that time."""
        at = bisect.bisect_left(self.times, moment)
        return dataclasses.replace(self, times=self.times[at:], numbers=self.numbers[at:])

    @property
    def duration(self):
        return self.times[-1] - self.times[0] if self.times else 0.0

    def pace(self, fps):
        """The worst distance of a picture from where its number puts it, in seconds."""
        rows = [(t, n) for t, n in zip(self.times, self.numbers) if n is not None]
        origin = statistics.median(t - n / fps for t, n in rows)
        return max(abs(t - n / fps - origin) for t, n in rows)


@dataclasses.dataclass
class Audio:
    codec: str
    rate: int
    channels: int
    start: float = 0.0
    end: float = 0.0
    beeps: list = dataclasses.field(default_factory=list)
    longest_hole: float = 0.0  # between decoded frames
    longest_overlap: float = 0.0
    peak: float = 0.0  # of 1

    @property
    def duration(self):
        return self.end - self.start


@dataclasses.dataclass
class Verdict:
    path: pathlib.Path
    container: str
    duration: float  # as the container says
    videos: list
    audios: list
    errors: list  # what ffmpeg complains of, line by line

    @property
    def video(self):
        assert len(self.videos) == 1, f"{self.path} has {len(self.videos)} video tracks"
        return self.videos[0]

    @property
    def audio(self):
        assert len(self.audios) == 1, f"{self.path} has {len(self.audios)} audio tracks"
        return self.audios[0]

    def offsets(self, after=5.0, begin=None):
        """Beep minus flash in seconds, for flashes from `after` seconds past `begin` (the later of
        the tracks' starts)."""
        if begin is None:
            begin = max(self.video.times[0], self.audio.start)
        found = []
        for flash in self.video.flashes:
            near = [beep - flash for beep in self.audio.beeps if abs(beep - flash) < 0.45]
            if flash >= begin + after and near:
                found.append(min(near, key=abs))
        return found

    def sync(self, after=5.0, begin=None):
        """Median and worst of the offsets, in milliseconds; the worst by its size."""
        found = self.offsets(after, begin)
        assert found, f"{self.path}: no flash with a beep beside it"
        return statistics.median(found) * 1000, max(found, key=abs) * 1000


def _unwrap(number, last):
    """The number without the wrap at 65536, near the last one."""
    if number is None or last is None:
        return number
    return number + round((last - number) / NUMBERS) * NUMBERS


def _decode(container, stream, errors, until=None):
    """Every frame that can be decoded; what cannot is an error and no end."""
    for packet in container.demux(stream):
        if until is not None and packet.pts is not None and packet.pts * packet.time_base > until:
            return
        try:
            yield from packet.decode()
        except av.error.FFmpegError as error:
            errors.append(f"{stream.type} at {packet.pts}: {error}")


def _read_video(container, stream, errors, until=None):
    video = Video(stream.codec_context.name, stream.codec_context.width, stream.codec_context.height)
    last = None
    was_flash = False
    for frame in _decode(container, stream, errors, until):
        plane = frame.to_ndarray(format="gray")
        number = _unwrap(picture.read_number(plane), last)
        # Where the picture before is missing, the flash began with one that was not seen.
        is_next = number is None or last is None or number <= last + 1
        last = number if number is not None else last
        flash = picture.is_flash(plane)
        if flash and not was_flash and is_next:
            video.flashes.append(frame.time)
        was_flash = flash
        video.times.append(frame.time)
        video.numbers.append(number)
        video.sizes.add((frame.width, frame.height))
    return video


def _find_beeps(sound, rate):
    """Where each beep begins: half of its energy lies 50 ms after, whatever the codec smears. One with a
    hole in it, where a slow clock's packets stand apart, is one."""
    window = max(1, rate // 500)
    power = np.convolve(sound.astype(np.float64) ** 2, np.ones(window) / window, "same")
    loud = power > 0.02
    edges = np.flatnonzero(np.diff(np.concatenate(([0], loud.astype(np.int8), [0]))))
    beeps = []
    holes = edges[2::2] - edges[1:-1:2]
    small = np.flatnonzero(holes < HOLE_SECONDS * rate)
    edges = np.delete(edges, np.concatenate((2 * small + 1, 2 * small + 2)))
    for begin, end in zip(edges[::2], edges[1::2]):
        if not 0.08 < (end - begin) / rate < 0.12 + HOLE_SECONDS:
            continue
        from_, to = max(0, begin - rate // 50), min(len(sound), end + rate // 50)
        energy = np.cumsum(sound[from_:to].astype(np.float64) ** 2)
        half = np.searchsorted(energy, energy[-1] / 2)
        beeps.append((from_ + half) / rate - picture.BEEP_SECONDS / 2)
    return beeps


def _read_audio(container, stream, errors, until=None):
    context = stream.codec_context
    audio = Audio(context.name, context.rate, context.channels)
    pieces, position = [], None
    for frame in _decode(container, stream, errors, until):
        samples = frame.to_ndarray().astype(np.float32)
        if frame.format.name.startswith("s16"):
            samples /= 32768
        if not frame.format.is_planar:
            samples = samples.reshape(-1, frame.layout.nb_channels).T
        if position is None:
            audio.start = position = frame.time
        audio.longest_hole = max(audio.longest_hole, frame.time - position)
        audio.longest_overlap = max(audio.longest_overlap, position - frame.time)
        pieces.append((round((frame.time - audio.start) * audio.rate), samples[0]))
        position = frame.time + frame.samples / audio.rate
    if pieces:
        # Where frames overlap or leave a hole, each still sounds at its own time.
        sound = np.zeros(max(at + len(piece) for at, piece in pieces), np.float32)
        for at, piece in pieces:
            sound[at : at + len(piece)] = piece
        audio.end = position
        audio.peak = float(np.abs(sound).max())
        audio.beeps = [at + audio.start for at in _find_beeps(sound, audio.rate)]
    return audio


def complaints(path):
    """What ffmpeg says when it decodes all of it, at the level of errors."""
    done = subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-xerror", "-i", str(path), "-map", "0", "-fps_mode",
         "passthrough", "-enc_time_base", "1:90000", "-f", "null", "-"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return lines or (["ffmpeg failed"] if done.returncode else [])


def judge(path, window=None):
    """All of it, or what lies in those seconds, for files that are too long to look at as a whole."""
    path = pathlib.Path(path)
    begin, until = window or (None, None)
    videos, audios, errors = [], [], []
    with av.open(str(path)) as container:
        name = container.format.name
        duration = (container.duration or 0) / 1e6
        streams = [(s.type, s.index) for s in container.streams if s.type in ("video", "audio")]
    for kind, index in streams:
        with av.open(str(path)) as container:
            stream = container.streams[index]
            stream.thread_type = "NONE"
            if begin is not None:
                container.seek(round(begin / stream.time_base), stream=stream)
            if kind == "video":
                videos.append(_read_video(container, stream, errors, until))
            else:
                audios.append(_read_audio(container, stream, errors, until))
    if window is None:
        errors += complaints(path)
    return Verdict(path, name, duration, videos, audios, errors)


def packets(path):
    """(kind, pts in seconds, keyframe, size) of every packet, for what needs no decoding."""
    with av.open(str(path)) as container:
        for packet in container.demux():
            if packet.pts is not None:
                at = float(packet.pts * packet.time_base)
                yield packet.stream.type, at, packet.is_keyframe, packet.size


def is_fragmented(path):
    """Whether an MP4 has moof boxes, and whether its index comes before its media."""
    boxes = []
    with open(path, "rb") as file:
        while header := file.read(8):
            size = int.from_bytes(header[:4], "big")
            skip = 8
            if size == 1:
                size, skip = int.from_bytes(file.read(8), "big"), 16
            boxes.append(header[4:8].decode("latin-1"))
            if size < skip:
                break
            file.seek(size - skip, 1)
    index_first = "moov" in boxes and (
        "mdat" not in boxes or boxes.index("moov") < boxes.index("mdat")
    )
    return "moof" in boxes, index_first
