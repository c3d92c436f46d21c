"""Chromium on both ends: livekit-client publishes, and what was recorded plays in a <video>."""

import pathlib
import shutil
import time

import av
import pytest

from harness import picture
from harness.browser import Browser, ChromiumPublisher
from harness.expect import expect_balanced, expect_duration, expect_plain, expect_plays
from harness.judge import is_fragmented

LANDSCAPE, PORTRAIT = (320, 240), (240, 320)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
def chromium(browser, server, room):
    """Makes the case's publisher, who leaves at its end."""
    made = []

    def join(**canvas):
        made.append(ChromiumPublisher(browser, server, room, **canvas))
        return made[-1]

    yield join
    for one in made:
        one.page.close()


def track_of(status, kind):
    return next(track for track in status["tracks"].values() if track["kind"] == kind)


def treatments(status):
    return track_of(status, "video")["treatment"], track_of(status, "audio")["treatment"]


def expect_good(status):
    """A whole recording in one file that is finished, with nothing lost on the way."""
    assert (status["outcome"], status["end_reason"]) == ("complete", "stopped"), status
    assert len(status["outputs"]) == 1, status["outputs"]
    assert status["stats"]["dropped_frames"] == status["stats"]["lost_packets"] == 0, status["stats"]
    expect_balanced(status)
    expect_plain(pathlib.Path(status["output_path"]))


class Recordings:
    """Recordings of one room at the same time; each argument is a format with its preset."""

    def __init__(self, serve, room, **presets):
        self.serve, self.ids = serve, {name: f"{room}-{name}" for name in presets}
        for name, preset in presets.items():
            answer = serve.start(self.ids[name], room=room, output_format=name, video_quality=preset)
            assert answer.status == 200 and answer.json["state"] == "recording", answer

    def wait(self, fits):
        for mint_id in self.ids.values():
            self.serve.wait_status(mint_id, fits)

    def wait_more(self, count, kind="video"):
        """Until each has so many pictures, or frames of sound, more."""
        name = f"{kind}_frames"
        had = {i: self.serve.status(i).json["stats"][name] for i in self.ids.values()}
        for mint_id, before in had.items():
            self.serve.wait_status(mint_id, lambda status: status["stats"][name] >= before + count)

    def stop(self):
        """Their statuses by format."""
        for mint_id in self.ids.values():
            self.serve.stop(mint_id)
        told = {name: self.serve.status(mint_id).json for name, mint_id in self.ids.items()}
        for status in told.values():
            expect_good(status)
        return told


def expect_plays_everywhere(browser, path):
    """FFmpeg and Chromium decode the same pictures of it, to the end; what each saw."""
    verdict, played = expect_plays(path), browser.play(path)
    # A growing WebM does not say how long it is.
    assert verdict.duration == 0 or abs(played.duration - verdict.duration) < 0.1, played
    assert played.position == played.duration
    assert abs(played.pictures - len(verdict.video.times)) <= 1, (played, len(verdict.video.times))
    assert played.sound > 1000 * verdict.audio.duration
    assert verdict.audio.peak > 0.1, "silence"
    assert abs(played.sought - played.duration / 2) < 0.1
    shown = {(width, height) for _, width, height in played.sizes}
    assert shown <= verdict.video.sizes, (played.sizes, verdict.video.sizes)
    return verdict, played


def test_what_an_application_does_by_default(serve, room, browser, chromium, figures):
    """The fake camera at 720p, three VP8 layers, Opus; recorded with the old service's default call."""
    chromium()
    recordings = Recordings(serve, room, mp4="medium", webm=None, auto=None)
    recordings.wait_more(45)
    told = recordings.stop()
    assert treatments(told["mp4"]) == ("transcode", "transcode")
    assert treatments(told["webm"]) == treatments(told["auto"]) == ("passthrough", "passthrough")
    codecs = {"mp4": ("h264", "aac"), "webm": ("vp8", "opus"), "auto": ("vp8", "opus")}
    for name, status in told.items():
        verdict, played = expect_plays_everywhere(browser, status["output_path"])
        assert (verdict.video.codec, verdict.audio.codec) == codecs[name]
        expect_duration(verdict, status["stats"]["duration"])
        assert played.sizes[-1][1:] == [1280, 720], played.sizes
        video = track_of(status, "video")
        assert (video["width"], video["height"]) == (1280, 720), video
        figures.append(f"Chromium to {name}: {played.pictures} pictures in {played.duration:.1f} s")
        if name == "mp4":
            # Whatever layer the server begins with.
            assert verdict.video.sizes == {(1280, 720)} and not video["encoder_behind"]


