"""Conversations: messages rendered per processor second, and what masks take beside encoding.

Run it as `python -m tests.bench.bench_chat [CONVERSATIONS]`. What is said are paragraphs of the standard library's sources, two to
eight messages a conversation, some behind a system message. Rendering is that of `Renderer`, with everything that it says of each
character, and of the reading of records around it, from JSON to documents with spans. Encoding is that of rendered texts, cut at
their special tokens, by a vocabulary whose counts it has; masks are what their spans then take: `loss_mask`, and `turn`.
Everything runs on one thread, in turn, five times; figures are medians of processor time.
"""

import itertools
import json
import random
import statistics
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parents[2]))

from pairloom.operators import Pretokenizer, count_words, learn_bpe
from pairloom.operators.chat import TEMPLATES, Chat, Renderer, Template
from pairloom.operators.documents import LOSS_MASK, SPECIAL, DocumentBatch
from pairloom.operators.encode import Tokenizer
from pairloom.operators.encode.spans import token_values
from pairloom.operators.vocabulary.tokens import TokenTable
from tests.bench.texts import library

TRIMS = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] | trim + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def conversations(count):
    paragraphs = (part for text in library() for part in text.split("\n\n") if part.strip())
    said = list(itertools.islice(paragraphs, 20_000))
    draw, made = random.Random(0), []
    for _ in range(count):
        messages = [{"role": "system", "content": "You are a helpful assistant."}] * (draw.random() < 0.3)
        for _ in range(draw.randint(1, 4)):
            answer = "\n\n".join(draw.choice(said) for _ in range(3))
            messages.append({"role": "user", "content": draw.choice(said)[:300]})
            messages.append({"role": "assistant", "content": answer})
        made.append(messages)
    return made


def spent(work, times=5):
    found = []
    for _ in range(times):
        before = time.process_time()
        work()
        found.append(time.process_time() - before)
    return statistics.median(found)


def rendering(made):
    many = sum(map(len, made))
    print(f"{many:,} messages of {sum(len(m['content']) for one in made for m in one) // many} characters")
    sources = {name: (TEMPLATES[name].source, TEMPLATES[name].variables) for name in TEMPLATES}
    for name, (source, variables) in (sources | {"trims, marks nothing": (TRIMS, {})}).items():
        renderer = Renderer(Template(source, variables))
        took = spent(lambda renderer=renderer: [renderer(one) for one in made])
        print(f"  {name:22} {many / took:8,.0f} messages/s rendered and traced")
    chat = Chat(template=TEMPLATES["chatml"].source)
    records = DocumentBatch.of([""] * len(made), fields={"messages": pa.array(list(map(json.dumps, made)))})
    took = spent(lambda: chat.read(records))
    print(f"  {'chatml':22} {many / took:8,.0f} messages/s from JSON to documents")
    return chat.read(records)


def masks(batch):
    counts = count_words(batch.content, Pretokenizer())
    vocabulary = learn_bpe(counts, 16_384, special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    tokenizer, special = Tokenizer(vocabulary).with_memo(counts), batch.spans[SPECIAL]
    ids = tokenizer.encode_column(batch.content, special=special).ids
    table = TokenTable.of(vocabulary.tokens)

    def marked(name, rule, dtype):
        return token_values(
            ids, table, batch.content, batch.spans[name], outside=0.0, rule=rule, special=special, dtype=dtype
        )

    first = []
    for _ in range(3):
        fresh = Tokenizer(vocabulary).with_memo(counts)
        fresh.encode_column(batch.content.slice(0, 1), special=special.slice(0, 1))
        first.append(spent(lambda fresh=fresh: fresh.encode_column(batch.content, special=special), 1))
    encode = statistics.median(first)
    again = spent(lambda: tokenizer.encode_column(batch.content, special=special))
    marked(LOSS_MASK, "all", np.uint8)
    print(f"{batch.bytes / 1e6:.1f} MB, {len(ids.values):,} tokens")
    print(
        f"  {'encoding':22} {batch.bytes / encode / 1e6:8.0f} MB/s at first, {batch.bytes / again / 1e6:.0f} MB/s again"
    )
    for name, rule, dtype in ((LOSS_MASK, "all", np.uint8), ("turn", "any", np.uint16)):
        took = spent(partial(marked, name, rule, dtype))
        print(f"  {name:22} {took / encode:8.1%} of encoding at first, {took / again:.1%} of encoding again")


def main():
    masks(rendering(conversations(int(sys.argv[1]) if len(sys.argv) > 1 else 4000)))


if __name__ == "__main__":
    main()
