"""The HTTP interface: answers, refusals, and what it remembers."""

import http.client
import json
import time

import pytest

from harness.expect import expect_plays
from harness.recorder import Serve, run
from harness.server import free_port

START, STOP = "/api/recording/start", "/api/recording/stop"
CHECKLIST = {
    "room_connected", "publications_discovered", "subscribed", "first_rtp", "keyframe",
    "frames_flowing", "rtcp_feedback",
}  # fmt: skip


def expect_error(answer, status, code=None):
    assert answer.status == status, answer
    body = answer.json
    assert body["success"] is False, body
    for name in ("error", "detail"):
        assert isinstance(body[name], str) and body[name], body
    if code:
        assert body["code"] == code, body
    return body


def test_one_recording_from_start_to_stop(serve, server, room, publisher, figures):
    publisher(codec="h264")
    began = time.monotonic()
    answer = serve.start(room, output_format="mp4", video_quality="medium")
    took = time.monotonic() - began
    assert answer.status == 200, answer
    body = answer.json
    assert body["success"] is True and body["mint_id"] == room and body["state"] == "recording"
    assert body["outputs"] and body["output_path"] == body["outputs"][0], body
    assert body["started_at"].endswith("Z")
    figures.append(f"start call to RECORDING: {took * 1000:.0f} ms")
    status = serve.wait_status(room, lambda s: s["stats"]["video_frames"] > 30)
    assert status["success"] and status["state"] == "recording" and status["reconnecting"] is False
    for name in ("video_frames", "audio_frames", "dropped_frames", "pli_requests",
                 "track_subscriptions", "connection_time", "subscription_time"):  # fmt: skip
        assert isinstance(status["stats"][name], (int, float)), name
    assert status["stats"]["track_subscriptions"] == 2
    assert 0 < status["stats"]["connection_time"] < 5
    assert isinstance(status["file_size_mb"], (int, float))
    assert len(status["queues"]) == len(status["tracks"]) == 2
    for queue in status["queues"].values():
        assert {"size", "max", "total_enqueued", "dropped"} <= set(queue)
    assert sorted(q["max"] for q in status["queues"].values()) == [60, 200]
    for track in status["tracks"].values():
        assert {"codec", "packets", "lost", "nack", "pli", "keyframes", "bytes", "last_write_age"} <= set(
            track
        )
        assert track["packets"] > 0 and any("drift" in name for name in track)
    assert set(status["checklist"]) == CHECKLIST
    for item in status["checklist"].values():
        assert item["state"] in ("ok", "not_yet", "failed")
    assert status["outcome"] is None and len(status["ledger"]) == 2
    active = serve.get("/api/recording/active").json
    assert active["success"] and active["recordings"][room]["state"] == "recording"

    expect_error(serve.start(room), 409, "already_active")
    assert serve.status(room).json["state"] == "recording"

    metrics = serve.get("/metrics")
    assert metrics.status == 200 and metrics.headers["Content-Type"].startswith("text/plain")
    for part in ('state="recording"', "packets", "lost", "keyframes", "bytes", "queue", "dropped"):
        assert part in metrics.text, f"no {part} in the metrics"
    assert "# TYPE" in metrics.text

    answer = serve.stop(room)
    assert answer.status == 200, answer
    body = answer.json
    assert body["success"] and body["mint_id"] == room
    assert (body["outcome"], body["end_reason"]) == ("complete", "stopped"), body
    assert body["output_path"] == body["outputs"][0] and body["stats"]["video_frames"] > 30
    expect_plays(body["output_path"])
    again = serve.stop(room)
    assert again.status == 200 and again.json["outputs"] == body["outputs"], again
    finished = serve.status(room).json
    assert finished["state"] == "stopped" and finished["outcome"] == "complete"
    assert room not in serve.get("/api/recording/active").json["recordings"]


def test_finished_ones_are_known_after_a_restart(server, room, publisher, tmp_path):
    publisher(publish=["audio"])
    with Serve(server, tmp_path) as serve:
        serve.start(room)
        time.sleep(1)
        told = serve.stop(room).json
        assert serve.terminate() == 0
    with Serve(server, tmp_path) as serve:
        status = serve.status(room).json
        assert status["outputs"] == told["outputs"] and status["outcome"] == "complete"
        stop = serve.stop(room)
        assert stop.status == 200 and stop.json["end_reason"] == "stopped", stop
        # A new start takes the id.
        assert serve.start(room).json["state"] == "recording"
        time.sleep(1)
        new = serve.stop(room).json
        assert new["outputs"] != told["outputs"]
        assert serve.status(room).json["outputs"] == new["outputs"]
        expect_plays(told["output_path"]), expect_plays(new["output_path"])


