"""What a report says about a vocabulary and about what was made with it, gathered as values that JSON can hold."""

from pairloom.pipeline.report.compare import Measured, compare
from pairloom.pipeline.report.options import SEQ_LENS, Lexicon, Options
from pairloom.pipeline.report.root import (
    measure_root,
    measure_vocabulary,
    report_on_root,
    report_on_vocabulary,
)

__all__ = [
    "SEQ_LENS",
    "Lexicon",
    "Measured",
    "Options",
    "compare",
    "measure_root",
    "measure_vocabulary",
    "report_on_root",
    "report_on_vocabulary",
]
