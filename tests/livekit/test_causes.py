"""Whatever goes wrong has a code and a sentence, in the answer, the exit status and the log."""

import socket
import ssl
import subprocess
import threading
import time

import pytest

from harness.expect import expect_plays
from harness.publisher import Publisher
from harness.recorder import Record, media_files, run
from harness.server import LiveKitServer, free_port


def expect_failure(record, code):
    exit_status = record.finish()
    assert exit_status != 0, record.tail()
    assert f"{code}:" in record.err.text(), f"no {code} in:\n{record.tail()}"
    assert record.files == [], record.files
    return record


def test_wrong_secret(server, room, tmp_path):
    record = Record(
        server, room, folder=tmp_path, env={"LIVEKIT_API_SECRET": "not the secret " * 3}
    )
    expect_failure(record, "unauthorized")
    assert "not the secret" not in record.text()


def test_unknown_key(server, room, tmp_path):
    record = Record(server, room, folder=tmp_path, env={"LIVEKIT_API_KEY": "nobody"})
    expect_failure(record, "unauthorized")


def test_expired_token(server, room, tmp_path):
    token = server.token("recorder", room, seconds=-300)
    record = Record(server, room, "--url", server.url, "--token", token, folder=tmp_path, login=False)
    expect_failure(record, "token_expired")
    assert token not in record.text()


def test_token_that_may_not_join(server, room, tmp_path):
    token = server.token("recorder", room, room_join=False)
    record = Record(server, room, "--url", server.url, "--token", token, folder=tmp_path, login=False)
    expect_failure(record, "unauthorized")


def test_unknown_host(server, room, tmp_path):
    record = Record(server, room, "--url", "ws://no-such-host.invalid:7880", folder=tmp_path,
                    env={"ROOMTAPE_TIMEOUTS_CONNECTION": "5"})  # fmt: skip
    expect_failure(record, "server_unreachable")
    assert "no-such-host.invalid" in record.text()


def test_nobody_listens(server, room, tmp_path):
    url = f"ws://127.0.0.1:{free_port()}"
    record = Record(server, room, "--url", url, folder=tmp_path,
                    env={"ROOMTAPE_TIMEOUTS_CONNECTION": "3"})  # fmt: skip
    expect_failure(record, "server_unreachable")