def test_unknown_ids(serve):
    for answer in (serve.status("nobody-knows"), serve.stop("nobody-knows")):
        body = expect_error(answer, 404, "not_found")
        assert "No active recording" in body["error"] + body["detail"], body
    expect_error(serve.get("/api/recording/nothing"), 404)
    expect_error(serve.get("/nothing"), 404)


@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b"null", b'"x"', b"{}", b'{"mint_id": 5}', b'{"mint_id": ""}',
    b'{"mint_id": null}', b'{"mint_id": "a", "output_format": "avi"}',
    b'{"mint_id": "a", "video_quality": "huge"}', b'{"mint_id": "a", "duration": "soon"}',
    b'{"mint_id": "a", "duration": -1}', b'{"mint_id": "a", "wait": "perhaps"}',
    b'{"mint_id": "a", "participant": {}}', b'{"mint_id": "a", "url": "http//x"}',
    b'{"mint_id": "\xff\xfe"}', b'{"mint_id": "a\\u0000b"}', b'{"mint_id": "' + b"a" * 10000 + b'"}',
    b'{"mint_id": "a", "room": "' + b"r" * 10000 + b'"}', b"[" * 100000,
], ids=range(21))  # fmt: skip
def test_bad_input(serve, body):
    answer = serve.call("POST", START, body, {"Content-Type": "application/json"})
    expect_error(answer, 400, "bad_request")
    assert serve.get("/healthz").status == 200
    assert serve.get("/api/recording/active").json["success"]


def test_too_large_a_body(serve):
    body = b'{"mint_id": "' + b"a" * 4_000_000 + b'"}'
    try:
        answer = serve.call("POST", START, body, {"Content-Type": "application/json"})
        assert answer.status in (400, 413), answer
    except (ConnectionError, http.client.HTTPException):
        pass  # cut off while it was still sending: as good
    assert serve.get("/healthz").status == 200


@pytest.mark.parametrize("path", [START, STOP])
def test_content_type(serve, path):
    for kind in (None, "text/plain", "application/x-www-form-urlencoded"):
        answer = serve.call("POST", path, b'{"mint_id": "kind"}', {"Content-Type": kind})
        assert answer.status in (400, 415), answer
        assert answer.json["success"] is False
    answer = serve.call(
        "POST", STOP, b'{"mint_id": "kind"}', {"Content-Type": "application/json; charset=utf-8"}
    )
    expect_error(answer, 404)


def test_foreign_hosts_and_origins(serve):
    for headers in ({"Host": "evil.example"}, {"Host": f"evil.example:{serve.port}"},
                    {"Origin": "http://evil.example"}, {"Origin": f"http://127.0.0.1:{serve.port}"},
                    {"Origin": "null"}):  # fmt: skip
        for method, path, body in (("POST", START, {"mint_id": "foreign"}),
                                   ("GET", "/api/recording/active", None)):  # fmt: skip
            answer = serve.call(method, path, body, headers)
            assert 400 <= answer.status < 500, f"{headers} {answer}"
    for host in ("localhost", "127.0.0.1"):
        answer = serve.get("/healthz", headers={"Host": f"{host}:{serve.port}"})
        assert answer.status == 200, answer


def test_methods(serve):
    assert serve.get(START).status in (404, 405)
    assert serve.call("DELETE", "/api/recording/status/x").status in (404, 405)
    assert serve.call("POST", "/api/recording/active", {}).status in (404, 405)


def test_other_url_needs_its_own_token(serve, room):
    answer = serve.start(room, url=f"ws://127.0.0.1:{free_port()}")
    body = expect_error(answer, 401, "unauthorized")
    assert "token" in body["error"] + body["detail"]


