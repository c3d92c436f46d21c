"""The HTTP service against callers who may not, who send too much, too slowly or too often."""

import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import socket
import ssl
import subprocess
import threading
import time

import pytest

from harness.expect import expect_balanced, expect_every_frame, expect_plays
from harness.recorder import Serve, run

from .conftest import EmbeddedRoom

START, ACTIVE = "/api/recording/start", "/api/recording/active"
TOKEN = "the-token-of-these-tests-0123456789"
ROOM = EmbeddedRoom.ROOM
MEDIA_MIB = 16  # what a recording's own buffers may add to the process meanwhile


def web_token(grant, key=EmbeddedRoom.KEY, secret=EmbeddedRoom.SECRET, alg="HS256", seconds=3600,
              **claims):  # fmt: skip
    """A JSON web token, as right or wrong as asked for."""
    part = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=")  # noqa: E731
    now = int(time.time())
    content = {"iss": key, "sub": "backend", "nbf": now - 10, "exp": now + seconds, "video": grant, **claims}
    content = {name: value for name, value in content.items() if value is not None}
    text = b".".join(part(json.dumps(p).encode()) for p in ({"alg": alg, "typ": "JWT"}, content))
    digest = hmac.new(secret.encode(), text, hashlib.sha256).digest()
    return (text + b"." + (b"" if alg == "none" else part(digest))).decode()


def expect_refused(answer, status, code, *parts):
    assert answer.status == status, answer
    body = answer.json
    assert body["success"] is False and body["code"] == code, body
    for part in parts:
        assert part in body["error"], body
    return body["error"]


def exchange(port, data, seconds=20, host="127.0.0.1"):
    """Sends these bytes and reads until the other side closes; the status and all that came."""
    with socket.create_connection((host, port), timeout=seconds) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(data)
        return read_answer(connection)


def read_answer(connection):
    got = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            got += piece
    text = got.decode("utf-8", "replace")
    return (int(text.split()[1]) if text.startswith("HTTP/1.1 ") else 0), text


def resident_kib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


@pytest.fixture(scope="module")
def open_room():
    room = EmbeddedRoom("--publisher", "alice")
    yield room
    room.close()


@pytest.fixture(scope="module")
def guarded(open_room, tmp_path_factory):
    """Beyond loopback, with a token. At its end: it told no secret in all that time."""
    env = {"ROOMTAPE_API_TOKEN": TOKEN}
    with Serve(open_room, tmp_path_factory.mktemp("guarded"), env=env, listen="0.0.0.0:0",
               token=TOKEN) as serve:  # fmt: skip
        yield serve
        assert serve.terminate() == 0, serve.log()[-3000:]
    said = serve.log() + "".join(serve.answers)
    for secret in (TOKEN, "wrong-token", open_room.SECRET, "eyJ"):
        assert secret not in said, f"{secret} was told"
    assert "Tokens cross the network unencrypted" in said


# ---- who may call ----


