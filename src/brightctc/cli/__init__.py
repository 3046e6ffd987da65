"""The command line: one file a command. Each parses, calls the library and prints; nothing else happens here."""

from brightctc.cli.app import main

__all__ = ["main"]