def test_formats_that_encode(serve, room, browser, chromium):
    chromium(codec="vp8")
    recordings = Recordings(serve, room, av1="low", vp9="low")
    recordings.wait_more(45)
    for name, status in recordings.stop().items():
        assert treatments(status)[0] == "transcode"
        verdict, played = expect_plays_everywhere(browser, status["output_path"])
        assert verdict.video.codec == {"av1": "libdav1d", "vp9": "vp9"}[name]
        assert verdict.audio.codec == {"av1": "aac", "vp9": "opus"}[name]
        assert verdict.video.unreadable == 0 and None not in [n for _, n in played.shown]


def test_spatial_layers(serve, room, browser, chromium):
    """A picture of VP9's L3T3_KEY is shown once, in its full size, by FFmpeg and by Chromium."""
    chromium(codec="vp9", width=1280, height=720, bitrate=1_500_000)
    recordings = Recordings(serve, room, mp4=None, webm=None)
    recordings.wait_more(45)
    for status in recordings.stop().values():
        assert track_of(status, "video")["treatment"] == "passthrough"
        verdict, played = expect_plays_everywhere(browser, status["output_path"])
        assert verdict.video.sizes == {(1280, 720)}
        assert verdict.video.unreadable == 0 and None not in [number for _, number in played.shown]


def last_picture(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="gray") for frame in container.decode(video=0)][-1]


def expect_framed(path):
    """The portrait picture in a landscape one: in the middle, whole, between black bars."""
    grey = last_picture(path)
    width, height = LANDSCAPE
    shown = PORTRAIT[0] * height // PORTRAIT[1]
    left = (width - shown) // 2
    assert grey[:, : left - 2].max() < 24 and grey[:, left + shown + 2 :].max() < 24
    assert grey[:, left:left + shown].mean() > 40
    assert picture.read_number(grey[:height, left:left + shown]) is not None


def expect_both_sizes(browser, path):
    verdict, played = expect_plays_everywhere(browser, path)
    assert verdict.video.sizes == {LANDSCAPE, PORTRAIT}
    assert [size[1:] for size in played.sizes] == [list(LANDSCAPE), list(PORTRAIT)], played.sizes
    assert verdict.video.unreadable == 0 and None not in [number for _, number in played.shown]


@pytest.mark.parametrize("codec,formats", [
    ("h264", ["mp4"]), ("vp8", ["webm", "h264"]), ("vp9", ["webm", "mp4"]), ("av1", ["webm", "mp4"]),
])  # fmt: skip
def test_a_picture_that_is_turned(serve, room, browser, chromium, tmp_path, codec, formats):
    """As published it has both sizes, in the finished file and in one that is still being written;
    encoded it keeps the first, and frames the other."""
    alice = chromium(codec=codec)
    recordings = Recordings(serve, room, **dict.fromkeys(formats))
    recordings.wait_more(25)
    alice.resize(*PORTRAIT)
    recordings.wait_more(30)
    growing = {}
    for name, mint_id in recordings.ids.items():
        path = serve.status(mint_id).json["output_path"]
        growing[name] = shutil.copy(path, tmp_path / f"growing-{pathlib.Path(path).name}")
    for name, status in recordings.stop().items():
        video = track_of(status, "video")
        assert video["size_changes"] == 1, video
        if name == "h264":
            verdict, _ = expect_plays_everywhere(browser, status["output_path"])
            assert video["treatment"] == "transcode" and verdict.video.sizes == {LANDSCAPE}
            expect_framed(status["output_path"])
            continue
        assert video["treatment"] == "passthrough"
        expect_both_sizes(browser, status["output_path"])
        expect_both_sizes(browser, growing[name])
        assert name != "mp4" or is_fragmented(growing[name])[0]


