"""`python -m pairloom.jobs` is the command `pairloom`."""

from pairloom.jobs.cli import main

main()
