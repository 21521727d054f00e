"""Find the dates, numbers and names in a sentence, in a form in which two sentences can be compared.

Only what is written plainly is found: for showing that documents differ, a missed value costs little and a wrong one
much.
"""

import math
import re
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise, product
from operator import ge
from typing import Any, Literal

from qa.words import STOPWORDS, fold, stems

Kind = Literal["date", "number", "name"]

_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
# Without `a`, small and capital letters are one also for "ſ" and "ı", and there is no month "ſeptember" to look up.
_MONTH = rf"(?P<month>(?a:{'|'.join(_MONTHS)}|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec))\.?"
_DAY = r"(?P<day>[0-3]?\d)(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>1\d{3}|20\d{2})(?P<bc>\s+BCE?\b)?"
_DATES = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        rf"\b{_YEAR}-(?P<number>[01]\d)-(?P<day>[0-3]\d)\b",
        rf"\b{_DAY}\s+(?:of\s+)?{_MONTH}(?:,?\s+{_YEAR})?\b",
        rf"\b{_MONTH}\s+{_DAY}(?!\d)(?:,?\s+{_YEAR})?\b",
        rf"\b{_MONTH},?\s+{_YEAR}\b",
        rf"\b{_YEAR}\b(?!\s*(?:%|percent))",
    )
)
_WEEK = re.compile(r"\bweek\s+(?:of|beginning|starting|ending)\s+(?:on\s+)?(?:the\s+)?$", re.I)
_BETWEEN = r"\s*(?:[-–—/]|\b(?:to|until|till|and|or)\b)\s*"  # the ends of a range
_TO = re.compile(_BETWEEN, re.I)
_LOOSE = re.compile(  # in front of a date; for "winter of 1990" is 1991 too, and "3" of "3/4 May" is no date of its own
    r"(?:\b(?:about|around|ca?\b\.?|circa|roughly|nearly|perhaps|probably|possibly|before|after|by|until|till|than|late|"
    rf"winter(?:\s+of)?)\s*(?:the\s+)?|(?<![\w/.-])(?:\d{{1,2}}(?:st|nd|rd|th)?|{_MONTH}){_BETWEEN})$",
    re.I,
)
_LOOSE_END = re.compile(rf"{_BETWEEN}\d{{1,2}}(?:st|nd|rd|th)?\b", re.I)  # of "1998–99" and "May 3 and 4"
_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_NUMBER_WORDS = {word: float(n) for n, word in enumerate(_UNITS)} | {w: 10.0 * n for n, w in enumerate(_TENS, 2)}
_MULTIPLES = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9}
_SUFFIXES = {"k": 1e3, "m": 1e6, "bn": 1e9}  # of money only: "5m" may be five metres
_SMALL = rf"(?a:{'|'.join(_NUMBER_WORDS)})\b"
_MULTIPLE = rf"(?a:{'|'.join(_MULTIPLES)})\b"
_DIGITS = r"(?:\d{1,3}(?:[,'’\s]\d{3})+(?!\d)|\d+)(?:\.\d+)?"
_COUNT = rf"(?:{_DIGITS}(?![\d:/])|\b{_SMALL})(?:\s+and\s+a\s+half\b)?"
_ONE_MULTIPLE = rf"\b(?:half\s+|(?<!\bof\s))a\s+{_MULTIPLE}"  # not "several million", "a quarter of a million"
_NUMBER = re.compile(
    r"(?:\b(?:(?P<about>about|around|some|roughly|approximately|nearly|almost|circa)"
    r"|(?P<over>over|more\s+than|at\s+least)|(?P<under>under|less\s+than|fewer\s+than|at\s+most|up\s+to))\s+)?"
    rf"(?<![\w.,-])(?P<amount>(?:[$€£]{_DIGITS}(?:k|m|bn)\b|[$€£]?{_COUNT}|{_ONE_MULTIPLE})"
    rf"(?:(?:[\s-]+|(?<=hundred)\s+and\s+|(?<=thousand)\s+and\s+)(?:{_SMALL}|{_MULTIPLE}))*)"
    r"(?!-(?:first|second|third|[a-z]+th)\b)(?:(?P<percent>\s*%|\s+per\s?cent\b)|[\s-]+(?P<unit>[^\W\d_]+))?",
    re.I,
)
# In front of digits that are not the whole amount: "1/2", "1:25 000", "10^6", "minus 40".
_MORE = re.compile(r"(?:\d[:/'’^]|\bminus\s+|(?:^|\s)[−–])$", re.I)
_LEAST_BARE_NUMBER = 1000.0  # a smaller number without a unit is more often a label than an amount
_ABOUT = 0.1  # "about 50" may be this share more or less
_PLACE = re.compile(r"\b(?:in|at|on|from|near)\s+(?:the\s+)?$", re.I)  # what follows is no person
_TITLES = frozenset(
    """
    mr mrs ms miss dr doctor prof professor sir dame lord lady saint st father brother sister king queen prince princess
    emperor pope president captain major colonel general admiral commander lieutenant sergeant
    """.split()
)
_POSSESSIVE = re.compile(r"'s?(?=[\s-]|$)")
_QUOTES = ('"', "“", "”", "„", "«", "»")
_CAPITALISED = re.compile(r"\b[^\W\d_a-z][\w'’-]*")

