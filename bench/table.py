"""The figures as they are found, as a table and as JSON."""

import json


class Table:
    def __init__(self):
        self.rows = []

    def add(self, name, measured, target="", **values):
        self.rows.append({"name": name, "measured": measured, "target": target, **values})
        print(f"  {name}: {measured}" + (f"  (target: {target})" if target else ""), flush=True)

    def text(self):
        rows = [("figure", "measured", "target")]
        rows += [(row["name"], row["measured"], row["target"]) for row in self.rows]
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip() for row in rows]
        lines.insert(1, "  ".join("-" * w for w in widths))
        return "\n".join(lines)

    def write(self, path, **about):
        path.write_text(json.dumps({**about, "figures": self.rows}, indent=2) + "\n")
