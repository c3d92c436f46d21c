"""The publishers seen by another receiver, LiveKit's own SDK: every frame number arrives."""

import asyncio

import numpy as np
import pytest
from livekit import rtc

from harness import picture
from harness.publisher import Publisher
from harness.server import LiveKitServer


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with LiveKitServer(tmp_path_factory.mktemp("server")) as server:
        yield server


async def receive(server, room, frames):
    """The numbers of the next pictures, and how many of the sound's blocks held a beep."""
    numbers, loud, done = [], [], asyncio.Event()
    joined = rtc.Room()
    tasks = []

    async def look(track):
        async for event in rtc.VideoStream(track):
            frame = event.frame.convert(rtc.VideoBufferType.I420)
            plane = np.frombuffer(frame.data, np.uint8)[: frame.width * frame.height]
            numbers.append(picture.read_number(plane.reshape(frame.height, frame.width)))
            if len(numbers) >= frames:
                done.set()

    async def listen(track):
        async for event in rtc.AudioStream(track):
            block = np.frombuffer(event.frame.data, np.int16)
            loud.append(float(np.abs(block).max()) > 8000)

    @joined.on("track_subscribed")
    def subscribed(track, *_):
        work = look if track.kind == rtc.TrackKind.KIND_VIDEO else listen
        tasks.append(asyncio.ensure_future(work(track)))

    await joined.connect(server.url, server.token("viewer", room))
    await asyncio.wait_for(done.wait(), 30)
    for task in tasks:
        task.cancel()
    await joined.disconnect()
    return numbers, sum(loud)


@pytest.mark.parametrize("codec,own_encoder", [("vp8", False), ("h264", True)])
def test_sends_every_frame(server, codec, own_encoder):
    room = f"publisher-{codec}"
    with Publisher(server, room, codec=codec, own_encoder=own_encoder) as publisher:
        numbers, loud = asyncio.run(receive(server, room, 75))
        stats = publisher.stats()
    readable = [n for n in numbers if n is not None]
    assert len(readable) >= len(numbers) - 1
    assert readable == sorted(set(readable))
    # The SDK's own receiver may skip pictures that come late; the sender says that it sent all.
    assert readable[-1] - readable[0] + 1 - len(readable) <= 8
    assert stats["sent"][0]["frames_encoded"] >= stats["last"] - stats["first"] - 3
    assert loud >= 8
