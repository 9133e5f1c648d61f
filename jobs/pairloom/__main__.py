"""`python -m pairloom` is the command `pairloom`."""

from pairloom.jobs.cli import main

if __name__ == "__main__":
    main()
