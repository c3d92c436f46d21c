"""A pause over what no real server does on request."""

from harness.expect import expect_balanced, expect_plays
from harness.recorder import Serve

from .conftest import EmbeddedRoom


def command(serve, name):
    return serve.call("POST", f"/api/recording/{name}", {"mint_id": EmbeddedRoom.ROOM})


def test_connects_again_while_paused(embedded, tmp_path):
    """What is lost with the connection is cut out with the pause: nothing is seen of it."""
    room = embedded("close-socket@3s")
    with Serve(room, tmp_path) as serve:
        mint_id = EmbeddedRoom.ROOM
        assert serve.start(mint_id, output_format="mp4").status == 200
        serve.wait_status(mint_id, lambda s: s["stats"]["duration"] > 1)
        assert command(serve, "pause").json["paused"] is True
        serve.wait_status(mint_id, lambda s: any("is back" in e["text"] for e in s["events"]) and all(
            t["subscribed"] for t in s["tracks"].values()))  # fmt: skip
        assert command(serve, "resume").json["paused"] is False
        before = serve.wait_status(mint_id, lambda s: s["pauses"][0]["end"] is not None)["stats"]
        serve.wait_status(mint_id, lambda s: s["stats"]["duration"] > before["duration"] + 2)
        ended = serve.stop(mint_id).json
        assert (ended["outcome"], ended["end_reason"]) == ("complete", "stopped"), ended
        expect_balanced(serve.status(mint_id).json)
    verdict = expect_plays(ended["output_path"])
    assert verdict.video.unreadable == 0 and verdict.video.longest_gap < 0.2
    assert verdict.audio.longest_hole < 0.030
    assert abs(verdict.duration - ended["stats"]["duration"]) < 0.3, ended["stats"]
