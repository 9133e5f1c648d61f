"""What is encoded to compare tokenizers: sentences of many scripts, and text that goes wrong."""

import random

from tests.support.nasty import nasty_texts

__all__ = ["SCRIPTS", "texts"]

SCRIPTS = {
    "Latin": "All human beings are born free and equal in dignity and rights. L'été, Straße, źdźbło, İstanbul, Tiếng Việt.",
    "Greek": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι. Ἐν ἀρχῇ ἦν ὁ λόγος",
    "Cyrillic": "Все люди рождаются свободными и равными. Ўзбек, українська, ѣ, Ӂ.",
    "Armenian": "Բոլոր մարդիկ ծնվում են ազատ ու հավասար։",
    "Georgian": "ყველა ადამიანი იბადება თავისუფალი. ᲗᲑᲘᲚᲘᲡᲘ ⴄⴌⴑⴗ",
    "Hebrew": "כל בני האדם נולדו בני חורין. בְּרֵאשִׁית בָּרָא",
    "Arabic": "يولد جميع الناس أحرارًا متساوين في الكرامة. بِسْمِ ٱللَّهِ ﷺ ۱۲۳ پژواک",
    "Syriac": "ܟܠ ܒܪܢܫܐ ܒܪܝܠܗ ܚܐܪܐ",
    "Thaana": "ހުރިހާ އިންސާނުން ވެސް އުފަންވަނީ",
    "NKo": "ߡߐ߱ ߓߍ߯ ߘߏ߲߬ ߘߐ߫",
    "Devanagari": "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता। क्षत्रिय १२३",
    "Bengali": "সমস্ত মানুষ স্বাধীনভাবে সমান মর্যাদা নিয়ে জন্মগ্রহণ করে। ক্ষ",
    "Gurmukhi": "ਸਾਰਾ ਮਨੁੱਖੀ ਪਰਿਵਾਰ ਆਪਣੀ ਮਹਿਮਾ",
    "Gujarati": "પ્રતિષ્ઠા અને અધિકારોની દૃષ્ટિએ સર્વ માનવો",
    "Oriya": "ସମସ୍ତ ମନୁଷ୍ୟ ଜନ୍ମକାଳରୁ ସ୍ୱାଧୀନ",
    "Tamil": "மனிதப் பிறிவியினர் சகலரும் சுதந்திரமாகவே பிறக்கின்றனர்",
    "Telugu": "ప్రతిపత్తిస్వత్వముల విషయమున మానవులెల్లరును",
    "Kannada": "ಎಲ್ಲಾ ಮಾನವರೂ ಸ್ವತಂತ್ರರಾಗಿಯೇ ಜನಿಸಿದ್ದಾರೆ",
    "Malayalam": "മനുഷ്യരെല്ലാവരും തുല്യാവകാശങ്ങളോടും. ന്‍ ൻ",
    "Sinhala": "සියලු මනුෂ්‍යයෝ නිදහස්ව උපත ලබා ඇත",
    "Thai": "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกัน น้ำ กำ",
    "Lao": "ມະນຸດທຸກຄົນເກີດມາມີກຽດສັກສີ ນ້ຳ",
    "Tibetan": "འགྲོ་བ་མིའི་རིགས་རྒྱུད་ཡོངས་ལ་སྐྱེས་ཙམ་ཉིད་ནས།",
    "Myanmar": "လူတိုင်းသည် တူညီ လွတ်လပ်သော ဂုဏ်သိက္ခာဖြင့်",
    "Khmer": "មនុស្សទាំងអស់ កើតមកមានសេរីភាព",
    "Ethiopic": "የሰው ልጅ ሁሉ ሲወለድ ነጻና በክብርና በመብትም እኩልነት ያለው ነው።",
    "Cherokee": "ᏂᎦᏓ ᎠᏂᏴᏫ ᏂᎨᎫᏓᎸᎾ ꭰꮳꮃꭹ",
    "Canadian": "ᐃᓅᔪᓕᒫᑦ ᐊᓂᖅᑎᕆᔪᓕᒫᑦ ᐃᓅᓚᐅᕐᒪᑕ",
    "Mongolian": "ᠬᠦᠮᠦᠨ ᠪᠦᠷ ᠲᠥᠷᠥᠵᠦ",
    "Tifinagh": "ⵉⵎⴷⴰⵏⴻⵏ ⴰⴽⴽⴻⵏ ⵎⴰ ⵍⵍⴰⵏ",
    "Han": "人人生而自由,在尊严和权利上一律平等。繁體中文 𠮷野家 㐂",
    "Kana": "すべての人間は、生まれながらにして自由であり、ガギグ が ﾊﾝｶｸ ヽゞ",
    "Hangul": "모든 인간은 태어날 때부터 자유로우며 \u1112\u1161\u11ab\u1100\u1173\u11af ㄱㄴ",
    "Yi": "ꊿꂷꃅꄿꐨꐥ ꌅꅍꂷꀋꁨ",
    "Javanese": "ꦱꦧꦼꦤ꧀ꦮꦺꦴꦁ ꦏꦭꦲꦶꦫꦏꦺ",
    "Gothic": "𐌰𐍄𐍄𐌰 𐌿𐌽𐍃𐌰𐍂 𐌸𐌿 𐌹𐌽 𐌷𐌹𐌼𐌹𐌽𐌰𐌼",
    "Cuneiform": "𒀭𒂗𒆤 𒈗 𒆳𒆳𒊏",
    "Adlam": "𞤋𞤲𞥆𞤢𞤥𞤢 𞤢𞥄𞤣𞤫𞥅𞤶𞤭 𞤬𞤮𞤬",
    "Signs": "👩‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿 ☂️ ½ ² ∑∫≠ → ♫ 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 Ⅷ ㎏ ﬁ ① ™ ﷽",
    "Code": "def f(x):\n\treturn {'k': [x ** 2, \"s\"]}  # ok\r\n    if a != b && c <= 0x1F: print(f'{x:>10}')\n\n\n",
}
"""A sentence or some words of each."""


def texts() -> list[str]:
    """The same texts wherever they are made."""
    drawn = random.Random(18)
    sentences = list(SCRIPTS.values())
    words = " ".join(sentences).split(" ")
    spaces = [
        " ",
        "  ",
        "\n",
        " \n ",
        "\t",
        "",
        "\u00a0",
        "\u3000",
        "\u2581",
        "   \n\n  ",
        "\u200b",
        ", ",
        "'s ",
    ]
    mixed = [
        "".join(drawn.choice(words) + drawn.choice(spaces) for _ in range(drawn.randint(1, 40)))
        for _ in range(300)
    ]
    runs = [
        one * drawn.randint(1, 200) for one in (" ", "\n", "a", "ab", "0", "\u65e5", "\u2581", "=", "\t", "é")
    ]
    return [*sentences, "\n".join(sentences), *nasty_texts(500, seed=18), *mixed, *runs]