# "When" asks only before a verb, or where nothing else does: not in "What does she say when he leaves?".
_ASKS_DATE = re.compile(
    r"\bwhen\s+(?:am|is|are|was|were|do|does|did|has|have|had|will|would|can|could|shall|should|may|might|must)\b|"
    r"^\W*when\b(?!.*\b(?:who|whom|whose|what|which|where|why|how)\b)|"
    r"\b(?:what|which)\s+(?:year|date|day|month)\b|\bdate\b",
    re.I | re.S,
)
_ASKS_NUMBER = re.compile(
    r"\bhow\s+(?:many|much|long|old|tall|far|high|big|large|often|fast)\b|"
    r"\b(?:number|amount|percentage|running time|runtime|length|price|cost|size|height|weight|age)\b",
    re.I,
)
_ASKS_NAME = re.compile(r"\bwho(?:m|se)?\b", re.I)


@dataclass(frozen=True, slots=True)
class Value:
    """One date, number or name."""

    text: str  # as it stands in the sentence
    key: tuple[Any, ...]  # what is compared: (year, month, day, week?), (low, high, unit) or (folded words …)
    loose: bool = False  # a date that the thing itself need not have: "before 1700", "around 1750", "1410 to 1425"


def kind_asked_for(question: str) -> Kind | None:
    """Return which kind of value answers a question, None if the question does not say so."""
    if _ASKS_DATE.search(question):
        return "date"
    if _ASKS_NUMBER.search(question):
        return "number"
    return "name" if _ASKS_NAME.search(question) else None


def values_of(sentence: str, kind: Kind) -> tuple[Value, ...]:
    """Return the values of one kind in a sentence, in order."""
    match kind:
        case "date":
            return _dates(sentence)
        case "number":
            return _numbers(sentence)
        case "name":
            return _names(sentence)


def agree(first: Value, second: Value, kind: Kind | None) -> bool:
    """Tell whether two values can be the same.

    A year agrees with a day in it, a rounded number with the exact one, a surname or an initial with a full name.
    """
    if kind == "date":
        pairs = product(_days(first.key), _days(second.key))
        return any(all(a is None or b is None or a == b for a, b in zip(*pair, strict=True)) for pair in pairs)
    if kind == "number":
        return _one_unit(first, second) and max(first.key[0], second.key[0]) <= min(first.key[1], second.key[1])
    names = [tuple(word for word in value.key if word not in _TITLES) for value in (first, second)]
    one, two = names if all(names) else (first.key, second.key)
    # The shorter in the longer one; of two that are equally long, both ways: "Anna-Anna" is not "Anna Lund".
    return (len(one) > len(two) or _holds(two, one)) and (len(two) > len(one) or _holds(one, two))


def confirms(value: Value, other: Value, kind: Kind | None) -> bool:
    """Tell whether a value says all that another one says: a year is not enough for a day in it, nor a bound."""
    as_close = kind != "date" or all(map(ge, _given(value), _given(other)))
    return as_close and agree(value, other, kind)


def _given(value: Value) -> tuple[bool, ...]:
    """Return what a date gives: a year, a month, a day or one of a week, the very day, no bound."""
    year, month, day, week = value.key
    return (*(part is not None for part in (year, month, day)), day is not None and not week, not value.loose)


def _holds(name: tuple[str, ...], words: tuple[str, ...]) -> bool:
    """Tell whether each of some words, or what it may be the initial of, is in a name."""
    return all(any(a == b or (1 in (len(a), len(b)) and a[0] == b[0]) for b in name) for a in words)


def contradict(first: Value, second: Value, kind: Kind | None) -> bool:
    """Tell whether two values cannot both be true of one thing; loose dates and numbers of different units can."""
    comparable = _one_unit(first, second) if kind == "number" else not (first.loose or second.loose)
    return comparable and not agree(first, second, kind)


def _one_unit(first: Value, second: Value) -> bool:
    return bool(first.key[2] == second.key[2])


def _dates(sentence: str) -> tuple[Value, ...]:
    found = []
    taken: set[int] = set()
    for pattern in _DATES:
        for match in pattern.finditer(sentence):
            if taken.isdisjoint(range(*match.span())):
                taken.update(range(*match.span()))
                week = _WEEK.search(sentence, 0, match.start())
                start = week.start() if week else match.start()
                found.append((start, match.end(), _date_key(match.groupdict(), bool(week))))
    found.sort()
    ranges = [(a, b) for (a, end, _), (b, _, _) in pairwise(found) if _TO.fullmatch(sentence, end, b)]
    loose = {start for ends in ranges for start in ends}
    return tuple(
        Value(
            sentence[start:end],
            key,
            start in loose or bool(_LOOSE.search(sentence, 0, start) or _LOOSE_END.match(sentence, end)),
        )
        for start, end, key in found
    )


