"""The specifications: each kernel's slow, obvious twin in plain Python, which tests hold it equal to.

The modules are named as those that they specify. Each says in `TWINS` which kernels its functions are the twins of, by
"module:kernel" below `pairloom.operators`; a kernel that does part of something has the twin of the whole. A test holds the
kernels that there are equal to those that have a twin.
"""
