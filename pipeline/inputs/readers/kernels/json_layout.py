"""Where records of JSON begin and end, whatever the layout: told by brackets and quotes, in one pass."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import kernel

__all__ = ["ARRAY", "BEGAN", "CLOSED", "DEPTH", "MODE", "QUOTED", "put_in_lines"]

# What `state` holds, all zero at first: what the file is, how many brackets are open within a record, whether a string is open (2
# behind a backslash), where the record began, and whether the record is over.
MODE, DEPTH, QUOTED, BEGAN, OVER = 0, 1, 2, 3, 4
# What a file is: not known yet, records one after another, an array of records, an array that is closed.
VALUES, ARRAY, CLOSED = 1, 2, 3


@kernel
def put_in_lines(data: npt.NDArray[np.uint8], state: npt.NDArray[np.int64], at: int) -> int:
    """Write a line break between records, and blanks in place of those within; of an array, all that is not a record is blank.

    `data` are the bytes from byte `at` of the file on, and `state` is what is known from those before. The result is the index of
    a byte that can stand there in no layout, or -1.
    """
    mode, depth, quoted, began, over = state[MODE], state[DEPTH], state[QUOTED], state[BEGAN], state[OVER]
    wrong = -1
    for i in range(len(data)):
        c = data[i]
        if quoted:
            if quoted == 2:
                quoted = 1
            elif c == 92:  # backslash
                quoted = 2
            elif c == 34:
                quoted = 0
            continue
        if c == 32 or c == 9 or c == 10 or c == 13:
            if depth == 0 and mode == VALUES and over:
                data[i], over = 10, 0
            elif c == 10 or c == 13:
                data[i] = 32
            continue
        if mode == CLOSED:
            wrong = i
            break
        if mode == 0:
            mode = ARRAY if c == 91 else VALUES
            if mode == ARRAY:
                data[i] = 32
                continue
        if depth == 0:
            if c == 44 and mode == ARRAY:  # a comma between records
                data[i], over = 10, 0
                continue
            if c == 93 or c == 125:
                if mode == ARRAY and c == 93:
                    data[i], mode = 10, CLOSED
                    continue
                wrong = i
                break
            if not over and i > 0 and (data[i - 1] == 32 or data[i - 1] == 9):
                data[i - 1] = 10  # so that the line begins where the record does
            if not over:
                began = at + i
        if c == 34:
            quoted = 1
        elif c == 91 or c == 123:
            depth += 1
        elif c == 93 or c == 125:
            depth -= 1
        over = 1 if depth == 0 else 0
    state[MODE], state[DEPTH], state[QUOTED], state[BEGAN], state[OVER] = mode, depth, quoted, began, over
    return wrong
