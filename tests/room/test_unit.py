"""The systemd unit: what it is worth, and that the program works under it."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import pytest

from harness import sandbox
from harness.certificate import make_certificate
from harness.expect import expect_plays
from harness.recorder import Serve, program
from harness.server import ROOT

from .conftest import EmbeddedRoom

# Asked for by libraries, which do without: GLib hands on how a thread is scheduled, libnuma looks for
# nodes, SVT-AV1 pins its threads.
TOLERATED = "sched_setattr,sched_setaffinity,set_mempolicy"
TOKEN = "the-token-of-these-tests-0123456789"


@pytest.fixture(scope="module")
def unit(tmp_path_factory):
    path = tmp_path_factory.mktemp("unit") / "roomtape.service"
    text = (ROOT / "data/roomtape.service.in").read_text()
    path.write_text(text.replace("@bindir@", "/usr/local/bin"))
    return path


def test_the_figure_in_the_docs():
    done = subprocess.run([ROOT / "scripts/unit_security"], capture_output=True, text=True, timeout=60)
    found = re.search(r"Overall exposure level for roomtape.service: ([\d.]+)", done.stdout)
    assert found, done
    assert f"Overall exposure level for roomtape.service: {found.group(1)}" in (ROOT / "SECURITY.md").read_text()
    assert float(found.group(1)) < 1.5


@pytest.fixture
def confined(unit, monkeypatch):
    """A folder with the program, and a `state` folder that is all it may write to; roomtape is then run
    under the unit's restrictions."""
    base = pathlib.Path(tempfile.mkdtemp(dir="/run" if os.getuid() == 0 else None, prefix="roomtape-"))
    base.chmod(0o755)
    (base / "state").mkdir()
    shutil.copy(program(), base / "roomtape")
    shutil.copy(unit, base / "unit")
    if os.getuid() == 0:
        os.chown(base / "state", sandbox.NOBODY, sandbox.NOBODY)
    words = [sys.executable, sandbox.__file__, base / "unit", base / "state", TOLERATED, base / "roomtape"]
    (base / "wrapped").write_text(f'#!/bin/sh\nexec {" ".join(map(str, words))} "$@"\n')
    (base / "wrapped").chmod(0o755)
    monkeypatch.setenv("ROOMTAPE", str(base / "wrapped"))
    yield base
    shutil.rmtree(base)


def test_works_under_the_unit(embedded, confined, monkeypatch):
    """Whole recordings, as published and encoded, over HTTPS: no system call is missed."""
    with monkeypatch.context() as unconfined:
        unconfined.delenv("ROOMTAPE")
        room = embedded()
    make_certificate(confined / "certificate.pem", confined / "state/key.pem")
    if os.getuid() == 0:
        os.chown(confined / "state/key.pem", sandbox.NOBODY, sandbox.NOBODY)
    env = {"ROOMTAPE_ENCODING_MAX_ENCODES": "4", "ROOMTAPE_API_TOKEN": TOKEN,
           "ROOMTAPE_API_TLS_CERTIFICATE": str(confined / "certificate.pem"),
           "ROOMTAPE_API_TLS_KEY": str(confined / "state/key.pem")}  # fmt: skip
    formats = ("auto", "webm", "h264", "ogg", "mp3", "svtav1")
    with Serve(room, confined / "state", env=env, listen="0.0.0.0:0", token=TOKEN,
               tls=confined / "certificate.pem") as serve:  # fmt: skip
        status = pathlib.Path(f"/proc/{serve.process.pid}/status").read_text()
        for part in ("NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000"):
            assert part in status, status
        if os.getuid() == 0:
            assert f"Uid:\t{sandbox.NOBODY}" in status and "CapBnd:\t0000000000000000" in status, status
        for name in formats:
            started = serve.start(name, room=room.ROOM, output_format=name, encoder=None)
            assert started.status == 200, (name, started, serve.log()[-2000:])
        serve.wait_status("auto", lambda s: s["stats"]["duration"] > 3)
        paths = []
        for name in formats:
            ended = serve.stop(name).json
            assert ended["outcome"] == "complete", (name, ended)
            paths += ended["outputs"]
        assert serve.terminate() == 0, serve.log()[-3000:]
    for path in map(pathlib.Path, paths):
        assert expect_plays(path).duration > 1
        assert path.stat().st_mode & 0o027 == 0, f"{path}: {path.stat().st_mode:o}"


def test_what_the_unit_refuses(confined):
    """The restrictions are there: none of this works, and all of it does without."""
    attempts = {
        "a packet socket": ("import socket; socket.socket(17, 3)", "Error"),
        "a namespace": ("import ctypes, os; c = ctypes.CDLL(None, use_errno=True); c.unshare(0x10000000) and "
                        "exit(os.strerror(ctypes.get_errno()))", "Operation not permitted"),
        "memory that is written and run": ("import mmap; mmap.mmap(-1, 4096, prot=7)", "Operation not permitted"),
        "a module": ("import ctypes; ctypes.CDLL(None).syscall(175, 0, 0, 0)", None),
        "tracing": ("import ctypes; ctypes.CDLL(None).ptrace(0, 0, 0, 0)", None),
    }  # fmt: skip
    if os.getuid() == 0:
        attempts["a file elsewhere"] = ("open('/etc/x', 'w')", "Read-only file system")
        attempts["another user"] = ("import os; os.setuid(0)", None)
    for name, (code, said) in attempts.items():
        words = [sys.executable, sandbox.__file__, confined / "unit", confined / "state", TOLERATED]
        done = subprocess.run([*words, "/usr/bin/python3", "-c", code], capture_output=True, text=True, timeout=30)
        if said is None:
            assert done.returncode == -31, (name, done)  # SIGSYS
        else:
            assert done.returncode == 1 and said in done.stderr, (name, done)
