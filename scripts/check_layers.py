#!/usr/bin/env python3
"""Reads the include lines of src/ and says which ones cross a layer that they must not cross."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SRC = ROOT / "src"

BELOW = {"base": [], "flow": ["base"]}
for folder in ("rtp", "depay", "timing", "sdp", "signal", "encode", "sink", "store", "config"):
    BELOW[folder] = ["base", "flow"]
BELOW["transport"] = ["base", "flow", "sdp"]
STAGES = [name for name in BELOW]
BELOW["recorder"] = STAGES
BELOW["room"] = STAGES
for folder in ("api", "cli"):
    BELOW[folder] = STAGES + ["recorder", "room", "api"]

LIBRARIES = [
    ("glib", r"(glib|gio|gobject|gmodule)(/|\.h|-unix\.h|-object\.h)|glib-unix\.h|gio/"),
    ("libsoup", r"libsoup/"),
    ("json-glib", r"json-glib/"),
    ("protobuf-c", r"protobuf-c/"),
    ("libnice", r"(nice|agent)(/|\.h)"),
    ("openssl", r"openssl/"),
    ("libsrtp2", r"srtp2/"),
    ("ipsec-mb", r"intel-ipsec-mb\.h"),
    ("usrsctp", r"usrsctp\.h"),
    ("ffmpeg", r"(libav\w+|libsw\w+)/"),
    ("libyaml", r"yaml\.h"),
    ("libcurl", r"curl/"),
    ("hiredis", r"hiredis/"),
]
ALLOWED = {
    "base": set(),
    "flow": set(),
    "sdp": set(),
    "rtp": set(),
    "depay": set(),
    "timing": set(),
    "signal": {"glib", "libsoup", "json-glib", "protobuf-c", "openssl"},
    "transport": {"glib", "libnice", "openssl", "libsrtp2", "ipsec-mb", "usrsctp"},
    "encode": {"ffmpeg"},
    "sink": {"ffmpeg"},
    "store": {"glib", "json-glib", "libcurl"},
    "config": {"glib", "libyaml"},
    "recorder": {"glib", "json-glib"},
    "room": {"glib", "libsoup", "json-glib", "protobuf-c", "ffmpeg"},
    "api": {"glib", "libsoup", "json-glib"},
    "cli": {"glib", "libsoup", "json-glib"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def library_of(header):
    for name, pattern in LIBRARIES:
        if re.match(pattern, header):
            return name
    return None


def check(folder, quote, header):
    """Says what is wrong with this include line of that folder, or None."""
    if quote == "<":
        library = library_of(header)
        if library and library not in ALLOWED[folder]:
            return f"{folder}/ may not use {library}"
        return None
    top = header.split("/")[0]
    if "/" not in header:
        if header.endswith(".pb-c.h"):
            return None if "protobuf-c" in ALLOWED[folder] else f"{folder}/ may not use protobuf-c"
        return "write the folder too"
    if top != folder and top not in BELOW[folder]:
        return f"{folder}/ may not include {top}/"
    return None


def main():
    errors = 0
    for path in sorted(SRC.rglob("*.[ch]")):
        folder = path.relative_to(SRC).parts[0]
        if folder not in BELOW:
            print(f"{path.relative_to(ROOT)}: the folder is in no layer")
            errors += 1
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            wrong = match and check(folder, match.group(1), match.group(2))
            if wrong:
                print(f"{path.relative_to(ROOT)}:{number}: {match.group(2)}: {wrong}")
                errors += 1
    return 1 if errors else 0


sys.exit(main())
