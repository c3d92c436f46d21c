"""A link that cannot carry the best layer gets a smaller one, until it can again."""

import time

import pytest

from harness.expect import expect_balanced, expect_plays, expect_together
from harness.publisher import Publisher
from harness.recorder import Serve
from harness.relay import RelayedServer


@pytest.fixture(scope="module")
def relayed(tmp_path_factory):
    with RelayedServer(tmp_path_factory.mktemp("relayed")) as server:
        yield server


@pytest.fixture
def service(relayed, tmp_path):
    with Serve(relayed, tmp_path) as serve:
        yield serve


@pytest.fixture
def alice(relayed, room):
    """Three layers: 320x180, 640x360 and 1280x720 with 1.7 Mbit/s."""
    with Publisher(relayed, room, codec="vp8", simulcast=True, width=1280, height=720, fps=15,
                   bitrate=1_700_000, noise=6) as publisher:  # fmt: skip
        yield publisher


def camera(status):
    return next(track for track in status["tracks"].values() if track["kind"] == "video")


def wait_rate(serve, room, path, rate, seconds):
    """Until the publisher's encoder has climbed to that rate, over two seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        began, bytes_before = serve.status(room).json["stats"]["duration"], path.down.carried_bytes
        status = serve.wait_status(room, lambda s: s["stats"]["duration"] > began + 2)
        passed = status["stats"]["duration"] - began
        if (path.down.carried_bytes - bytes_before) * 8 > rate * passed:
            return status
    raise AssertionError(f"the publisher never sent {rate} bit/s")


def wait_dropped(path, seconds):
    """Until the link is too weak for what is sent: the publisher's rate is not always the same."""
    deadline = time.monotonic() + seconds
    while not sum(path.down.dropped.values()):
        assert time.monotonic() < deadline, "nothing was dropped"
        time.sleep(0.02)


def wait_layer(serve, room, height, seconds):
    """Seconds until the server is asked for it, and the status then."""
    began = time.monotonic()
    status = serve.wait_status(room, lambda s: camera(s)["layer"]["height"] == height, seconds)
    return time.monotonic() - began, status


def wait_stays(serve, room, height, seconds):
    """Seconds until it was asked for and not another one in the five seconds that follow."""
    began = time.monotonic()
    while True:
        rest = seconds - (time.monotonic() - began)
        status = serve.wait_status(room, lambda s: camera(s)["layer"]["height"] == height, rest)
        found, until = time.monotonic() - began, status["stats"]["duration"] + 5
        status = serve.wait_status(room, lambda s: s["stats"]["duration"] > until or
                                   camera(s)["layer"]["height"] != height)  # fmt: skip
        if camera(status)["layer"]["height"] == height:
            return found


@pytest.mark.timeout(150)
@pytest.mark.parametrize("fault", ["full", "loses"])
def test_a_smaller_layer_until_the_link_carries_more(relayed, service, room, alice, fault_row, fault):
    made, name = {
        "full": ("for 15 s the relay carries 600 kbit/s of over 1.1 Mbit/s, 48 kB wait in its queue", "saturated link"),
        "loses": ("for 15 s the relay loses 12 % of the packets to the recorder", "sustained loss"),
    }[fault]  # fmt: skip
    row = fault_row("network", f"{name}, three layers", made=made,
                    asked="a smaller layer is asked for within 8 s of the first packet lost, the largest again within 45 s of the "
                    "link's recovery; no gap over 3 s")  # fmt: skip
    path = relayed.relay.path(service.process.pid)
    path.delay(0.025)
    assert service.start(room, output_format="webm").status == 200
    status = wait_rate(service, room, path, 1_100_000, 40)
    assert camera(status)["layer"] == {"width": 1280, "height": 720, "why": "It is the largest layer."}
    if fault == "full":
        path.down.rate, path.down.queue_bytes = 600_000, 48_000
    else:
        path.down.loss = 0.12
    wait_dropped(path, 20)
    down, status = wait_layer(service, room, 360, 15)
    why = camera(status)["layer"]["why"]
    row.measured(f'640x360 asked for after {down:.1f} s: "{why}"')
    time_left = 15 - down
    service.wait_status(room, lambda s: s["stats"]["duration"] > status["stats"]["duration"] + time_left)
    path.down.rate, path.down.loss = None, 0.0
    up = wait_stays(service, room, 720, 60)
    row.measured(f"1280x720 again {up:.1f} s after its end")
    service.stop(room)
    status = service.status(room).json
    assert status["outcome"] == "complete", status
    verdict = expect_plays(status["output_path"])
    unsent = len(verdict.video.missing)
    share = 1 - unsent / (len(verdict.video.numbers) + unsent)
    row.measured(f"{share:.1%} of the frames, longest gap {verdict.video.longest_gap:.1f} s; "
                 f"the relay carried {path.down.carried} and dropped {sum(path.down.dropped.values())}")  # fmt: skip
    assert path.down.carried > 1000 and sum(path.down.dropped.values()) > 10
    assert down < 8 and up < 45
    assert verdict.video.longest_gap < 3
    assert verdict.video.sizes >= {(1280, 720), (640, 360)}, verdict.video.sizes
    assert ("wait" if fault == "full" else "lost") in why
    texts = [event["text"] for event in status["events"]]
    assert any("asked for at 640x360" in text for text in texts), texts
    assert any("asked for at 1280x720 again" in text for text in texts), texts
    expect_together(verdict, late=0.033)
    expect_balanced(status)