def test_token_in_the_request(serve, server, room, publisher):
    publisher(publish=["audio"])
    token = server.token("guest", room, can_publish=False)
    answer = serve.start(room, url=server.url, token=token, duration="1s")
    assert answer.status == 200 and answer.json["state"] == "recording", answer
    status = serve.wait_status(room, lambda s: s["state"] == "stopped")
    assert status["outcome"] == "complete"
    assert token not in json.dumps(status)


def test_failures_have_their_status(serve, server, room):
    expired = server.token("late", room, seconds=-300)
    body = expect_error(serve.start(room, url=server.url, token=expired), 401, "token_expired")
    assert expired not in json.dumps(body)
    answer = serve.start(room, publisher_wait="1s")
    expect_error(answer, 503, "no_participant")
    status = serve.status(room).json
    assert status["code"] == "no_participant" and status["outputs"] == []
    unreachable = f"ws://127.0.0.1:{free_port()}"
    token = server.token("x", room)
    began = time.monotonic()
    answer = serve.start(room + "-x", url=unreachable, token=token)
    expect_error(answer, 503, "server_unreachable")
    assert time.monotonic() - began < 35


def test_codec_unsupported_is_a_400(serve, room, publisher):
    publisher(publish=["video"], codec="vp8")
    body = expect_error(serve.start(room, output_format="mp4", video_quality="source"), 400,
                        "codec_unsupported")  # fmt: skip
    assert "webm" in body["error"].lower() and "mkv" in body["error"].lower(), body


def test_without_waiting(serve, room):
    began = time.monotonic()
    answer = serve.start(room, wait=False, publisher_wait="20s")
    assert answer.status == 200 and answer.json["success"], answer
    assert time.monotonic() - began < 0.5
    assert answer.json["state"] in ("disconnected", "connecting"), answer
    stop = serve.stop(room)
    assert stop.json["outcome"] == "failed" and stop.status == 503, stop
    assert serve.status(room).json["code"] == "cancelled"


def test_a_caller_that_hangs_up_stops_nothing(serve, room, publisher):
    publisher(publish=["audio"])
    connection = http.client.HTTPConnection("127.0.0.1", serve.port)
    connection.request(
        "POST", START, json.dumps({"mint_id": room}), {"Content-Type": "application/json"}
    )
    connection.sock.close()
    serve.wait_status(room, lambda s: s.get("state") == "recording")
    assert serve.stop(room).json["outcome"] == "complete"


def test_two_callers_stop_the_same(serve, room, publisher):
    publisher(publish=["audio"])
    serve.start(room)
    first = http.client.HTTPConnection("127.0.0.1", serve.port, timeout=30)
    first.request(
        "POST", STOP, json.dumps({"mint_id": room}), {"Content-Type": "application/json"}
    )
    second = serve.stop(room)
    assert second.status == 200 and second.json["outcome"] == "complete", second
    answer = first.getresponse()
    assert answer.status == 200 and json.loads(answer.read())["outcome"] == "complete"
    first.close()


def test_formats(serve):
    answer = serve.get("/api/recording/formats")
    assert answer.status == 200, answer
    text = answer.text
    for name in ("h264", "av1", "svtav1", "vp9", "mp4", "webm", "low", "medium", "high", "source"):
        assert f'"{name}"' in text, name
    for value in ("1280", "720", "1000000", "64000", "1920", "1080", "2000000", "128000", "4000000",
                  "192000"):  # fmt: skip
        assert value in text, value
    assert "available" in text


def test_health(serve):
    assert serve.get("/healthz").status == 200
    assert serve.get("/readyz").status == 200


def test_no_capacity(server, room, publisher, tmp_path):
    publisher(publish=["audio"])
    with Serve(server, tmp_path, env={"ROOMTAPE_SERVICE_MAX_RECORDINGS": "1"}) as serve:
        assert serve.start(room).status == 200
        expect_error(serve.start(room + "-2"), 503, "no_capacity")
        assert serve.stop(room).json["outcome"] == "complete"


@pytest.mark.parametrize("address", ["0.0.0.0:0", "192.0.2.1:0", "[::]:0"])
def test_beyond_loopback_callers_need_a_token(tmp_path, address):
    done = run("serve", "--listen", address, "--output-dir", tmp_path, seconds=10)
    said = done.stdout + done.stderr
    assert done.returncode == 1, done
    assert address in said and "loopback" in said and "api.token" in said, done
