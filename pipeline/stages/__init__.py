"""The four stages: each binds an operator to storage.

A stage is one or two sets of tasks; a task makes one unit and its receipt.
"""
