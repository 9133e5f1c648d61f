"""`python -m pairloom` is the command `pairloom`."""

from pairloom.jobs.entry import main

if __name__ == "__main__":
    main()
