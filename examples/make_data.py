"""Write the data that the recipes beside it read: python examples/make_data.py [FOLDER], by default `data`.

Text is that of the running Python: its sources are the code, their docstrings the prose. The languages are made of a few common
words each, and say the same. It takes a second or two and some 20 MB, and is the same each time for one version of Python.
"""

import ast
import json
import random
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

# Twenty-four words, in the same order in every language: what has the same `meaning` says the same everywhere.
WORDS = {
    "en": "I you water fire house night day sun moon tree stone hand eye "
    "mother father name bread fish dog new old good and not",
    "de": "ich du Wasser Feuer Haus Nacht Tag Sonne Mond Baum Stein Hand Auge "
    "Mutter Vater Name Brot Fisch Hund neu alt gut und nicht",
    "fr": "je tu eau feu maison nuit jour soleil lune arbre pierre main œil "
    "mère père nom pain poisson chien nouveau vieux bon et pas",
    "es": "yo tú agua fuego casa noche día sol luna árbol piedra mano ojo "
    "madre padre nombre pan pez perro nuevo viejo bueno y no",
    "pt": "eu tu água fogo casa noite dia sol lua árvore pedra mão olho "
    "mãe pai nome pão peixe cão novo velho bom e não",
    "it": "io tu acqua fuoco casa notte giorno sole luna albero pietra mano occhio "
    "madre padre nome pane pesce cane nuovo vecchio buono e non",
    "nl": "ik jij water vuur huis nacht dag zon maan boom steen hand oog "
    "moeder vader naam brood vis hond nieuw oud goed en niet",
    "pl": "ja ty woda ogień dom noc dzień słońce księżyc drzewo kamień ręka oko "
    "matka ojciec imię chleb ryba pies nowy stary dobry i nie",
    "cs": "já ty voda oheň dům noc den slunce měsíc strom kámen ruka oko "
    "matka otec jméno chléb ryba pes nový starý dobrý a ne",
    "fi": "minä sinä vesi tuli talo yö päivä aurinko kuu puu kivi käsi silmä "
    "äiti isä nimi leipä kala koira uusi vanha hyvä ja ei",
    "tr": "ben sen su ateş ev gece gün güneş ay ağaç taş el göz "
    "anne baba isim ekmek balık köpek yeni eski iyi ve değil",
    "vi": "tôi bạn nước lửa nhà đêm ngày mặt_trời mặt_trăng cây đá tay mắt "
    "mẹ cha tên bánh_mì cá chó mới cũ tốt và không",
    "ru": "я ты вода огонь дом ночь день солнце луна дерево камень рука глаз "
    "мать отец имя хлеб рыба собака новый старый хороший и не",
    "el": "εγώ εσύ νερό φωτιά σπίτι νύχτα μέρα ήλιος φεγγάρι δέντρο πέτρα χέρι μάτι "
    "μητέρα πατέρας όνομα ψωμί ψάρι σκύλος νέος παλιός καλός και δεν",
    "ar": "أنا أنت ماء نار بيت ليل يوم شمس قمر شجرة حجر يد عين أم أب اسم خبز سمك كلب جديد قديم جيد و لا",
    "he": "אני אתה מים אש בית לילה יום שמש ירח עץ אבן יד עין אמא אבא שם לחם דג כלב חדש ישן טוב ו לא",
    "hi": "मैं तुम पानी आग घर रात दिन सूरज चाँद पेड़ पत्थर हाथ आँख माँ पिता नाम रोटी मछली कुत्ता नया पुराना अच्छा और नहीं",
    "ja": "私 あなた 水 火 家 夜 日 太陽 月 木 石 手 目 母 父 名前 パン 魚 犬 新しい 古い 良い と ない",
    "zh": "我 你 水 火 房子 夜 天 太阳 月亮 树 石头 手 眼睛 母亲 父亲 名字 面包 鱼 狗 新 旧 好 和 不",
}


def sources() -> Iterator[tuple[str, str]]:
    """The name and the text of each source of the standard library."""
    library = Path(sysconfig.get_path("stdlib"))
    for path in sorted(library.glob("*.py")) + sorted(library.glob("*/*.py")):
        if path.parts[-2] not in ("site-packages", "test"):
            try:
                yield path.relative_to(library).as_posix(), path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


def docstrings(text: str) -> Iterator[str]:
    """The docstrings of a source that are worth reading."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            said = ast.get_docstring(node)
            if said is not None and len(said) > 80:
                yield said


def write_lines(path: Path, records: list[dict[str, object]]) -> None:
    """Write records as JSON Lines."""
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records), encoding="utf-8")


def main(folder: Path) -> None:
    """Write everything."""
    for name in ("web", "code", "languages", "chat", "audio"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    rng = random.Random(0)
    code = list(sources())
    prose = [(f"{name}/{i}", said) for name, text in code for i, said in enumerate(docstrings(text))]
    for part in range(4):
        write_lines(
            folder / "web" / f"part-{part}.jsonl",
            [
                {"id": name, "text": said, "meta": {"score": round(rng.random(), 3), "lang": "en"}}
                for name, said in prose[part::4]
            ],
        )
    table = pa.table({"path": [name for name, _ in code], "content": [text for _, text in code]})
    pq.write_table(table, folder / "code" / "stdlib.parquet", row_group_size=100)
    meanings = [rng.choices(range(24), k=60) for _ in range(400)]
    for language, words in WORDS.items():
        known = [word.replace("_", " ") for word in words.split()]
        glue = "" if language in ("zh", "ja") else " "
        write_lines(
            folder / "languages" / f"{language}.jsonl",
            [
                {
                    "id": f"{language}-{i}",
                    "meaning": i,
                    "lang": language,
                    "text": glue.join(known[word] for word in said),
                }
                for i, said in enumerate(meanings)
            ],
        )
    write_lines(
        folder / "chat" / "chat.jsonl",
        [
            {
                "messages": [
                    {"role": "system", "content": "You explain the Python standard library."},
                    {"role": "user", "content": f"What is {name.rpartition('/')[0]}, part {i}?"},
                    {"role": "assistant", "content": said},
                    {"role": "user", "content": "In one line?"},
                    {"role": "assistant", "content": said.splitlines()[0]},
                ]
            }
            for i, (name, said) in enumerate(prose[::3])
        ],
    )
    write_lines(
        folder / "audio" / "codes.jsonl",
        [
            {"id": f"clip-{i}", "codes": [rng.choices(range(1024), k=steps) for _ in range(4)]}
            for i, steps in enumerate(rng.choices(range(50, 400), k=200))
        ],
    )


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "data"))
