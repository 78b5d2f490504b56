"""``python -m h2oplus``: the command line."""

import sys

from h2oplus import _core


def main() -> int:
    """Runs it with this process's arguments; the exit code."""
    return _core.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
