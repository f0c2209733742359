"""Says what to install when this Python cannot make the virtual environment."""

import sys

major, minor = sys.version_info[:2]
if major != 3 or minor not in (11, 12, 13):
    sys.exit(f"Python 3.11, 3.12 or 3.13 is needed, this one is {major}.{minor}. Name one: make run PYTHON=python3.12")
try:
    import ensurepip  # noqa: F401
    import venv  # noqa: F401
except ImportError:
    sys.exit("Python's venv module is missing. Install it: apt install python3-venv")
