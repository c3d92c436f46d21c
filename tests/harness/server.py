"""A real livekit-server on free ports, and the tokens and admin calls that tests need."""

import datetime
import json
import os
import pathlib
import socket
import subprocess
import time
import urllib.error
import urllib.request

from livekit import api

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

CONFIG = """
port: {port}
bind_addresses: [{address}]
keys: {{ {key}: {secret} }}
rtc:
  node_ip: {node_ip}
  use_external_ip: false
  enable_loopback_candidate: true
  ips: {{ includes: [{address}/32] }}
  udp_port: {udp_port}
  tcp_port: {tcp_port}
  stun_servers: ["127.0.0.1:3478"]
  allow_tcp_fallback: false
  {rtc_extra}
room:
  auto_create: {auto_create}
  empty_timeout: 10
  departure_timeout: 2
logging: {{ level: info, pion_level: error }}
{extra}
"""


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def stop_process(process, seconds=10):
    """Ends this process, gently first; returns its exit status."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return process.returncode


class LiveKitServer:
    KEY, SECRET = "testkey", "a-secret-of-the-tests-0123456789abcdef"

    def __init__(
        self, folder, auto_create=True, tcp=False, rtc_extra="", extra="", address="127.0.0.1",
        node_ip=None,
    ):  # fmt: skip
        self.folder, self.address = pathlib.Path(folder), address
        self.auto_create, self.tcp = auto_create, tcp
        self.node_ip = node_ip or address
        self.rtc_extra, self.extra = rtc_extra, extra
        self.process = None

    def __enter__(self):
        for _ in range(3):  # somebody else may take the port between finding and binding it
            self._start()
            if self._is_ready():
                return self
            self.stop()
        raise RuntimeError("livekit-server does not start:\n" + self.log())

    def __exit__(self, *_):
        self.stop()

    def _start(self):
        self.port = free_port()
        self.udp_port = free_port(socket.SOCK_DGRAM)
        self.tcp_port = free_port() if self.tcp else 0
        self.url = f"ws://{self.address}:{self.port}"
        config = CONFIG.format(
            address=self.address, node_ip=self.node_ip, port=self.port, udp_port=self.udp_port,
            key=self.KEY, tcp_port=self.tcp_port, secret=self.SECRET,
            auto_create=str(self.auto_create).lower(), rtc_extra=self.rtc_extra, extra=self.extra,
        )  # fmt: skip
        (self.folder / "livekit.yaml").write_text(config)
        self._run()

    def _run(self):
        program = os.environ.get("LIVEKIT_SERVER") or ROOT / ".tools/bin/livekit-server"
        with open(self.folder / "livekit.log", "ab") as log:
            self.process = subprocess.Popen(
                [str(program), "--config", str(self.folder / "livekit.yaml")], stdout=log, stderr=log
            )

    def run_again(self):
        """After kill(), on the same ports."""
        self._run()
        assert self._is_ready(), "livekit-server does not start again:\n" + self.log()[-3000:]

    def _is_ready(self):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"http://{self.address}:{self.port}/", timeout=2) as answer:
                    if answer.status == 200:
                        return True
            except (urllib.error.URLError, OSError):
                pass
            time.sleep(0.05)
        return False

    def stop(self):
        """At once: asked gently, it would wait for the participants to leave."""
        if self.process:
            self.kill()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def log(self):
        return (self.folder / "livekit.log").read_text(errors="replace")

    def token(self, identity, room, seconds=3600, secret=None, **grants):
        """An ordinary participant's token; grants are fields of VideoGrants."""
        values = {"room_join": True, "room": room, **grants}
        return (
            api.AccessToken(self.KEY, secret or self.SECRET)
            .with_identity(identity)
            .with_ttl(datetime.timedelta(seconds=seconds))
            .with_grants(api.VideoGrants(**values))
            .to_jwt()
        )

    def admin(self, method, room=None, **fields):
        """Calls the room service: admin("DeleteRoom", room="demo")."""
        token = (
            api.AccessToken(self.KEY, self.SECRET)
            .with_grants(
                api.VideoGrants(room_admin=True, room_create=True, room_list=True, room=room or "")
            )
            .to_jwt()
        )
        if room is not None:
            fields.setdefault("room", room)
        request = urllib.request.Request(
            f"http://{self.address}:{self.port}/twirp/livekit.RoomService/{method}",
            data=json.dumps(fields).encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())
