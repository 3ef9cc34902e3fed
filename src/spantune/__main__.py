"""`python -m spantune` is the command `spantune`."""

from spantune.cli.main import entry

entry()