def _date_key(parts: dict[str, str | None], week: bool) -> tuple[int | None, int | None, int | None, bool]:
    number, month = parts.get("number"), parts.get("month")
    if month:
        number = str(next(n for n, name in enumerate(_MONTHS, 1) if name.startswith(month.lower()[:3])))
    year, day = parts.get("year"), parts.get("day")
    if year and parts.get("bc"):
        year = f"-{year}"
    return (int(year) if year else None, int(number) if number else None, int(day) if day else None, week)


def _days(key: tuple[Any, ...]) -> list[tuple[int | None, int | None, int | None]]:
    """Return the (year, month, day) that a date may mean: for a week every day before and after that can be in it."""
    year, month, day, week = key
    try:
        named = date(year or 2000, month, day) if week and month and day else None
    except ValueError:  # a 31st of June
        named = None
    if named is None:
        return [(year, month, day)]
    days = [named + timedelta(days=n) for n in range(-6, 7)]
    return [(year and one.year, one.month, one.day) for one in days]


def _numbers(sentence: str) -> tuple[Value, ...]:
    dates = [match.span() for pattern in _DATES for match in pattern.finditer(sentence)]
    found = []
    before: re.Match[str] | None = None
    for match in _NUMBER.finditer(sentence):
        start, end = match.span("amount")
        amount, unit = match["amount"], "".join(stems(match["unit"] or ""))
        if match["percent"]:
            unit, end = "%", match.end("percent")
        elif amount[0] in "$€£":
            unit = amount[0]
        elif unit:
            end = match.end("unit")
        # "1500 steps" is a number although it looks like a year, but nothing else within a date is one.
        counts = unit and not (match["unit"] or "").istitle()  # as in "In 1998 Rovers had …"
        in_date = any(a <= start < b and (not counts or b - a > len("1999")) for a, b in dates)
        number = _number(amount)
        if amount[0].isupper() and sentence[:start].rstrip()[-1:].isalnum():  # of a name, such as Deep Space Nine
            continue
        if _MORE.search(sentence, 0, start):
            continue
        if not in_date and number < math.inf and (unit or number >= _LEAST_BARE_NUMBER):
            low, high = _range(number, match)
            if before and _TO.fullmatch(sentence, before.end("amount"), match.start()):
                low, start = min(low, _number(before["amount"])), before.start("amount")
            found.append(Value(sentence[start:end], (low, high, unit)))
        before = match
    return tuple(found)


def _number(amount: str) -> float:
    """Return the number that digits, number words or both spell: "1,200", "half a million", "one hundred and five"."""
    total = current = 0.0
    multiples = _MULTIPLES | _SUFFIXES
    for word in re.findall(rf"{_DIGITS}|[a-z]+", amount.lower()):
        if word == "hundred":
            current = (current or 1.0) * 1e2
        elif word in multiples:
            total, current = total + (current or 1.0) * multiples[word], 0.0
        elif word == "half":
            current += 0.5
        elif word not in ("and", "a"):
            current += _NUMBER_WORDS[word] if word in _NUMBER_WORDS else float(re.sub(r"[,'’\s]", "", word))
    return total + current


def _range(number: float, match: re.Match[str]) -> tuple[float, float]:
    """Return the lowest and the highest number that is meant: one written 3,200 may have been rounded from 3,187."""
    if match["over"]:
        return number, math.inf
    if match["under"]:
        return 0.0, number
    if match["about"]:
        return number * (1 - _ABOUT), number * (1 + _ABOUT)
    digits = f"{number:.6e}".split("e")[0].rstrip("0").replace(".", "")
    last_digit = 10.0 ** (math.floor(math.log10(number or 1.0)) - max(len(digits), 2) + 1)
    return number - 0.49 * last_digit, number + 0.49 * last_digit  # not quite half, so that 45 and 46 do not touch


def _names(sentence: str) -> tuple[Value, ...]:
    found: list[Value] = []
    run: list[re.Match[str]] = []
    for match in [*_CAPITALISED.finditer(sentence), None]:
        adjoins = run and match and sentence[run[-1].end() : match.start()] in (" ", "-", ". ")
        if run and not adjoins:
            text = sentence[run[0].start() : run[-1].end()]
            bare = re.sub("[-.]", " ", _POSSESSIVE.sub("", fold(text).replace("’", "'")))
            words = tuple(word for word in bare.split() if word not in STOPWORDS)
            opens_sentence = run[0].start() == 0 and len(run) == 1
            is_place = _PLACE.search(sentence, 0, run[0].start())
            is_title = sentence[: run[0].start()].endswith(_QUOTES) and sentence.startswith(_QUOTES, run[-1].end())
            if words and not opens_sentence and not is_place and not is_title:
                found.append(Value(text, words))
            run = []
        if match:
            run.append(match)
    return tuple(found)
