"""Completions of one prompt as documents: pairs of which one is preferred, and several with rewards.

    record ──▶ prompt, completions, rewards ──▶ a document for each completion ──▶ ids ──▶ values of tokens
                                                 └── group, member, side, reward

The prompt of each document is not to be predicted. Documents of a record have one `group` and stay together: no step, no split
and no mixture takes one without the others.
"""

from pairloom.operators.preferences.columns import Segments, TokenValues
from pairloom.operators.preferences.giver import Preferences
from pairloom.operators.preferences.sides import GroupError, Sides, sides_of

__all__ = ["GroupError", "Preferences", "Segments", "Sides", "TokenValues", "sides_of"]
