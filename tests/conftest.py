"""Puts the harness on the path of every test below, whichever way pytest was started."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