def test_a_camera_that_is_switched_off_and_a_page_that_is_loaded_anew(
    serve, room, browser, chromium, fault_row
):
    row = fault_row(
        "publishers", "reload in the browser, camera off and on before it",
        made="livekit-client in Chromium on livekit-server, its page loaded anew",
        asked="as published and encoded: the same file goes on, on the same seats",
    )  # fmt: skip
    alice = chromium()
    recordings = Recordings(serve, room, mp4="low", webm=None)
    recordings.wait_more(20)
    alice.set_camera(False)
    recordings.wait(lambda status: track_of(status, "video")["muted"])
    recordings.wait_more(60, "audio")
    alice.set_camera(True)
    recordings.wait_more(20)
    alice.reload()
    recordings.wait_more(20)
    for name, status in recordings.stop().items():
        verdict, _ = expect_plays_everywhere(browser, status["output_path"])
        pauses = sorted(b - a for a, b in zip(verdict.video.times, verdict.video.times[1:]))[-2:]
        row.measured(
            f"{name}: 1 file, {len(status['tracks'])} seats, {verdict.duration or verdict.audio.end:.1f} s, "
            f"the picture stands for {pauses[0]:.2f} and {pauses[1]:.2f} s, longest hole in the sound "
            f"{verdict.audio.longest_hole * 1000:.0f} ms"
        )
        assert verdict.video.longest_gap > 1
        assert name == "webm" or verdict.video.sizes == {(1280, 720)}
        assert len(status["tracks"]) == 2, "the second page has the seats of the first"


def test_a_camera_that_is_exchanged(serve, room, browser, chromium, fault_row):
    row = fault_row(
        "publishers", "camera switched", made="livekit-client in Chromium: another camera of another size "
        "behind the same publication, and back", asked="as published and encoded: one file, no picture "
        "twice, no gap of a second",
    )  # fmt: skip
    alice = chromium(codec="h264")
    recordings = Recordings(serve, room, mp4=None, vp9="low")
    for size in ((480, 360), LANDSCAPE):
        recordings.wait_more(20)
        alice.switch_camera(*size)
    recordings.wait_more(25)
    for name, status in recordings.stop().items():
        verdict, _ = expect_plays_everywhere(browser, status["output_path"])
        video = verdict.video
        row.measured(
            f"{name}: {len(video.numbers)} pictures, {len(video.duplicates)} twice, sizes "
            f"{', '.join(f'{w}x{h}' for w, h in sorted(video.sizes))}, longest gap {video.longest_gap:.2f} s"
        )
        assert video.unreadable == 0 and video.duplicates == [] and video.longest_gap < 1
        assert video.sizes == ({LANDSCAPE, (480, 360)} if name == "mp4" else {LANDSCAPE})
        assert track_of(status, "video")["size_changes"] == 2


def test_only_the_low_layer_goes_on(serve, room, browser, chromium, fault_row):
    row = fault_row(
        "publishers", "simulcast layers paused and resumed",
        made="livekit-client in Chromium: its upper VP8 layer ends, all layers pause for 2 s, both resume",
        asked="as published and encoded: one file, every picture readable, the large picture comes back",
    )  # fmt: skip
    whole, low = (640, 480), (240, 180)
    alice = chromium(codec="vp8", simulcast=True, width=640, height=480, bitrate=800_000)
    recordings = Recordings(serve, room, webm=None, h264="low")
    for size, layers, pause in ((whole, 2, 0), (low, 1, 0), (whole, 2, 2)):
        alice.send_layers(layers if pause == 0 else 0)
        time.sleep(pause)
        alice.send_layers(layers)
        serve.wait_status(
            recordings.ids["webm"], lambda status: track_of(status, "video")["width"] == size[0]
        )
        recordings.wait_more(15)
    told = recordings.stop()
    for name, sizes in (("webm", {whole, low}), ("h264", {whole})):
        video = track_of(told[name], "video")
        verdict, played = expect_plays_everywhere(browser, told[name]["output_path"])
        row.measured(
            f"{name}: {len(verdict.video.numbers)} pictures, {verdict.video.unreadable} unreadable, "
            f"{video['size_changes']} changes of layer, longest gap {verdict.video.longest_gap:.2f} s"
        )
        assert video["size_changes"] >= 2
        assert verdict.video.sizes == sizes
        assert verdict.video.unreadable == 0 and None not in [n for _, n in played.shown]
