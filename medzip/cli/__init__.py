"""The command `medzip`."""

from medzip.cli.app import app, main

__all__ = ["app", "main"]
