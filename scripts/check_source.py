#!/usr/bin/env python3
"""Checks the house rules that no compiler knows: lengths, nesting, headers, banned calls."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
MAX_FUNCTION_LINES = 60
MAX_FILE_LINES = 500
MAX_NESTING = 3
MAX_PARAMETERS = 5
# Named by the specification (register_track), or the shape of a library's callback.
LONG_SIGNATURES = ("find_password", "media_clock_register_track", "on_received")

# What our own threads must not use: ThreadSanitizer cannot see into GLib's locks, and a call that
# blocks or overflows has no place at all.
BANNED = {
    "g_main_context_invoke": "cross threads by base/mailbox",
    "g_async_queue_new": "cross threads by base/mailbox or flow/bounded_queue",
    "g_thread_pool_new": "use pthread",
    "g_thread_new": "use pthread",
    "strcpy": "it does not know the size",
    "strcat": "it does not know the size",
    "sprintf": "use snprintf",
    "vsprintf": "use vsnprintf",
    "gets": "it does not know the size",
    "alloca": "the stack has no ceiling",
    "system": "no shell",
    "popen": "no shell",
    "sleep": "wait for an event",
    "usleep": "wait for an event",
}
BANNED_CALL = re.compile(r"(?<![\w>.])(" + "|".join(BANNED) + r")\s*\(")
MARKER = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XXX)\b")
LITERAL = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])\'')
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)


def blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def code_of(text):
    """The text without comments and literals, line by line as before."""
    text = LITERAL.sub(lambda m: '"' + " " * (len(m.group(0)) - 2) + '"', text)
    return COMMENT.sub(blank, text).splitlines()


def functions(lines):
    """Yields (first line of the signature, first line of the body, last line), from 0."""
    start = None
    for number, line in enumerate(lines):
        if line == "{" and start is None:
            start = number
        elif line == "}" and start is not None:
            signature = start
            while signature > 0 and lines[signature - 1].strip() not in ("", "}") and not lines[
                signature - 1
            ].rstrip().endswith((";", "*/")):
                signature -= 1
            yield signature, start, number
            start = None


def nesting(lines):
    depth = deepest = 0
    for line in lines:
        for sign in line:
            depth += {"{": 1, "}": -1}.get(sign, 0)
            deepest = max(deepest, depth)
    return deepest - 1


def check_functions(lines, tell):
    for signature, first, last in functions(lines):
        length = last - first - 1
        if length > MAX_FUNCTION_LINES:
            tell(first, f"a function of {length} lines, {MAX_FUNCTION_LINES} are enough")
        if nesting(lines[first : last + 1]) > MAX_NESTING:
            tell(first, f"nested deeper than {MAX_NESTING}")
        head = " ".join(lines[signature:first])
        if "(" in head and head[head.index("(") :].count(",") + 1 > MAX_PARAMETERS + 1:
            if not any(name + "(" in head for name in LONG_SIGNATURES):
                tell(signature, f"more than {MAX_PARAMETERS} parameters and an error")


def check(path, tell):
    text = path.read_text()
    raw = text.splitlines()
    lines = code_of(text)
    tests = "tests" in path.parts
    if len(raw) > MAX_FILE_LINES and not tests:
        tell(0, f"{len(raw)} lines, {MAX_FILE_LINES} are enough")
    if path.suffix == ".h" and not tests:
        if "#pragma once" not in text:
            tell(0, "no #pragma once")
        if not re.search(r"^/\*(?:(?!\*/).)*\b[Tt]hread", text, re.S):
            tell(0, "the header does not say which thread may call")
    for number, line in enumerate(raw):
        if MARKER.search(line) and not re.search(r"#\d+", line):
            tell(number, "a note to do without the number of its issue")
    if tests:
        return
    for number, line in enumerate(lines):
        match = BANNED_CALL.search(line)
        if match:
            tell(number, f"{match.group(1)}(): {BANNED[match.group(1)]}")
    if path.suffix == ".c":
        check_functions(lines, tell)


def main():
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "src", "tests", "bench"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )
    errors = []
    for name in listing.stdout.split():
        path = ROOT / name
        if path.suffix in (".c", ".h") and path.exists():
            check(path, lambda n, what, name=name: errors.append(f"{name}:{n + 1}: {what}"))
    print("\n".join(errors), end="\n" if errors else "")
    return 1 if errors else 0


sys.exit(main())
