"""The recipe: one YAML file is one run. Frozen, checked whole before anything starts, and hashed by its meaning."""

from pairloom.pipeline.recipe.corpus import CorpusSource, Mixture
from pairloom.pipeline.recipe.cutting import Cut, PretokenizerChoice, Supertokens, Superwords
from pairloom.pipeline.recipe.drift import DriftLimits, Retokenize
from pairloom.pipeline.recipe.reading import check_recipe, decode_recipe, load_recipe, parse_recipe
from pairloom.pipeline.recipe.rows import Pack, Shuffle, Tokenize
from pairloom.pipeline.recipe.vocabulary import Learn, VocabularyChoice
from pairloom.pipeline.recipe.whole import Execution, Recipe

__all__ = [
    "CorpusSource",
    "Cut",
    "DriftLimits",
    "Execution",
    "Learn",
    "Mixture",
    "Pack",
    "PretokenizerChoice",
    "Recipe",
    "Retokenize",
    "Shuffle",
    "Supertokens",
    "Superwords",
    "Tokenize",
    "VocabularyChoice",
    "check_recipe",
    "decode_recipe",
    "load_recipe",
    "parse_recipe",
]
