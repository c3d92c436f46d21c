"""Chromium as a publisher with livekit-client, and as a player; driven by the DevTools protocol over a
pipe, so that it ends with the tests, however those end."""

import dataclasses
import http.server
import itertools
import json
import pathlib
import queue
import subprocess
import threading
import urllib.parse

from .server import ROOT, stop_process

PROGRAM = "/usr/bin/chromium"
LIVEKIT_CLIENT = ROOT / ".tools/browser/livekit-client.umd.js"
SCRIPT = pathlib.Path(__file__).with_suffix(".js")
PAGE = b"""<!doctype html><meta charset=utf-8><title>test</title><link rel=icon href=data:,>
<script src=/livekit-client.js></script><script src=/browser.js></script>"""
FLAGS = [
    "--headless", "--no-sandbox", "--remote-debugging-pipe", "--disable-gpu", "--disable-quic",
    "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-breakpad", "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows",
    "--autoplay-policy=no-user-gesture-required", "--allow-loopback-in-peer-connection",
    "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream=device-count=1,fps=15",
]  # fmt: skip


class _Handler(http.server.BaseHTTPRequestHandler):
    """The page, its two scripts, and each file of this machine by its path."""

    def do_GET(self):
        path = urllib.parse.unquote(self.path)
        files = {"/livekit-client.js": LIVEKIT_CLIENT, "/browser.js": SCRIPT}
        if path == "/":
            content, kind = PAGE, "text/html"
        else:
            content = files.get(path, pathlib.Path(path)).read_bytes()
            kind = "text/javascript" if path in files else "application/octet-stream"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


class Browser:
    """One headless Chromium with an empty profile; pages are windows of it."""

    def __init__(self, folder):
        assert LIVEKIT_CLIENT.exists(), "scripts/setup test brings Chromium and livekit-client"
        self.folder = pathlib.Path(folder)
        self._web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self._web.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._web.server_port}/"
        self._numbers, self._answers = itertools.count(1), {}
        with open(self.folder / "chromium.log", "ab") as log:
            # Chromium reads commands from descriptor 3 and answers on 4.
            self.process = subprocess.Popen(
                ["sh", "-c", 'exec "$@" 3<&0 4>&1 </dev/null >&2', "sh", PROGRAM, *FLAGS,
                 f"--user-data-dir={self.folder / 'profile'}", "about:blank"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.call("Browser.close", seconds=5)
            self.process.wait(5)
        except (AssertionError, OSError, subprocess.TimeoutExpired):
            stop_process(self.process)
        self._web.shutdown()
        self._web.server_close()

    def _read(self):
        rest = b""
        while piece := self.process.stdout.read1(1 << 20):
            *messages, rest = (rest + piece).split(b"\0")
            for message in map(json.loads, messages):
                if answer := self._answers.pop(message.get("id"), None):
                    answer.put(message)
        for answer in list(self._answers.values()):
            answer.put({"error": {"message": "Chromium has ended"}})

    def call(self, method, session=None, seconds=20, **parameters):
        """One command of the DevTools protocol; its result."""
        number, answer = next(self._numbers), queue.Queue()
        self._answers[number] = answer
        command = {"id": number, "method": method, "params": parameters}
        if session:
            command["sessionId"] = session
        self.process.stdin.write(json.dumps(command).encode() + b"\0")
        self.process.stdin.flush()
        try:
            told = answer.get(timeout=seconds)
        except queue.Empty:
            raise AssertionError(f"Chromium: no answer to {method} in {seconds} s") from None
        assert "error" not in told, f"Chromium: {method}: {told['error']}"
        return told["result"]

    def page(self):
        return Page(self)

    def play(self, path, rate=8, seconds=60):
        """Plays a file to its end and looks at it; fails with what Chromium says of it twice: on a busy
        machine a renderer may fail by itself, but a file that it cannot decode it never can."""
        played = self._play_once(path, rate, seconds)
        if played.error is not None:
            played = self._play_once(path, rate, seconds)
        assert played.error is None, f"{path} after {played.position} s: {played.error}"
        assert played.ended, f"{path}: {played}"
        return played

    def _play_once(self, path, rate, seconds):
        page = self.page()
        try:
            return Played(**page.run("play", urllib.parse.quote(str(path)), rate, seconds=seconds))
        finally:
            page.close()


@dataclasses.dataclass
class Played:
    """What Chromium did with a file. Seconds on the file's timeline."""

    duration: float
    position: float  # where it ended
    ended: bool
    error: str | None
    sizes: list  # (since when, width, height)
    shown: list  # (when, number of the test picture or None), as far as the screen kept up
    pictures: int  # decoded
    sound: int  # bytes decoded
    sought: float  # where a seek into the middle arrived


class Page:
    def __init__(self, browser):
        self.browser = browser
        self.target = browser.call("Target.createTarget", url="about:blank", newWindow=True)[
            "targetId"
        ]
        self.session = browser.call(
            "Target.attachToTarget", targetId=self.target, flatten=True
        )["sessionId"]  # fmt: skip
        self.load()

    def load(self):
        """Loads the page, for a second time too."""
        self.browser.call("Page.navigate", self.session, url=self.browser.url)
        self.evaluate(
            'new Promise((done) => document.readyState === "complete" ? done()'
            ' : addEventListener("load", done))'
        )

    def evaluate(self, expression, seconds=20):
        """The value of the expression, or of its promise."""
        told = self.browser.call(
            "Runtime.evaluate", self.session, seconds, expression=expression, awaitPromise=True,
            returnByValue=True,
        )  # fmt: skip
        if problem := told.get("exceptionDetails"):
            text = problem.get("exception", {}).get("description") or problem["text"]
            raise AssertionError(f"in Chromium: {expression[:200]}: {text}")
        return told["result"].get("value")

    def run(self, function, *arguments, seconds=20):
        return self.evaluate(f"{function}({', '.join(map(json.dumps, arguments))})", seconds)

    def close(self):
        self.browser.call("Target.closeTarget", targetId=self.target)


class ChromiumPublisher:
    """A participant in a page: with the fake camera and livekit-client's defaults or, where options are
    given (codec, width, height, fps, bitrate, simulcast), with the test picture and a beep."""

    def __init__(self, browser, server, room, identity="alice", **canvas):
        self.server, self.room, self.identity, self.canvas = server, room, identity, canvas
        self.page = browser.page()
        self.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.page.close()

    def join(self):
        token = self.server.token(self.identity, self.room)
        self.page.run("publisher.join", self.server.url, token)
        if self.canvas:
            size = {"width": 320, "height": 240, "fps": 15, "bitrate": 400_000, "simulcast": False}
            self.page.run("publisher.publishCanvas", {**size, **self.canvas})
        else:
            self.page.run("publisher.publishCamera")

    def reload(self):
        """As somebody who reloads the page and joins again."""
        self.page.load()
        self.join()

    def resize(self, width, height):
        self.page.run("publisher.picture.resize", width, height)

    def switch_camera(self, width, height):
        """Another picture of that size, which goes on with the numbers of the first."""
        self.page.run("publisher.switchCamera", {"width": width, "height": height})

    def set_camera(self, is_on):
        self.page.run("publisher.me.setCameraEnabled", is_on)

    def send_layers(self, count):
        """Only the lowest layers of the simulcast go on."""
        self.page.run("publisher.sendLayers", count)
