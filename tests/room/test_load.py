"""The embedded room as a load: what `make bench` is fed by."""

import json
import signal


def test_a_load_is_counted_from_one_look_to_the_next(embedded, record):
    room = embedded(publishers=("alice,size=320x180,bitrate=1000000",), flags=("--load",))
    with record(room, settings={"OUTPUT_FORMAT": "mp4"}) as recording:
        recording.wait_frames(60)

        def look():
            room.process.send_signal(signal.SIGUSR1)
            return room.out.wait(json.loads, 10)["load_packets"]

        first, at_once = look(), look()
        assert first > 2 * (50 + 30), first
        assert at_once < first / 4, (first, at_once)
        assert recording.interrupt() == 0
    tracks = recording.sidecar["tracks"].values()
    written, received = (sum(track[name] for track in tracks) for name in ("bytes_written", "bytes"))
    assert written > 0.95 * received, (written, received)