BAD_CALLERS = [
    ("no token", None, 401, "unauthorized", "send Authorization: Bearer TOKEN"),
    ("a wrong one", "Bearer wrong-token-wrong-token-wrong-token", 401, "unauthorized", "not the configured"),
    ("a part of it", f"Bearer {TOKEN[:-1]}", 401, "unauthorized", "not the configured one"),
    ("more than it", f"Bearer {TOKEN}0", 401, "unauthorized", "not the configured one"),
    ("another scheme", "Basic " + base64.b64encode(f"a:{TOKEN}".encode()).decode(), 401, "unauthorized",
     "has to be: Bearer TOKEN"),
    ("no scheme", TOKEN, 401, "unauthorized", "has to be: Bearer TOKEN"),
    ("no grant", f"Bearer {web_token({'roomJoin': True, 'room': ROOM})}", 403, "forbidden", "roomRecord"),
    ("roomAdmin only", f"Bearer {web_token({'roomAdmin': True, 'room': ROOM})}", 403, "forbidden", "roomRecord"),
    ("a grant that is text", f"Bearer {web_token({'roomRecord': 'true'})}", 403, "forbidden", "roomRecord"),
    ("expired", f"Bearer {web_token({'roomRecord': True}, seconds=-90)}", 401, "token_expired", "has expired"),
    ("not yet", f"Bearer {web_token({'roomRecord': True}, nbf=int(time.time()) + 3600)}", 401, "unauthorized",
     "not valid yet"),
    ("without an end", f"Bearer {web_token({'roomRecord': True}, exp=None)}", 401, "unauthorized", "no end"),
    ("another secret", f"Bearer {web_token({'roomRecord': True}, secret='x' * 40)}", 401, "unauthorized",
     "signature does not fit"),
    ("another key", f"Bearer {web_token({'roomRecord': True}, key='other')}", 401, "unauthorized",
     "unknown API key"),
    ("alg none", f"Bearer {web_token({'roomRecord': True}, alg='none')}", 401, "unauthorized", "HS256"),
    ("alg HS512", f"Bearer {web_token({'roomRecord': True}, alg='HS512')}", 401, "unauthorized", "HS256"),
    ("another room", f"Bearer {web_token({'roomRecord': True, 'room': 'other'})}", 403, "forbidden",
     'for room "other", not for "demo"'),
    ("a room that is a list", f"Bearer {web_token({'roomRecord': True, 'room': [ROOM]})}", 403, "forbidden",
     "roomRecord"),
]  # fmt: skip


@pytest.mark.parametrize("case", BAD_CALLERS, ids=lambda case: case[0].replace(" ", "-"))
def test_who_may_not(guarded, case):
    _, authorization, status, code, part = case
    answer = guarded.call("POST", START, {"mint_id": ROOM}, {"Authorization": authorization})
    expect_refused(answer, status, code, part)
    assert (answer.headers["WWW-Authenticate"] is not None) == (status == 401), answer.headers
    assert guarded.get(ACTIVE).json["recordings"] == {}


def test_who_may(guarded):
    for grant, fields in (({"roomRecord": True}, {}), ({"roomRecord": True, "room": ROOM}, {}),
                          ({"roomRecord": True, "room": ""}, {}),
                          ({"roomRecord": True, "room": ROOM}, {"room": ROOM})):  # fmt: skip
        headers = {"Authorization": f"Bearer {web_token(grant)}"}
        mint_id = f"own-{len(guarded.answers)}" if fields else ROOM
        body = {"mint_id": mint_id, "output_format": "webm", **fields}
        started = guarded.call("POST", START, body, headers)
        assert started.status == 200 and started.json["state"] == "recording", started
        assert mint_id in guarded.get(ACTIVE, headers=headers).json["recordings"]
        other = {"Authorization": f"Bearer {web_token({'roomRecord': True, 'room': 'other'})}"}
        assert guarded.get(ACTIVE, headers=other).json["recordings"] == {}
        for path in ("stop", "pause", "resume"):
            expect_refused(guarded.call("POST", f"/api/recording/{path}", {"mint_id": mint_id}, other),
                           403, "forbidden", 'not for "demo"')  # fmt: skip
        expect_refused(guarded.get(f"/api/recording/status/{mint_id}", headers=other), 403, "forbidden")
        expect_refused(guarded.get("/metrics", headers=other), 403, "forbidden", "all rooms")
        guarded.wait_status(mint_id, lambda s: s["stats"]["video_frames"] > 5)
        ended = guarded.call("POST", "/api/recording/stop", {"mint_id": mint_id}, headers)
        assert ended.json["outcome"] == "complete", ended
        # It is still nobody else's when it has ended.
        expect_refused(guarded.get(f"/api/recording/status/{mint_id}", headers=other), 403, "forbidden")
        assert guarded.get(f"/api/recording/status/{mint_id}", headers=headers).status == 200


def test_the_command_makes_such_tokens(guarded):
    key = ("--api-key", EmbeddedRoom.KEY, "--api-secret", EmbeddedRoom.SECRET)
    for flags, status in ((("--record-grant",), 200), (("--record-grant", "--room", "other"), 403),
                          (("--room", ROOM), 403)):  # fmt: skip
        token = run("token", *key, *flags).stdout.strip()
        answer = guarded.get("/metrics", headers={"Authorization": f"Bearer {token}"})
        assert answer.status == status, (flags, answer)


