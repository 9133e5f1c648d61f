"""How kernels are compiled and kept, and what all of them share: machine instructions, hashes."""
