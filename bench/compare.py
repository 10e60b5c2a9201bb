"""Myna beside other brokers, in one run on one machine:  python bench/compare.py --help

What it does is in comparison.py; this file only makes `bench` importable when it is run by its path.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.comparison import main  # noqa: E402  the line above makes it possible

if __name__ == "__main__":
    sys.exit(main())
