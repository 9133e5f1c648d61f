"""Learning a Unigram from word counts, as SentencePiece does (Kudo, "Subword Regularization", 2018), to the same bytes always.

The frequent substrings of the words are pieces to begin with (`seeds.py`). In rounds (`deciding.py`) it is counted how often each
is expected over all ways to spell the words (`asking.py`), its score is made of that, and those that are missed least are taken
away. What the words are asked is added up in integers, so that neither their order nor how they are parted matters.
"""
