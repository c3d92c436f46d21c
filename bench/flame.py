#!/usr/bin/env python3
"""Draws a flame graph: perf script -i perf.data | flame.py "TITLE" > flame.svg. Widths are shares of the
samples, the thread is the lowest box, what is called stands on who calls it."""

import re
import sys
from html import escape

WIDTH, ROW, TEXT_WIDTH, LEAST = 1200, 17, 6.6, 0.4
COLOURS = {"kernel": "#d9a35b", "roomtape": "#6fae6f", "library": "#7d9fd1", "thread": "#b9b9b9"}
FRAME = re.compile(r"^\s+[0-9a-f]+ (.+?)(?:\+0x[0-9a-f]+)? \(([^()]*)\)$")


class Node:
    def __init__(self, name, kind):
        self.name, self.kind, self.count, self.children = name, kind, 0, {}

    def child(self, name, kind):
        return self.children.setdefault((name, kind), Node(name, kind))

    def depth(self):
        return 1 + max((child.depth() for child in self.children.values()), default=0)


def kind_of(module):
    """None for what the compiler has put into its caller."""
    if module == "inlined":
        return None
    if "kernel" in module or module.startswith("["):
        return "kernel"
    return "roomtape" if module.rpartition("/")[2].startswith("roomtape") else "library"


def frames_of(block):
    """From the caller to the called."""
    found = [FRAME.match(line) for line in block[1:]]
    return [(match.group(1), kind_of(match.group(2))) for match in reversed(found) if match]


def read(stream):
    root = Node("all", "thread")
    for block in stream.read().split("\n\n"):
        lines = block.strip("\n").splitlines()
        if len(lines) < 2:
            continue
        thread = re.split(r"\s+\d+", lines[0].strip(), maxsplit=1)[0]
        node = root.child(thread, "thread")
        root.count += 1
        node.count += 1
        for name, kind in frames_of(lines):
            node = node.child(name, kind or node.kind)
            node.count += 1
    return root


def draw(node, x, level, scale, height, out):
    width = node.count * scale
    if width < LEAST:
        return
    y = height - (level + 1) * ROW
    title = f"{node.name}: {node.count} samples"
    fits = int((width - 4) / TEXT_WIDTH)
    label = node.name if len(node.name) <= fits else node.name[: max(fits - 1, 0)] + "…"
    out.append(f'<g><title>{escape(title)}</title><rect x="{x:.1f}" y="{y}" width="{width:.1f}" '
               f'height="{ROW - 1}" fill="{COLOURS[node.kind]}"/>'
               + (f'<text x="{x + 2:.1f}" y="{y + 12}">{escape(label)}</text>' if fits > 2 else "")
               + "</g>")  # fmt: skip
    for child in sorted(node.children.values(), key=lambda child: -child.count):
        draw(child, x, level + 1, scale, height, out)
        x += child.count * scale


def main():
    root = read(sys.stdin)
    height = (root.depth() + 2) * ROW
    out = []
    draw(root, 0, 0, WIDTH / max(root.count, 1), height, out)
    print(f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
          f'font-family="monospace" font-size="11"><rect width="100%" height="100%" fill="white"/>'
          f'<text x="4" y="13">{escape(sys.argv[1] if len(sys.argv) > 1 else "")}: green is roomtape, '
          f'ochre the kernel, blue libraries</text>')  # fmt: skip
    print("\n".join(out))
    print("</svg>")


if __name__ == "__main__":
    main()
