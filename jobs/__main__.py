"""`python -m pairloom.jobs` is the command `pairloom`."""

from pairloom.jobs.entry import main

main()
