"""The judge judged: files made here with known faults and offsets."""

import fractions

import av
import numpy as np
import pytest

from harness import picture
from harness.judge import _find_beeps, is_fragmented, judge, packets

WIDTH, HEIGHT, FPS = 320, 240, 30

CASES = [
    ("mp4", "libx264", "libopus", {}),
    ("webm", "libvpx", "libopus", {}),
    ("mkv", "libvpx-vp9", "libopus", {}),
    ("mp4", "libx264", "libopus", {"movflags": "frag_keyframe+delay_moov"}),
]


def write(path, video, audio, options, numbers, beep_offset=0.0, seconds=8):
    """Frame n at n / FPS, whichever numbers are told; the sound moved by beep_offset."""
    with av.open(str(path), "w", options=options) as out:
        pictures = out.add_stream(video, rate=FPS)
        pictures.width, pictures.height, pictures.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        pictures.bit_rate = 500_000
        pictures.options = {"preset": "ultrafast"} if video == "libx264" else {
            "deadline": "realtime", "cpu-used": "8"}  # fmt: skip
        pictures.codec_context.time_base = fractions.Fraction(1, FPS)
        sounds = out.add_stream(audio, rate=48000)
        sounds.layout = "mono"
        for number in numbers:
            raw = np.frombuffer(picture.i420(number, WIDTH, HEIGHT, FPS), np.uint8)
            frame = av.VideoFrame.from_ndarray(raw.reshape(HEIGHT * 3 // 2, WIDTH), "yuv420p")
            frame.pts = number
            frame.time_base = fractions.Fraction(1, FPS)
            out.mux(pictures.encode(frame))
        out.mux(pictures.encode())
        shift = round(beep_offset * 48000)
        size = 960 if audio == "libopus" else 1024
        for at in range(0, seconds * 48000 // size * size, size):
            samples = picture.sound(at - shift + 48000 * 10, size).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(samples, "fltp" if audio == "aac" else "flt", "mono")
            frame.sample_rate, frame.pts = 48000, at
            frame.time_base = fractions.Fraction(1, 48000)
            out.mux(sounds.encode(frame))
        out.mux(sounds.encode())


@pytest.mark.parametrize("container,video,audio,options", CASES)
def test_reads_a_clean_file(tmp_path, container, video, audio, options):
    path = tmp_path / f"clean.{container}"
    write(path, video, audio, options, range(8 * FPS))
    verdict = judge(path)
    assert verdict.errors == []
    assert verdict.video.numbers == list(range(8 * FPS))
    assert verdict.video.missing == [] and verdict.video.duplicates == []
    assert verdict.video.monotonic
    assert verdict.video.pace(FPS) < 0.002
    assert len(verdict.video.flashes) == 8
    assert verdict.audio.duration == pytest.approx(8, abs=0.05)
    assert verdict.duration == pytest.approx(8, abs=0.1)
    median, worst = verdict.sync(after=0.5)
    assert abs(median) < 1
    assert abs(worst - median) < 1


def test_a_flash_without_its_first_picture_measures_nothing(tmp_path):
    """It would seem to begin a picture late."""
    path = tmp_path / "hole.mp4"
    write(path, "libx264", "libopus", {}, [n for n in range(8 * FPS) if n != 3 * FPS])
    verdict = judge(path)
    assert verdict.video.missing == [3 * FPS]
    assert len(verdict.video.flashes) == 7
    _, worst = verdict.sync(after=0.5)
    assert abs(worst) < 2


def test_measures_an_offset(tmp_path):
    for offset in (0.037, -0.021):
        path = tmp_path / "late.mp4"
        write(path, "libx264", "libopus", {}, range(8 * FPS), offset)
        median, worst = judge(path).sync(after=0.5)
        assert median == pytest.approx(offset * 1000, abs=1)
        assert worst == pytest.approx(offset * 1000, abs=1.5)


def test_sound_stays_in_place_behind_an_overlap(tmp_path):
    """A packet too many, one millisecond after the one before, moves nothing that comes later."""
    clean, path = tmp_path / "clean.mkv", tmp_path / "overlap.mkv"
    write(clean, "libx264", "libopus", {}, range(8 * FPS))
    with av.open(str(clean)) as source, av.open(str(path), "w") as out:
        streams = {s.index: out.add_stream_from_template(s) for s in source.streams}
        for packet in source.demux():
            if packet.dts is None:
                continue
            again = None
            if packet.stream.type == "audio" and 0 <= packet.pts * packet.time_base - 3 < 0.02:
                again = av.Packet(bytes(packet))
                again.pts = again.dts = packet.pts + 1
                again.time_base, again.stream = packet.time_base, streams[packet.stream.index]
            packet.stream = streams[packet.stream.index]
            out.mux(packet)
            if again:
                out.mux(again)
    verdict = judge(path)
    assert 0.015 < verdict.audio.longest_overlap < 0.021
    median, worst = verdict.sync(after=4)
    assert abs(median) < 1 and abs(worst) < 1.5


@pytest.mark.parametrize("milliseconds,count", [(10, 4), (30, 3)])
def test_a_beep_with_a_hole(milliseconds, count):
    """A slow clock's packets stand 10 ms apart once in a while, wherever that may be."""
    sound = picture.sound(48000 // 2, 48000 * 4).astype(np.float32)
    begin = 48000 * 3 // 2  # the second one's
    assert np.abs(sound[begin : begin + 4800]).max() > 0.3
    hole = np.zeros(48 * milliseconds, np.float32)
    beeps = _find_beeps(np.concatenate((sound[: begin + 2400], hole, sound[begin + 2400 :])), 48000)
    assert len(beeps) == count
    assert beeps[0] == pytest.approx(0.5, abs=0.002) and beeps[-1] > 3.5
    assert count < 4 or beeps[1] == pytest.approx(1.5, abs=0.011)


def test_finds_missing_and_repeated_frames(tmp_path):
    path = tmp_path / "holes.mp4"
    numbers = [n for n in range(4 * FPS) if n not in (17, 50, 51)]
    write(path, "libx264", "libopus", {}, numbers, seconds=4)
    verdict = judge(path)
    assert verdict.video.missing == [17, 50, 51]
    assert verdict.video.longest_gap == pytest.approx(3 / FPS, abs=0.002)
    verdict.video.numbers.append(verdict.video.numbers[-1])
    assert verdict.video.duplicates == [4 * FPS - 1]


def test_counts_across_the_wrap(tmp_path):
    path = tmp_path / "wrap.mp4"
    write(path, "libx264", "libopus", {}, range(65500, 65600), seconds=3)
    verdict = judge(path)
    assert verdict.video.numbers == list(range(65500, 65600))


def test_sees_a_broken_file(tmp_path):
    path = tmp_path / "broken.mkv"
    write(path, "libx264", "libopus", {}, range(2 * FPS), seconds=2)
    data = bytearray(path.read_bytes())
    for at in range(len(data) // 2, len(data) // 2 + 600):
        data[at] ^= 0x5A
    path.write_bytes(data)
    assert judge(path).errors != []


def test_a_grey_picture_has_no_number():
    assert picture.read_number(np.full((HEIGHT, WIDTH), 100, np.uint8)) is None
    plane = picture.luma(4711, WIDTH, HEIGHT, FPS)
    assert picture.read_number(plane) == 4711
    plane[: HEIGHT // 8, WIDTH * 4 // 20 : WIDTH * 5 // 20] ^= 0xFF
    assert picture.read_number(plane) is None


def test_knows_the_layout(tmp_path):
    plain, pieces = tmp_path / "plain.mp4", tmp_path / "pieces.mp4"
    write(plain, "libx264", "libopus", {"movflags": "faststart"}, range(FPS), seconds=1)
    write(pieces, "libx264", "libopus", CASES[3][3], range(FPS), seconds=1)
    assert is_fragmented(plain) == (False, True)
    assert is_fragmented(pieces)[0]
    assert sum(kind == "video" for kind, *_ in packets(plain)) == FPS
