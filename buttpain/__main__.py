"""`python -m buttpain` is the command `buttpain`."""

import sys

from buttpain.faces.cli import main

if __name__ == "__main__":
    sys.exit(main())
