"""An order of shuffling as a stranger would bring it: documents by their lengths, short ones first."""

import numpy as np

from pairloom.pipeline.stages.exchange.orders import Order


class Short(Order):
    """By length, spread over partitions by a hash of the id."""

    name = "short"
    scatters = True
    permutes = False

    def spread(self, found, copies):
        number = found.documents.number.view(np.uint64) << np.uint64(1)
        length, held_out = found.documents.length, found.held_out
        if copies is not None:
            number, length, held_out = (values[copies.index] for values in (number, length, held_out))
        return length.astype(np.uint64), found.splits.by_hash(number, held_out)
