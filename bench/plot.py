"""CPU and memory over the number of recordings, as SVG."""

import math
import textwrap
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 860, 430
LEFT, RIGHT, TOP, BOTTOM = 60, 20, 70, 70
PANEL = (WIDTH - 2 * LEFT - 2 * RIGHT) / 2
DEEP = HEIGHT - TOP - BOTTOM
STYLE = ('<style>text{font:12px sans-serif;fill:#222}.t{font-size:14px;font-weight:bold}.s{font-size:9px;fill:#666}'
         'line{stroke:#ddd}polyline{fill:none;stroke-width:2}</style>')  # fmt: skip
ABOUT_LETTERS = 150


def nice_step(highest):
    """A step of which about five reach that high."""
    rough = highest / 5 or 1
    power = 10 ** math.floor(math.log10(rough))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)


class Panel:
    """One diagram; its horizontal axis is logarithmic."""

    def __init__(self, left, title, counts, highest):
        self.left, self.parts = left, []
        self.low, self.high = math.log(min(counts)), math.log(max(counts))
        self.step = nice_step(highest)
        self.top_value = math.ceil(highest / self.step) * self.step or 1
        self.parts.append(f'<text class="t" x="{left}" y="{TOP - 14}">{escape(title)}</text>')
        self._axes(counts)

    def x(self, count):
        wide = self.high - self.low or 1
        return self.left + (math.log(count) - self.low) / wide * PANEL

    def y(self, value):
        return TOP + DEEP * (1 - value / self.top_value)

    def _axes(self, counts):
        for number in range(round(self.top_value / self.step) + 1):
            value = number * self.step
            y = self.y(value)
            self.parts.append(f'<line x1="{self.left}" x2="{self.left + PANEL:.0f}" y1="{y:.1f}" y2="{y:.1f}"/>'
                              f'<text x="{self.left - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')  # fmt: skip
        for count in counts:
            self.parts.append(f'<text x="{self.x(count):.1f}" y="{TOP + DEEP + 18}" text-anchor="middle">{count}</text>')

    def curve(self, name, colour, points, place):
        if not points:
            return
        text = " ".join(f"{self.x(count):.1f},{self.y(value):.1f}" for count, value in points)
        self.parts.append(f'<polyline stroke="{colour}" points="{text}"/>')
        self.parts += [f'<circle cx="{self.x(count):.1f}" cy="{self.y(value):.1f}" r="3" fill="{colour}"/>'
                       for count, value in points]  # fmt: skip
        y = TOP + 8 + 16 * place
        self.parts.append(f'<rect x="{self.left + PANEL - 172:.0f}" y="{y - 9}" width="10" height="10" fill="{colour}"/>'
                          f'<text x="{self.left + PANEL - 156:.0f}" y="{y}">{escape(name)}</text>')  # fmt: skip


def _panel(left, title, curves):
    """`curves`: name, colour, points."""
    points = [point for _, _, found in curves for point in found]
    counts = sorted({count for count, _ in points})
    panel = Panel(left, title, counts, max(value for _, value in points))
    for place, (name, colour, found) in enumerate(curves):
        panel.curve(name, colour, found, place)
    return panel.parts


def draw(rows, about):
    """The rows with a floor; None when there are none."""
    rows = [row for row in rows if "floor_timer" in row and "cpu_ms" in row]
    if not rows:
        return None

    def floor(mode):
        return [(row["count"], row[f"floor_{mode}"]["ms_per_second"]) for row in rows
                if "error" not in row[f"floor_{mode}"]]  # fmt: skip

    processor = [
        ("roomtape", "#c03", [(row["count"], row["cpu_ms"]) for row in rows]),
        ("floor: epoll, libsrtp2", "#888", floor("epoll")),
        ("floor: timer, OpenSSL", "#06c", floor("timer")),
    ]
    memory = [
        ("resident", "#c03", [(row["count"], row["rss_mib"]) for row in rows]),
        ("anonymous", "#e90", [(row["count"], row["anonymous_mib"]) for row in rows]),
    ]
    parts = _panel(LEFT, "CPU, ms a second of each recording", processor)
    parts += _panel(2 * LEFT + RIGHT + PANEL, "Memory of the process, MiB", memory)
    parts.append(f'<text class="t" x="{LEFT}" y="24">roomtape: many recordings in one process, 720p30 H.264 2 Mbit/s + Opus</text>')
    parts.append(f'<text x="{WIDTH / 2}" y="{TOP + DEEP + 38}" text-anchor="middle">recordings</text>')
    for number, line in enumerate(textwrap.wrap(about, ABOUT_LETTERS)):
        parts.append(f'<text class="s" x="{LEFT}" y="{HEIGHT - 18 + 11 * number}">{escape(line)}</text>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">{STYLE}'
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>' + "\n".join(parts) + "</svg>\n")  # fmt: skip