def test_what_needs_none(guarded):
    answer = guarded.get("/healthz", headers={"Authorization": None})
    assert answer.status == 200 and answer.json == {"status": "ok"}, answer
    for path in ("/readyz", "/metrics", ACTIVE, "/api/recording/formats", "/", "/healthz/../metrics",
                 "/healthz%2f..%2fmetrics", "//metrics"):  # fmt: skip
        expect_refused(guarded.get(path, headers={"Authorization": None}), 401, "unauthorized")


def test_loopback_with_a_token(open_room, tmp_path):
    """Who sets a token means it, whatever the address."""
    (tmp_path / "token").write_text(TOKEN + "\n")
    settings = tmp_path / "settings.yaml"
    settings.write_text(f"api:\n  token_file: {tmp_path}/token\n")
    with Serve(open_room, tmp_path, "--config", str(settings)) as serve:
        expect_refused(serve.get(ACTIVE), 401, "unauthorized")
        serve.token = TOKEN
        assert serve.get(ACTIVE).status == 200
        expect_refused(serve.get(ACTIVE, headers={"Host": "evil.example"}), 403, "bad_request", "Host")
        # A proxy's callers may be anywhere.
        expect_refused(serve.start("a", url="ws://127.0.0.1:22"), 403, "forbidden", "api.allowed_urls")


def test_ipv6(open_room, tmp_path):
    with Serve(open_room, tmp_path, listen="[::]:0", env={"ROOMTAPE_API_TOKEN": TOKEN}) as serve:
        expect_refused(serve.get(ACTIVE), 401, "unauthorized")
        serve.token = TOKEN
        assert serve.get(ACTIVE).status == 200
        serve.host = "127.0.0.1"
        assert serve.get(ACTIVE).status == 200


# ---- where a call can send us ----


def test_a_caller_reaches_no_other_server(guarded, open_room):
    with socket.create_server(("127.0.0.1", 0)) as inner:
        inner.settimeout(0.5)
        port = inner.getsockname()[1]
        for url in (f"ws://127.0.0.1:{port}", f"http://localhost:{port}", f"ws://[::ffff:127.0.0.1]:{port}",
                    f"ws://0x7f000001:{port}", f"{open_room.url}/admin", "http://169.254.169.254"):  # fmt: skip
            answer = guarded.start("a", url=url, token=web_token({"roomJoin": True, "room": "a"}))
            expect_refused(answer, 403, "forbidden", "api.allowed_urls")
        with pytest.raises(TimeoutError):
            inner.accept()
    bound = {"Authorization": f"Bearer {web_token({'roomRecord': True, 'room': ROOM})}"}
    body = {"mint_id": "a", "room": ROOM, "url": "wss://elsewhere.example"}
    expect_refused(guarded.call("POST", START, body, bound), 403, "forbidden", "configured server")
    answer = guarded.start("configured", room=ROOM, url=open_room.url, max_duration="1s")
    assert answer.status == 200, answer


def test_allowed_servers(open_room, tmp_path):
    env = {"ROOMTAPE_API_TOKEN": TOKEN, "ROOMTAPE_API_ALLOWED_URLS": f"wss://*.example, {open_room.url}",
           "LIVEKIT_URL": "wss://live.invalid"}  # fmt: skip
    token = run("token", "--api-key", open_room.KEY, "--api-secret", open_room.SECRET, "--room", ROOM).stdout
    with Serve(open_room, tmp_path, env=env, listen="0.0.0.0:0", token=TOKEN) as serve:
        answer = serve.start("a", url=open_room.url, token=token.strip(), duration="1s")
        assert answer.status == 200 and answer.json["state"] == "recording", answer
        expect_refused(serve.start("b", url="ws://127.0.0.1:22", token=token.strip()), 403, "forbidden")


# ---- web pages ----


