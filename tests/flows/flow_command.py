"""`medzip flow`, in this process and as a program of its own."""

from __future__ import annotations

import sys
from unittest.mock import patch

from medzip_flows.command import app

from medzip.cli import main

__all__ = ["PROGRAM", "flow_command"]

PROGRAM = [
    sys.executable,
    "-c",
    "from medzip_flows.command import app; from medzip.cli import main; main(app)",
]
"""What starts it, also from a checkout that is not installed and so has no entry points."""


def flow_command(*arguments: object) -> int:
    """Exit code of `medzip flow ARGUMENTS`; what it prints goes where pytest catches it."""
    with patch.object(sys, "argv", ["medzip flow", *map(str, arguments)]):
        try:
            main(app)
        except SystemExit as end:
            return int(end.code or 0)
    return 0
