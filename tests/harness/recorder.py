"""Runs the built program: `roomtape record` in the foreground, or `roomtape serve` behind HTTP."""

import http.client
import json
import os
import pathlib
import queue
import re
import signal
import ssl
import subprocess
import threading
import time

from .server import ROOT, stop_process

MEDIA = (".mp4", ".webm", ".mkv", ".ogg", ".ts", ".m4a", ".mp3", ".wav")


def program():
    return os.environ.get("ROOMTAPE") or str(ROOT / "build/src/cli/roomtape")


def environment(server=None, **values):
    """The environment without anything that a developer may have set for roomtape or LiveKit."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ROOMTAPE_", "LIVEKIT_"))}
    if server is not None:
        kept.update(
            LIVEKIT_URL=server.url, LIVEKIT_API_KEY=server.KEY, LIVEKIT_API_SECRET=server.SECRET
        )
    return {**kept, **values}


def run(*arguments, seconds=60, env=None, **options):
    """Runs roomtape to its end; the CompletedProcess has text."""
    return subprocess.run(
        [program(), *map(str, arguments)], capture_output=True, text=True, timeout=seconds,
        env=environment() if env is None else env, stdin=subprocess.DEVNULL, **options,
    )  # fmt: skip


def media_files(folder):
    return sorted(p for p in pathlib.Path(folder).rglob("*") if p.suffix in MEDIA)


def sidecars(folder):
    """What each sidecar of that folder says of its recording."""
    found = []
    for path in sorted(pathlib.Path(folder).rglob("*.json")):
        content = json.loads(path.read_text())
        if "recording" in content:
            found.append(content["recording"])
    return found


class Lines:
    """Collects a process's output line by line, for waiting and for looking at it afterwards."""

    def __init__(self, stream):
        self.all, self._new = [], queue.Queue()
        self.closed = threading.Event()
        threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def _read(self, stream):
        for line in stream:
            self.all.append(line)
            self._new.put(line)
        self.closed.set()
        self._new.put(None)

    def wait(self, fits, seconds):
        deadline = time.monotonic() + seconds
        while (rest := deadline - time.monotonic()) > 0:
            try:
                line = self._new.get(timeout=rest)
            except queue.Empty:
                break
            if line is None:
                return None
            if found := fits(line):
                return found
        return None

    def text(self):
        return "".join(self.all)


class Record:
    """One `roomtape record --json`; its output folder is made beside the server's files."""

    def __init__(self, server, room, *flags, folder, env=None, output=None, login=True):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        arguments = [program(), "record", "--json", "--output", str(output or f"{self.folder}/")]
        if room is not None:
            arguments += ["--room", room]
        self.process = subprocess.Popen(
            [*arguments, *map(str, flags)], text=True, errors="replace",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=environment(server if login else None, **(env or {})),
        )  # fmt: skip
        self.started = time.monotonic()
        self.out, self.err = Lines(self.process.stdout), Lines(self.process.stderr)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        stop_process(self.process)

    def wait_state(self, *states, seconds=20):
        def fits(line):
            try:
                return json.loads(line).get("state") in states and json.loads(line)
            except json.JSONDecodeError:
                return None

        found = self.out.wait(fits, seconds)
        assert found, f"never {states}:\n{self.tail()}"
        return found

    @property
    def frames(self):
        """Pictures in files, as told last."""
        return max((told.get("video_frames", 0) for told in self.messages()), default=0)

    def wait_frames(self, count, seconds=60):
        """Until so many pictures are in files."""
        def fits(line):
            try:
                return json.loads(line).get("video_frames", 0) >= count
            except json.JSONDecodeError:
                return None

        assert self.out.wait(fits, seconds), f"never {count} pictures:\n{self.tail()}"

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        return self.finish()

    def kill(self):
        self.process.kill()
        return self.finish()

    def finish(self, seconds=30):
        """Waits for the end; the exit status."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {seconds} s:\n{self.tail()}") from None
        self.out.closed.wait(5)
        self.err.closed.wait(5)
        return self.process.returncode

    def text(self):
        return self.out.text() + self.err.text()

    def tail(self):
        """What a failed assertion shows: the log and the last report."""
        return self.err.text()[-4000:] + "".join(self.out.all[-1:])[:1500]

    def messages(self):
        found = []
        for line in self.out.all:
            try:
                found.append(json.loads(line))
            except json.JSONDecodeError:
                pass
        return found

    @property
    def files(self):
        return media_files(self.folder)

    @property
    def sidecars(self):
        return sidecars(self.folder)

    @property
    def sidecar(self):
        """What the recording's sidecars say; each of several files has one of its own."""
        found = self.sidecars
        assert found, f"no sidecar in {self.folder}:\n{self.tail()}"
        return found[0]


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.text = status, headers, body

    @property
    def json(self):
        return json.loads(self.text)

    def __repr__(self):
        return f"{self.status} {self.text[:2000]}"


