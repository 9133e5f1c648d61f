"""The commands of the command line, a file for those that belong together.

A file here imports what its options are made of and nothing else; what a command works with is imported by the command, so
that help, completion and a wrong word in a recipe are answered at once.
"""
