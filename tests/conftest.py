"""Puts the harness on the path of every test below, whichever way pytest was started, and collects
the rows of the fault table."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from harness.fault_table import Row  # noqa: E402


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    if report.when == "call" and not report.skipped:
        again = getattr(item, "execution_count", 1) > 1
        for row in getattr(item, "fault_rows", []):
            if again:
                row.measured("this at the second attempt")
            row.save(report.passed)
    return report


@pytest.fixture
def fault_row(request):
    """Makes this case's row of docs/faults.md: fault_row("network", "5 % loss", made="...",
    asked="..."), then row.measured("...") before each assertion on a figure."""
    request.node.fault_rows = []

    def make(section, fault, made, asked):
        request.node.fault_rows.append(Row(request.node, section, fault, made, asked))
        return request.node.fault_rows[-1]

    return make
