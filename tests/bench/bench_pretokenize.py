"""How fast text is cut: megabytes a second of every scheme, and as a ratio to Hugging Face's `tokenizers`.

    python tests/bench/bench_pretokenize.py [--megabytes 16] [--rounds 7] [--text FILE ...]

Ours and the peer run in turn in one process, on one core, after compiling; a figure is the median of its
rounds. The peer (`pre_tokenizers.Split`, which also makes Python strings and offsets) gets 100 KB of the same
text. Without `--text`, the texts are Python's manual (English), Python's library (source code) and sentences
of ten languages whose words are mixed.
"""

import argparse
import random
import statistics
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np
import numpy.typing as npt
from tokenizers import Regex, pre_tokenizers

from pairloom.operators.text.arrays import Text
from pairloom.operators.text.pretokenize import Pretokenizer
from pairloom.operators.text.pretokenize.schemes import SCHEMES

# The first article of the Universal Declaration of Human Rights.
ARTICLE = {
    "de": "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft und Gewissen begabt.",
    "fr": "Tous les êtres humains naissent libres et égaux en dignité et en droits. Ils sont doués de raison.",
    "pl": "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw. Są oni obdarzeni rozumem.",
    "el": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα. Είναι προικισμένοι.",
    "ru": "Все люди рождаются свободными и равными в своем достоинстве и правах. Они наделены разумом и совестью.",
    "ar": "يولد جميع الناس أحراراً متساوين في الكرامة والحقوق. وقد وهبوا عقلاً وضميراً.",
    "hi": "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है।",
    "zh": "人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心,并应以兄弟关系的精神相对待。",
    "ja": "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
    "ko": "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다. 인간은 천부적으로 이성을 부여받았다.",
}


def repeated(parts: list[str], size: int) -> Text:
    """Documents of about 4 KB, `size` bytes in all."""
    raw = "".join(parts).encode()
    documents, total = [], 0
    while total < size:
        for low in range(0, len(raw), 4096):
            document = raw[low : low + 4096].decode(errors="ignore").encode()
            documents.append(document)
            total += len(document)
    return Text(
        data=np.frombuffer(b"".join(documents), np.uint8),
        offsets=np.cumsum([0, *map(len, documents)], dtype=np.int64),
    )


def texts(size: int, files: list[Path]) -> dict[str, Text]:
    if files:
        return {
            file.name: repeated([file.read_text(encoding="utf-8", errors="replace")], size) for file in files
        }
    library = Path(sysconfig.get_path("stdlib"))
    mixed = []
    chance = random.Random(0)
    for _ in range(3000):
        words = chance.choice(list(ARTICLE.values())).split(" ")
        chance.shuffle(words)
        mixed.append(" ".join(words) + chance.choice(["\n", " ", " ", "\n\n"]))
    return {
        "english": repeated(list(topics.values()), size),
        "source": repeated(
            [p.read_text(encoding="utf-8", errors="replace") for p in sorted(library.glob("*.py"))], size
        ),
        "ten languages": repeated(mixed, size),
    }


def seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def cut(pretokenizer: Pretokenizer, text: Text) -> int:
    return sum(len(ends) for _, ends in pretokenizer.blocks(text))


def sample(text: Text, size: int) -> npt.NDArray[np.uint8]:
    return text.data[: text.offsets[np.searchsorted(text.offsets, size)]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=16, help="of each text (default: 16)")
    parser.add_argument("--rounds", type=int, default=7, help="of which the median counts (default: 7)")
    parser.add_argument("--text", type=Path, nargs="*", default=[], help="UTF-8 files to cut instead")
    options = parser.parse_args()
    print(f"{'scheme':<13}{'text':<16}{'bytes a piece':>14}{'MB/s':>9}{'tokenizers':>12}{'ratio':>8}")
    for scheme in [name for name in SCHEMES if name != "none"]:
        pretokenizer = Pretokenizer(scheme=scheme)
        peer = pre_tokenizers.Sequence(
            [pre_tokenizers.Split(Regex(p), "isolated") for p in pretokenizer.patterns]
        )
        for name, text in texts(options.megabytes << 20, options.text).items():
            part = sample(text, 100_000).tobytes()
            shown = part.decode()
            pieces = cut(pretokenizer, text)
            ours, theirs = [], []
            for _ in range(options.rounds):
                ours.append(seconds(lambda: cut(pretokenizer, text)))  # noqa: B023
                theirs.append(seconds(lambda: peer.pre_tokenize_str(shown)))  # noqa: B023
            rate = text.bytes / statistics.median(ours) / 1e6
            other = len(part) / statistics.median(theirs) / 1e6
            print(
                f"{scheme:<13}{name:<16}{text.bytes / pieces:>14.2f}{rate:>9.0f}{other:>12.1f}{rate / other:>8.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
