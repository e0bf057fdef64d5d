"""Some 2,000 texts of our own, always the same: as long as tweets, with what texts of people have in them."""

import random

WORDS = (
    "the new phone is not what i expected but my friends love it so much today going to see them on friday night and nobody knows "
    "why tomorrow will be great bad service again thanks for nothing best game of the season can't wait never always really happy "
    "sad angry awful lovely boring fine okay worst terrible wonderful train late rain sun coffee monday weekend work home school"
).split()
ODDITIES = (
    "@user #Monday http://t.co/abc https://example.com/a?b=c&d=e :) :-( <3 !!! ... ??? 100% $5.99 3,000 12:30 e-mail don't WOW sOmE "
    "naïve café Zürich Ærø ñandú straße ĿATIN Ωmega привет мир שלום مرحبا नमस्ते 你好世界 こんにちは 안녕 😀 👩‍👩‍👧 🇩🇪 ❤️ ½ ² ﬁne ＦＵＬＬ "
    "e\u0301 a\u0308 zero\u200bwidth soft\u00adhyphen non\u00a0breaking tab\there line\nbreak \x07bell \ufeffmark [CLS] [SEP] [MASK] "
    "</s> ##ing supercalifragilisticexpialidocious aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
).split(" ")
WHOLE = ["", " ", "\n", "a", ".", "!", "😀", "?" * 60, "ha" * 60, "no " * 90, "A" * 150, "\u200b", "[SEP]", "text\x00with nul", "  spaces   between  "]


def texts():
    """All of them."""
    chosen = random.Random(20)
    made = list(WHOLE)
    while len(made) < 2000:
        count = 1 + int(chosen.random() * 26)
        odd = 0.3 if chosen.random() < 0.4 else 0.03
        words = [_one(chosen, ODDITIES if chosen.random() < odd else WORDS) for _ in range(count)]
        text = " ".join(words)
        made.append(text.upper() if chosen.random() < 0.05 else text)
    return made


def _one(chosen, words):
    return words[int(chosen.random() * len(words))]


def pairs():
    """Each text with another one."""
    firsts = texts()
    return list(zip(firsts, [*firsts[7:], *firsts[:7]]))
