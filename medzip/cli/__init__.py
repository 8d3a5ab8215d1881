"""The command `medzip`."""

from medzip.cli.command import app, main

__all__ = ["app", "main"]
