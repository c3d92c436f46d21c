"""Collects what became of each fault, as rows of docs/faults.md; scripts/fault_table writes it."""

import hashlib
import json
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "build/test-results/faults"
SECTIONS = {
    "network": "Between server and recorder",
    "signalling": "Signalling and server",
    "publishers": "Publishers",
    "machine": "The machine under the recorder",
    "hostile": "Hostile input",
}


class Row:
    def __init__(self, node, section, fault, made, asked):
        assert section in SECTIONS, section
        self.path, self.line, _ = node.location
        self.node, self.section = node.nodeid, section
        self.fault, self.made, self.asked = fault, made, asked
        self.told = []

    def measured(self, text):
        """Adds to what the row says was measured; before the assertions, so that a row that does not
        hold shows its figures too."""
        self.told.append(text)

    def save(self, holds):
        if "ROOMTAPE" in os.environ:
            return  # another build than the one that people get
        FOLDER.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha1(f"{self.node} {self.fault}".encode()).hexdigest()[:16]
        content = {**vars(self), "measured": "; ".join(self.told), "holds": holds}
        content.pop("told")
        (FOLDER / f"{name}.json").write_text(json.dumps(content, indent=1))


def rows():
    found = [json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))]
    order = list(SECTIONS)
    return sorted(found, key=lambda r: (order.index(r["section"]), r["path"], r["line"], r["node"], r["fault"]))


def as_markdown(found):
    """The page; every cell is one line of text."""
    cell = lambda text: " ".join(str(text).split()).replace("|", "\\|")  # noqa: E731
    held = sum(row["holds"] for row in found)
    lines = [
        "# What goes wrong, and what becomes of the recording", "",
        "Written by `make test` from the cases that it ran; each row is a test, and its last column says",
        "what was measured in that run. A row that does not hold says so in front.", "",
        f"{held} of {len(found)} rows hold.",
    ]  # fmt: skip
    for section, title in SECTIONS.items():
        chosen = [row for row in found if row["section"] == section]
        if not chosen:
            continue
        lines += ["", f"## {title}", "", "| fault | how it is made | asked | measured |", "|---|---|---|---|"]
        for row in chosen:
            said = cell(row["measured"]) if row["holds"] else f"**Does not hold.** {cell(row['measured'])}"
            lines.append(f"| {cell(row['fault'])} | {cell(row['made'])} | {cell(row['asked'])} | {said} |")
    return "\n".join(lines) + "\n"


def write(path=ROOT / "docs/faults.md"):
    pathlib.Path(path).write_text(as_markdown(rows()))
