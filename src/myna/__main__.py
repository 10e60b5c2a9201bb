"""`python -m myna` is `myna`."""

import sys

from myna.commands import main

if __name__ == "__main__":
    sys.exit(main())