def test_pages(open_room, tmp_path, guarded):
    origin = "https://app.example"
    ask = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization",
           "Authorization": None}  # fmt: skip
    answer = guarded.call("OPTIONS", START, headers={"Origin": origin, **ask})
    expect_refused(answer, 403, "bad_request", "web pages")
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    with Serve(open_room, tmp_path, listen="0.0.0.0:0", token=TOKEN,
               env={"ROOMTAPE_API_TOKEN": TOKEN, "ROOMTAPE_API_CORS_ORIGINS": origin}) as serve:  # fmt: skip
        answer = serve.call("OPTIONS", START, headers={"Origin": origin, **ask})
        assert answer.status == 204 and answer.headers["Access-Control-Allow-Origin"] == origin
        assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
        answer = serve.get(ACTIVE, headers={"Origin": origin})
        assert answer.status == 200 and answer.headers["Access-Control-Allow-Origin"] == origin
        answer = serve.get(ACTIVE, headers={"Origin": origin, "Authorization": None})
        expect_refused(answer, 401, "unauthorized")
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        for other in ("https://app.example.evil", "http://app.example", "null"):
            expect_refused(serve.get(ACTIVE, headers={"Origin": other}), 403, "bad_request", "web pages")


# ---- limits ----


@pytest.fixture(scope="module")
def tight(open_room, tmp_path_factory):
    """With limits that a test reaches."""
    env = {"ROOMTAPE_API_REQUEST_TIMEOUT": "1s", "ROOMTAPE_API_MAX_CONNECTIONS": "30",
           "ROOMTAPE_API_MAX_ADDRESS_CONNECTIONS": "20", "ROOMTAPE_API_START_RATE": "2",
           "ROOMTAPE_API_REQUEST_RATE": "1000"}  # fmt: skip
    with Serve(open_room, tmp_path_factory.mktemp("tight"), env=env) as serve:
        yield serve


def head(port, more="", line="GET /healthz"):
    return f"{line} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{more}".encode()


def test_too_much(tight):
    json_type = "Content-Type: application/json\r\n"
    line = f"POST {START}"
    for data, status, part in (
        (head(tight.port, json_type + "Content-Length: 4000000\r\n\r\n", line) + b" " * 4_000_000,
         413, "over 1 MiB"),
        (head(tight.port, json_type + "Content-Length: 99999999999\r\n\r\n", line), 413, "over 1 MiB"),
        (head(tight.port, json_type + "Transfer-Encoding: chunked\r\n\r\n", line)
         + b"4000\r\n" + (b" " * 0x4000 + b"\r\n4000\r\n") * 100, 413, "over 1 MiB"),
        (head(tight.port, "X-Large: " + "a" * 40_000), 431, "over 32 KiB"),
        (head(tight.port, "".join(f"X-{i}: a\r\n" for i in range(10_000))), 431, "over 32 KiB"),
        (b"A" * 100_000, 431, "over 32 KiB"),
        (head(tight.port, "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", line), 400, "Content-Length"),
        (head(tight.port, "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", line), 400, "both"),
        (head(tight.port, "Transfer-Encoding: gzip\r\n\r\n", line), 501, "chunked"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "no HTTP request"),
    ):  # fmt: skip
        got, text = exchange(tight.port, data)
        assert got == status and part in text, (status, part, text[:500])
        assert tight.get("/healthz").status == 200


