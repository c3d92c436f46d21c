#!/usr/bin/env python3
"""Says, as a TAP test, whether README's table of settings is that of src/config/config_keys.c; with
--write it puts the table there."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
BEGIN, END = "<!-- table:config -->", "<!-- /table:config -->"
TEXT = r'"((?:[^"\\]|\\.)*)"'
ROW = re.compile(rf"\{{{TEXT}, {TEXT}, (NULL|{TEXT}), {TEXT}, (true|false), CONFIG_\w+,")
LIVEKIT = {
    "livekit.url": "LIVEKIT_URL",
    "livekit.api_key": "LIVEKIT_API_KEY",
    "livekit.api_secret": "LIVEKIT_API_SECRET",
}


def rows():
    source = (ROOT / "src/config/config_keys.c").read_text()
    table = re.sub(r"\s+", " ", source)
    found = ROW.findall(table)
    entries = len(re.findall(r'"ROOMTAPE_\w+"', source))
    if not found or len(found) != entries:
        sys.exit(f"config_keys.c: {len(found)} of {entries} keys could be read")
    for key, variable, _, default, text, secret in found:
        names = [variable, *([LIVEKIT[key]] if key in LIVEKIT else [])]
        names += [name + "_FILE" for name in names] if secret == "true" else []
        yield key, "<br>".join(f"`{n}`" for n in names), f"`{default}`" if default else "", text


def table():
    lines = ["| key | environment | default | meaning |", "|---|---|---|---|"]
    lines += [f"| `{key}` | {names} | {default} | {text} |" for key, names, default, text in rows()]
    return "\n".join([BEGIN, *lines, END])


def main():
    readme = README.read_text()
    wanted = table()
    if sys.argv[1:] == ["--write"]:
        block = re.compile(rf"{BEGIN}(.*?{END})?", re.S)
        README.write_text(block.sub(lambda _: wanted, readme, count=1))
        return
    print("1..1")
    if wanted in readme:
        print("ok 1 - README names every setting")
        return
    have = set(re.findall(r"^\| `([\w.]+)` \| `ROOMTAPE_", readme, re.M))
    missing = ", ".join(key for key, *_ in rows() if key not in have)
    print("not ok 1 - README names every setting")
    print(f"# different: {missing or 'texts'}; scripts/check_config_table.py --write mends it")


if __name__ == "__main__":
    main()