def listening_port(pid):
    inodes = set()
    for link in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(link)
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    for row in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = row.split()
        if fields[3] == "0A" and fields[9] in inodes:
            return int(fields[1].split(":")[1], 16)
    return None


class Serve:
    """One `roomtape serve` on a free port; `token` is sent with each call, `tls` trusts the file of
    that certificate."""

    def __init__(self, server, folder, *flags, env=None, log_level="debug", listen="127.0.0.1:0",
                 token=None, tls=None):  # fmt: skip
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            [program(), "serve", "--listen", listen, "--output-dir", str(self.folder), *flags],
            text=True, errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment(server, ROOMTAPE_LOG_LEVEL=log_level, **(env or {})),
        )  # fmt: skip
        self.out = Lines(self.process.stdout)
        self.answers, self.token = [], token
        self.host = "::1" if listen.startswith("[") else "127.0.0.1"
        self.tls = ssl.create_default_context(cafile=tls) if tls else None
        port = self.out.wait(lambda line: re.search(r"Listening on \S+:([1-9]\d+)\b", line), 5)
        self.port = int(port.group(1)) if port else listening_port(self.process.pid)
        if not self.port:
            stop_process(self.process)
            raise AssertionError(f"serve never said where it listens:\n{self.out.text()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        stop_process(self.process, 30)

    def connection(self, seconds=60):
        if self.tls:
            return http.client.HTTPSConnection(
                self.host, self.port, timeout=seconds, context=self.tls
            )
        return http.client.HTTPConnection(self.host, self.port, timeout=seconds)

    def call(self, method, path, body=None, headers=None, seconds=60):
        """One request; `body` a dict (sent as JSON) or bytes."""
        connection = self.connection(seconds)
        sent = {"Content-Type": "application/json"} if body is not None else {}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        sent.update(headers or {})
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        try:
            skip_host = "Host" in sent
            connection.putrequest(method, path, skip_host=skip_host)
            for name, value in sent.items():
                if value is not None:
                    connection.putheader(name, value)
            if data is not None:
                connection.putheader("Content-Length", str(len(data)))
            connection.endheaders(data)
            got = connection.getresponse()
            answer = Answer(got.status, got.headers, got.read().decode("utf-8", "replace"))
        finally:
            connection.close()
        self.answers.append(answer.text)
        return answer

    def get(self, path, **options):
        return self.call("GET", path, **options)

    def start(self, mint_id, **fields):
        return self.call("POST", "/api/recording/start", {"mint_id": mint_id, **fields})

    def stop(self, mint_id):
        return self.call("POST", "/api/recording/stop", {"mint_id": mint_id})

    def status(self, mint_id):
        return self.get(f"/api/recording/status/{mint_id}")

    def wait_status(self, mint_id, fits, seconds=20):
        """Polls until fits(status); the status."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            status = self.status(mint_id).json
            if fits(status):
                return status
            time.sleep(0.05)
        raise AssertionError(f"never so: {json.dumps(status)[:3000]}")

    def terminate(self, seconds=30):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(seconds)
        self.out.closed.wait(5)
        return self.process.returncode

    def log(self):
        return self.out.text()
