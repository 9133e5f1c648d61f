"""The compiler's side of kernels, and what all of them share: machine instructions, hashes, documents by address.

A kernel is a function that numba compiles (`jit.kernel`; `jit.inner` where only kernels call it). Kernels live in folders named
`kernels`, or files `kernels.py`, beside what uses them. That name is the one pattern by which lint and types make their
exceptions, by which `warmup.py` finds what is to be compiled before it is needed, and by which `tests/operators/test_twins.py`
finds what must have a specification in plain Python (`operators/reference`). So to add a kernel is to add

- the function, in `<folder>/kernels/<topic>.py`: contiguous arrays in, preallocated arrays out, a status and an index instead
  of an exception; arrays that travel together are a `NamedTuple`, options and slots of a state have names;
- a call of it in `warm_up` of that folder's `kernels/__init__.py`, with arrays of the types that it gets in earnest;
- its twin in `operators/reference`, named in the `TWINS` of its module, and a test that holds the two equal.
"""