def test_a_server_that_never_answers(server, room, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"ws://127.0.0.1:{silent.getsockname()[1]}"
        record = Record(server, room, "--url", url, folder=tmp_path,
                        env={"ROOMTAPE_TIMEOUTS_CONNECTION": "2"})  # fmt: skip
        expect_failure(record, "server_unreachable")


def test_no_publisher(server, room, tmp_path):
    started = time.monotonic()
    record = Record(server, room, "--publisher-wait", "2s", folder=tmp_path)
    expect_failure(record, "no_participant")
    assert 1.5 < time.monotonic() - started < 10


def test_participant_without_media(server, room, publisher, tmp_path):
    publisher(publish=[])
    record = Record(server, room, "--publisher-wait", "2s", folder=tmp_path)
    expect_failure(record, "no_track_published")


def test_publisher_wait_waits(server, room, tmp_path):
    with Record(server, room, "--publisher-wait", "20s", folder=tmp_path) as record:
        record.wait_state("connected", "subscribing")
        with Publisher(server, room, publish=["audio"]):
            record.wait_state("recording")
            time.sleep(1)
            assert record.interrupt() == 0, record.tail()
    expect_plays(record.files[0])


def test_stopped_before_anything_came(server, room, tmp_path):
    with Record(server, room, "--publisher-wait", "20s", folder=tmp_path) as record:
        record.wait_state("connected", "subscribing")
        assert record.interrupt() != 0
    assert "cancelled" in record.text()
    assert media_files(tmp_path) == []


def test_codec_that_the_container_does_not_take(server, room, publisher, tmp_path):
    publisher(publish=["video"], codec="vp8")
    record = Record(server, room, "--format", "mp4", "--quality", "source", folder=tmp_path)
    expect_failure(record, "codec_unsupported")
    assert "webm" in record.text() and "mkv" in record.text(), record.tail()


def test_same_identity_twice(server, room, publisher, tmp_path):
    publisher(publish=["audio"])
    token = server.token("the-one", room, can_publish=False)
    flags = ["--url", server.url, "--token", token]
    with Record(server, room, *flags, folder=tmp_path / "a", login=False) as first:
        first.wait_state("recording")
        time.sleep(1)
        with Record(server, room, *flags, folder=tmp_path / "b", login=False) as second:
            second.wait_state("recording")
            first.finish()
            assert "duplicate_identity" in first.text()
            expect_plays(first.files[0])
            assert first.sidecar["code"] == "duplicate_identity"
            assert second.interrupt() == 0, second.tail()


def test_removed_from_the_room(server, room, publisher, tmp_path):
    publisher(publish=["audio"])
    token = server.token("watcher", room, can_publish=False)
    with Record(
        server, room, "--url", server.url, "--token", token, folder=tmp_path, login=False
    ) as record:
        record.wait_state("recording")
        time.sleep(1)
        server.admin("RemoveParticipant", room, identity="watcher")
        assert record.finish() == 0, record.tail()
    assert record.sidecar["end_reason"] == "removed"
    assert record.sidecar["outcome"] == "complete"
    expect_plays(record.files[0])


def test_removed_before_any_media(server, room, tmp_path):
    token = server.token("watcher", room, can_publish=False)
    record = Record(server, room, "--url", server.url, "--token", token, "--publisher-wait", "20s",
                    folder=tmp_path, login=False)  # fmt: skip
    record.wait_state("connected", "subscribing")
    server.admin("RemoveParticipant", room, identity="watcher")
    expect_failure(record, "removed_from_room")


def test_token_that_may_not_subscribe(server, room, publisher, tmp_path):
    publisher(publish=["audio"])
    token = server.token("deaf", room, can_subscribe=False, can_publish=False)
    record = Record(server, room, "--url", server.url, "--token", token, folder=tmp_path, login=False,
                    env={"ROOMTAPE_TIMEOUTS_SUBSCRIPTION": "3"})  # fmt: skip
    expect_failure(record, "subscription_denied")


def test_encrypted_without_a_key(server, room, publisher, tmp_path):
    publisher(publish=["audio"], e2ee_key="only they know it")
    record = Record(server, room, "--duration", "6s", folder=tmp_path)
    expect_failure(record, "encrypted_no_key")


@pytest.fixture(scope="module")
def strict_server(tmp_path_factory):
    with LiveKitServer(tmp_path_factory.mktemp("strict"), auto_create=False) as server:
        yield server


def test_no_such_room(strict_server, room, tmp_path):
    expect_failure(Record(strict_server, room, folder=tmp_path), "no_such_room")


def test_room_is_full(strict_server, room, tmp_path):
    strict_server.admin("CreateRoom", name=room, max_participants=1)
    with Publisher(strict_server, room, publish=["audio"]):
        token = strict_server.token("one-more", room)
        record = Record(strict_server, room, "--url", strict_server.url, "--token", token,
                        folder=tmp_path, login=False)  # fmt: skip
        expect_failure(record, "server_full")


def test_server_dies(room, tmp_path):
    """What was recorded plays; the cause is told once reconnecting has been given up."""
    (tmp_path / "server").mkdir()
    with LiveKitServer(tmp_path / "server") as mortal:
        with Publisher(mortal, room, publish=["audio"]):
            with Record(mortal, room, folder=tmp_path / "out",
                        env={"ROOMTAPE_TIMEOUTS_RECONNECT": "6"}) as record:  # fmt: skip
                record.wait_state("recording")
                time.sleep(2)
                mortal.kill()
                record.finish(60)
    assert "reconnect_failed" in record.text(), record.tail()
    verdict = expect_plays(record.files[0])
    assert verdict.audio.duration > 1.5
    assert record.sidecar["outcome"] == "partial"


class TlsDoor:
    """Ends TLS in front of the server with a certificate that nobody knows."""

    def __init__(self, port, folder):
        self.certificate = folder / "cert.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
             "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout",
             str(folder / "key.pem"), "-out", str(self.certificate)], check=True, capture_output=True,
        )  # fmt: skip
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, folder / "key.pem")
        self.context, self.target = context, port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                plain, _ = self.listener.accept()
                inner = socket.create_connection(("127.0.0.1", self.target))
                outer = self.context.wrap_socket(plain, server_side=True)
            except (OSError, ssl.SSLError):
                if self.listener.fileno() < 0:
                    return
                continue
            for pair in ((outer, inner), (inner, outer)):
                threading.Thread(target=self._pump, args=pair, daemon=True).start()

    @staticmethod
    def _pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.listener.close()


def test_certificates(server, room, publisher, tmp_path):
    publisher(publish=["audio"])
    door = TlsDoor(server.port, tmp_path)
    url = f"wss://localhost:{door.port}"
    try:
        record = Record(server, room, "--url", url, folder=tmp_path / "unknown")
        expect_failure(record, "tls_error")
        flags = ["--url", url, "--ca-file", door.certificate, "--duration", "1s"]
        with Record(server, room, *flags, folder=tmp_path / "known") as record:
            assert record.finish() == 0, record.tail()
        expect_plays(record.files[0])
    finally:
        door.close()


@pytest.mark.parametrize("rtc_extra,tcp", [("use_ice_lite: true", False), ("force_tcp: true", True)],
                         ids=["ice-lite", "ice-tcp"])  # fmt: skip
def test_other_ways_of_ice(room, tmp_path, rtc_extra, tcp):
    (tmp_path / "server").mkdir()
    with LiveKitServer(tmp_path / "server", tcp=tcp, rtc_extra=rtc_extra) as server:
        with Publisher(server, room, publish=["audio"]):
            with Record(server, room, "--duration", "2s", folder=tmp_path / "out") as record:
                assert record.finish() == 0, record.tail()
    expect_plays(record.files[0])
    if tcp:
        assert "tcp" in str(record.sidecar["transport"]["pair"]).lower(), record.sidecar["transport"]


@pytest.mark.parametrize("flags", [
    ["--format", "avi"], ["--duration", "soon"], ["--duration", "-3s"], ["--no-such-flag"],
    ["--url", "http//nowhere"],
], ids=["format", "duration", "negative", "flag", "url"])  # fmt: skip
def test_bad_arguments(server, room, flags):
    done = run("record", "--url", server.url, "--api-key", "k", "--api-secret", server.SECRET,
               "--room", room, *flags, seconds=10)  # fmt: skip
    assert done.returncode != 0
    assert done.stderr.strip(), "no sentence"
    assert server.SECRET not in done.stdout + done.stderr
