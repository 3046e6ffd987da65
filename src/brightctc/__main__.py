"""`python -m brightctc`."""

from brightctc.cli import main

main()