def test_too_slow(tight):
    """Neither silence nor a byte now and then keeps a connection."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", tight.port), timeout=20) as silent, \
         socket.create_connection(("127.0.0.1", tight.port), timeout=20) as slow:  # fmt: skip
        slow.settimeout(0.1)
        answer = b""
        for byte in head(tight.port, "X: " + "a" * 1000):
            slow.sendall(bytes([byte]))
            with contextlib.suppress(TimeoutError):
                answer = slow.recv(65536)
                break
        assert answer.startswith(b"HTTP/1.1 408 "), answer
        assert b"did not arrive whole within 1 s" in answer
        status, text = read_answer(silent)
        assert status == 408, text
    assert time.monotonic() - began < 15


def test_too_many_connections(tight):
    with contextlib.ExitStack() as stack:
        made = [socket.create_connection(("127.0.0.1", tight.port), 20) for _ in range(21)]
        *idle, last = map(stack.enter_context, made)
        status, text = read_answer(last)
        assert status == 503 and "api.max_address_connections is 20" in text, text
        assert "Retry-After: 1" in text
        for connection in idle:
            connection.sendall(head(tight.port, "\r\n"))
        assert {read_answer(connection)[0] for connection in idle} == {200}
    deadline = time.monotonic() + 10  # until it has seen that they are gone
    while tight.get("/healthz").status != 200:
        assert time.monotonic() < deadline


def test_too_many_starts(tight):
    answers = [tight.start(f"flood-{i}", room="", wait=False) for i in range(30)]
    refused = [answer for answer in answers if answer.status == 429]
    assert {answer.status for answer in answers} == {400, 429}, answers
    assert len(refused) >= 30 - 2 * 5 - 2 * 3, len(refused)
    expect_refused(refused[0], 429, "too_many_requests", "api.start_rate allows 2 a second")
    assert refused[0].headers["Retry-After"] == "1"
    assert tight.get(ACTIVE).status == 200


def test_answers_that_nobody_takes(open_room, tmp_path):
    """A caller who does not read its answer holds nothing up."""
    with Serve(open_room, tmp_path) as serve, contextlib.ExitStack() as stack:
        for _ in range(50):
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            stack.enter_context(connection).connect(("127.0.0.1", serve.port))
            connection.sendall(head(serve.port, "\r\n", "GET /metrics"))
        assert serve.get("/healthz").status == 200
        assert serve.terminate() == 0


# ---- HTTPS ----


def tls_settings(certificate):
    return {"ROOMTAPE_API_TLS_CERTIFICATE": str(certificate[0]), "ROOMTAPE_API_TLS_KEY": str(certificate[1]),
            "ROOMTAPE_API_TOKEN": TOKEN, "ROOMTAPE_API_REQUEST_TIMEOUT": "1s"}  # fmt: skip


@pytest.fixture(scope="module")
def secure(open_room, certificate, tmp_path_factory):
    with Serve(open_room, tmp_path_factory.mktemp("secure"), env=tls_settings(certificate), listen="0.0.0.0:0",
               token=TOKEN, tls=certificate[0]) as serve:  # fmt: skip
        yield serve
        assert serve.terminate() == 0
    assert "Listening on https://" in serve.log() and "unencrypted" not in serve.log()


def test_https(secure):
    started = secure.start(ROOM, duration="1s")
    assert started.status == 200 and started.json["state"] == "recording", started
    expect_refused(secure.get(ACTIVE, headers={"Authorization": None}), 401, "unauthorized")
    large = {"mint_id": "a", "room": "r" * 900_000}
    expect_refused(secure.call("POST", START, large), 400, "bad_request")
    expect_refused(secure.call("POST", START, b" " * 3_000_000), 413, "bad_request")


def offer(port, version):
    """What the handshake gives for a client of this version alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    with socket.create_connection(("127.0.0.1", port), timeout=20) as plain:
        with context.wrap_socket(plain) as connection:
            return connection.version()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_old_tls_is_refused(secure):
    assert offer(secure.port, ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
    assert offer(secure.port, ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            offer(secure.port, version)
    assert secure.get("/healthz").status == 200


def test_plain_http_to_the_tls_port(secure):
    status, text = exchange(secure.port, head(secure.port, "\r\n"))
    assert status == 400 and "https://" in text, text


def test_broken_handshakes(secure):
    """Silence, garbage and a handshake that stops in the middle: all end in time."""
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 100
    for data in (b"", b"\x16", hello, b"\x16" + b"\xff" * 5000):
        with socket.create_connection(("127.0.0.1", secure.port), timeout=20) as connection:
            connection.sendall(data)
            with contextlib.suppress(ConnectionResetError):
                while connection.recv(65536):
                    pass
    assert secure.get("/healthz").status == 200


def client_hello():
    """What a client of TLS sends first."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    out = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), out).do_handshake()
    return out.read()


@pytest.mark.parametrize("part", [1.0, 0.5], ids=["after-the-hello", "inside-the-hello"])
def test_stalled_handshakes_keep_nobody_waiting(open_room, certificate, tmp_path, part):
    """GLib has ten threads for all handshakes, and for much else."""
    env = {**tls_settings(certificate), "ROOMTAPE_API_REQUEST_TIMEOUT": "20s"}
    hello = client_hello()
    with Serve(open_room, tmp_path, env=env, listen="0.0.0.0:0", token=TOKEN,
               tls=certificate[0]) as serve, contextlib.ExitStack() as stack:  # fmt: skip
        for _ in range(60):
            connection = socket.create_connection(("127.0.0.1", serve.port), timeout=20)
            stack.enter_context(connection).sendall(hello[: int(len(hello) * part)])
        began = time.monotonic()
        assert serve.get("/healthz").status == 200
        started = serve.start(ROOM, duration="1s")
        took = time.monotonic() - began
        assert started.status == 200 and started.json["state"] == "recording", started
        assert took < 5, f"two calls took {took:.1f} s"
        assert serve.get(ACTIVE).status == 200
        assert serve.terminate() == 0


def test_no_second_handshake(open_room, certificate, tmp_path):
    """TLS 1.2 lets a client begin another at any time, which would take a thread and keep it."""
    env = {**tls_settings(certificate), "ROOMTAPE_API_REQUEST_TIMEOUT": "60s"}
    with Serve(open_room, tmp_path, env=env, listen="0.0.0.0:0", token=TOKEN,
               tls=certificate[0]) as serve:  # fmt: skip
        client = subprocess.Popen(
            ["openssl", "s_client", "-tls1_2", "-connect", f"127.0.0.1:{serve.port}"],
            text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            client.stdin.write("R\n")  # renegotiate
            client.stdin.flush()
            watchdog = threading.Timer(20, client.kill)
            watchdog.start()
            said = client.stdout.read()
            watchdog.cancel()
            assert client.wait(5) != -9, said  # the service ended it
        finally:
            client.kill()
            client.wait()
            client.stdin.close()
            client.stdout.close()
        assert "RENEGOTIATING" in said and "Protocol  : TLSv1.2" in said, said
        assert serve.get("/healthz").status == 200
        assert serve.terminate() == 0


@pytest.mark.parametrize("settings, part", [
    ({"TLS_CERTIFICATE": None}, "one of them is not set"),
    ({"TLS_KEY": "/nowhere.pem"}, "two PEM files"),
    ({"TLS_KEY": "/etc/hostname"}, "two PEM files"),
    ({"TOKEN": "short"}, "shorter than 16 characters"),
], ids=["half", "missing", "no-key", "short-token"])  # fmt: skip
def test_wrong_settings(certificate, tmp_path, settings, part):
    env = {**tls_settings(certificate), **{f"ROOMTAPE_API_{k}": v for k, v in settings.items()}}
    flags = [f"--set={k[9:].lower().replace('_', '.', 1)}={v}" for k, v in env.items() if v]
    done = run("serve", "--listen", "0.0.0.0:0", "--output-dir", tmp_path, *flags, seconds=10)
    assert done.returncode == 1 and part in done.stderr, done


# ---- and the recordings do not notice ----


class Attack:
    """Runs `step(number)` in threads until it is stopped, and counts what each returned."""

    def __init__(self, step, threads=4):
        self.counts, self.stopped, self.lock = {}, threading.Event(), threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(step, i), daemon=True) for i in range(threads)]
        for thread in self.threads:
            thread.start()

    def run(self, step, number):
        while not self.stopped.is_set():
            try:
                result = step(number)
            except (OSError, http.client.HTTPException) as error:
                result = type(error).__name__
            with self.lock:
                self.counts[result] = self.counts.get(result, 0) + 1
            self.stopped.wait(0.002)

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join(30)
        return ", ".join(f"{what}: {count} times" for what, count in sorted(self.counts.items(), key=str))


def idle_until_cut(port, stack):
    """200 connections that begin a request and never end it; how many got which answer."""
    made = []
    for _ in range(200):
        connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
        connection.sendall(head(port, "X: "))
        made.append(connection)
    return made


def abuse(port, number):
    """One of: endless headers, a huge body, a byte a connection, no HTTP at all."""
    junk = (head(port, "X: " + "a" * 100_000), head(port, "Content-Length: 9999999\r\n\r\n", f"POST {START}"),
            b"G", b"\x00\xff" * 500 + b"\n\n")[number % 4]  # fmt: skip
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(junk)
        if junk == b"G":
            return "left at once"
        return read_answer(connection)[0]


def expect_untouched(serve, folder_figures, ended, row):
    """All of the recording is there; the row has its figures."""
    recording = serve.status(ROOM).json
    verdict = expect_plays(pathlib.Path(ended["output_path"]))
    video = verdict.video
    row.measured(f"{folder_figures}; {len(video.numbers)} frames in the file, {len(video.missing)} missing, "
                 f"longest hole in the sound {verdict.audio.longest_hole * 1000:.0f} ms")  # fmt: skip
    assert ended["outcome"] == "complete", ended
    expect_balanced(recording)
    expect_every_frame(video)
    assert verdict.audio.longest_hole < 0.030


@pytest.mark.parametrize("kind", ["idle", "starts", "junk"])
def test_a_recording_does_not_notice(open_room, tmp_path, fault_row, kind):
    rows = {
        "idle": ("200 idle connections to the HTTP service", "each begins a request and never ends it",
                 "every frame of a recording that runs, all cut off with 408 after 3 s"),
        "starts": ("a flood of start calls", "4 threads call start as fast as they are answered",
                   "every frame; 429 with Retry-After beyond the rate; under 16 MiB more"),
        "junk": ("a flood of broken HTTP requests", "4 threads: endless headers, huge bodies, one byte, no HTTP",
                 "every frame; 431, 413, 400; under 16 MiB more"),
    }  # fmt: skip
    row = fault_row("hostile", rows[kind][0], made=rows[kind][1], asked=rows[kind][2])
    env = {"ROOMTAPE_API_REQUEST_TIMEOUT": "3s", "ROOMTAPE_API_REQUEST_RATE": "0"}
    with Serve(open_room, tmp_path, env=env, log_level="info") as serve, contextlib.ExitStack() as stack:
        assert serve.start(ROOM, output_format="webm").status == 200
        before_status = serve.wait_status(ROOM, lambda s: s["stats"]["duration"] > 1)["stats"]
        before = resident_kib(serve.process.pid)
        if kind == "idle":
            idle = idle_until_cut(serve.port, stack)
            assert serve.status(ROOM).status == 200
            cut = [read_answer(connection)[0] for connection in idle]
            figures = f"{cut.count(408)} of {len(cut)} cut off with 408"
        else:
            body = json.dumps({"mint_id": "flood", "room": "nobody", "url": "http://", "wait": False}).encode()
            step = ((lambda i: serve.call("POST", START, body).status) if kind == "starts"
                    else (lambda i: abuse(serve.port, i)))  # fmt: skip
            attack = Attack(step)
            serve.wait_status(ROOM, lambda s: s["stats"]["duration"] > before_status["duration"] + 4)
            figures = f"answers: {attack.stop()}"
        grown = (resident_kib(serve.process.pid) - before) / 1024
        ended = serve.stop(ROOM).json
        expect_untouched(serve, f"{figures}; {grown:.1f} MiB more memory", ended, row)
        assert serve.terminate() == 0
    if kind == "idle":
        assert cut == [408] * 200
    if kind == "starts":
        assert attack.counts.get(429, 0) > attack.counts.get(400, 0) > 0, attack.counts
    if kind == "junk":
        assert {431, 413, 400} <= set(attack.counts), attack.counts
    if "ROOMTAPE" not in os.environ:  # a sanitizer keeps what was freed
        assert grown < MEDIA_MIB


def test_without_descriptors(open_room, tmp_path):
    """Connections wait in the kernel while there is none, and are served after."""
    with Serve(open_room, tmp_path) as serve, contextlib.ExitStack() as stack:
        pid = serve.process.pid
        used = len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir()))
        subprocess.run(["prlimit", f"--nofile={used + 10}:{used + 10}", "--pid", str(pid)], check=True)
        idle = [stack.enter_context(socket.create_connection(("127.0.0.1", serve.port), 20)) for _ in range(40)]
        waits = serve.out.wait(lambda line: "No connection can be taken for now" in line, 10)
        assert waits, serve.log()[-2000:]
        for connection in idle:
            connection.close()
        assert serve.get("/healthz").status == 200
        assert serve.log().count("No connection can be taken") == 1
