"""What case data look like: words of headings in German and English, and patterns of cells with their check digits."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

from geodata.supply.days import compact_birth_dates
from geodata.supply.names import GIVEN, SURNAMES


def folded(text: str) -> str:
    """Return text in lower case without umlauts and accents.

    Examples
    --------
    >>> folded("Straße Ä é")
    'strasse ae e'
    """
    text = text.casefold().replace("ä", "ae").replace("ö", "oe").replace("ü", "ue").replace("ß", "ss")
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


_PERSON = (
    "kind|kinder|kindes|mutter|vater|eltern|person|personen|antragsteller|antragstellerin|kunde|kunden|kundin|klient"
    "|klienten|patient|patienten|schueler|schuelerin|bewohner|teilnehmer|leistungsbezieher|mitarbeiter|halter|client"
    "|customer|child|pupil|applicant|mother|father|parent"
)
_NUMBER = "nummer|nr|no|id|nummern|number|kennzeichen|kennung"
#: A word of a heading, or several of its words joined, that nobody writes above counts.
_STRONG: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        (
            "name",
            rf"(vor|nach|zu|ruf|familien|geburts|maedchen)namen?s?|nachundvornamen?|vorundnachnamen?|({_PERSON})namen?"
            r"|(first|last|family|given|maiden|full)names?|surnames?|forenames?",
        ),
        (
            "birth",
            r"geb(urts)?(dat(um|en)?|tag)|geborenam|dateofbirth|birth(date|day)|dob",
        ),
        (
            "case",
            rf"akten?zeichen|geschaeftszeichen|(akten|bg|bedarfsgemeinschafts?|kunden|fall|vorgangs?|antrags|klienten"
            rf"|patienten|schueler|personen|personal|mitglieds|versicherten|versicherungs|sozialversicherungs"
            rf"|rentenversicherungs|krankenversicherungs|krankenversicherten|steueridentifikations|ausweis"
            rf"|personalausweis|pass|sv|rv|kv)({_NUMBER})|(sv|rv|kv)nr|steuer(id|idnr|nummer|nr)"
            r"|case(number|no|id|file|reference)|filereference|socialsecurity(number|no)|ssn"
            r"|(national)?insurance(number|no)|(customer|client|patient|person|passport)(number|no|id)|taxid",
        ),
        (
            "phone",
            r"(telefon|tel|handy|mobil|mobilfunk|mobiltelefon|fax|phone|mobile|cellphone)(nummer|nr|number|no)|rufnummer",
        ),
        ("account", r"iban|konto(nummer|nr|inhaber|inhaberin)|(bank)?account(number|no|holder)|bankverbindung"),
    )
)
#: Words that may stand above counts: the cells must not be plain numbers.
_WEAK: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("address", r"(wohn|post|privat|melde|haus)?(anschrift|adressen?)|(street|home|postal)?address(es)?"),
        ("email", r"e?mail(adresse|address)?"),
        ("phone", r"telefon|tel|handy|mobiltelefon|fax|phone|mobilephone|cellphone"),
        ("case", r"az"),
    )
)
STREET = re.compile(r"strassen?|str|strassennamen?|street|streetname")
HOUSE = re.compile(r"haus(nummer|nr|no)|hs?nr|house(number|no)|streetnumber|strassennummer")
_PLAIN_NUMBER = re.compile(r"nr|nummer|no|number|hausnr|hausnummer")
BARE_NAME = re.compile(r"namen?|names?")
_WORDS = re.compile(r"[a-z0-9]+")


def words_of(heading: str) -> set[str]:
    """Return the words of a heading and every run of up to three words, written as one.

    Examples
    --------
    >>> sorted(words_of("SV-Nummer"))
    ['nummer', 'sv', 'svnummer']
    """
    spaced = re.sub(r"(?<=[a-zäöüß])(?=[A-ZÄÖÜ])", " ", heading)
    words: list[str] = _WORDS.findall(folded(spaced))
    runs = {"".join(words[i : i + n]) for n in (1, 2, 3) for i in range(len(words) - n + 1)}
    return runs | set(_WORDS.findall(folded(heading)))


_PLAIN = re.compile(r"[-+−]?[\d.,'\s\u00a0\u202f]+|[-–.·/xX*()…]{1,3}")


def numeric(values: Sequence[str]) -> bool:
    """Tell whether a column holds numbers and signs only (or nothing)."""
    return all(_PLAIN.fullmatch(value) for value in values)


def by_heading(heading: str, values: Sequence[str]) -> str | None:
    """Say what a heading betrays.

    Parameters
    ----------
    heading : str
        As written.
    values : sequence of str
        Distinct cells below it, without blanks.

    Returns
    -------
    str or None
        A key of :data:`KINDS`.

    Examples
    --------
    >>> by_heading("Geb.-Datum", []), by_heading("Geburten", []), by_heading("Telefon", ["12", "7"])
    ('birth', None, None)
    """
    if len(heading) > 60:
        return None  # a sentence, not a heading
    words = words_of(heading)
    for kind, pattern in _STRONG:
        if any(pattern.fullmatch(word) for word in words):
            return kind
    text = folded(heading).strip(" .:*")
    if text in ("geb", "geboren") and not numeric(values):
        return "birth"
    if any(BARE_NAME.fullmatch(word) for word in words) and any(re.fullmatch(_PERSON, word) for word in words):
        return "name"
    if not values or numeric(values):
        # Digits in groups are numbers to the eye, telephone numbers under this heading.
        long = [v for v in values if sum(c.isdigit() for c in v) >= 7]
        phone = any(kind == "phone" and p.fullmatch(w) for kind, p in _WEAK for w in words)
        return "phone" if phone and values and 2 * len(long) > len(values) else None
    for kind, pattern in _WEAK:
        if any(pattern.fullmatch(word) for word in words):
            return kind
    street = any(STREET.fullmatch(word) for word in words)
    if street and any(_PLAIN_NUMBER.fullmatch(word) for word in words):
        return "address"
    return None


# ── content ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _iban(cell: str) -> bool:
    bare = re.sub(r"\s", "", cell).upper()
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", bare):
        return False
    moved = bare[4:] + bare[:4]
    return int("".join(str(int(c, 36)) for c in moved)) % 97 == 1  # ISO 13616, ISO 7064 mod 97-10


def _pension(cell: str) -> bool:
    """Tell whether a cell is a Versicherungsnummer: area, birth date, initial, serial, check digit (§ 2 VKVV)."""
    bare = re.sub(r"[\s/-]", "", cell).upper()
    if not re.fullmatch(r"\d{8}[A-Z]\d{3}", bare):
        return False
    digits = bare[:8] + f"{ord(bare[8]) - 64:02d}" + bare[9:11]
    weights = (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1)
    products = (int(d) * w for d, w in zip(digits, weights, strict=True))
    return sum(p // 10 + p % 10 for p in products) % 10 == int(bare[11])


def _tax(cell: str) -> bool:
    """Tell whether a cell is a tax identification number: 11 digits, ISO 7064 mod 11,10."""
    if not re.fullmatch(r"[1-9]\d{10}", cell):
        return False
    product = 10
    for digit in cell[:10]:
        total = (int(digit) + product) % 10 or 10
        product = 2 * total % 11
    return (11 - product) % 10 == int(cell[10])


def _fits(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda cell: compiled.fullmatch(cell) is not None


_WAY = (
    r"(straße|strasse|str\.?|weg|platz|allee|gasse|ring|damm|ufer|steig|stieg|pfad|kamp|winkel|hof|chaussee"
    r"|street|road)"
)
_ADDRESS = _fits(rf"(?i).*[a-zäöüß.\- ]{_WAY}\s*,?\s*(nr\.?\s*)?\d{{1,4}}\s?[a-z]?(\s?[-/]\s?\d+\s?[a-z]?)?(,.*)?")
#: Anything with a house number behind it, and words that streets have in them.
_NUMBERED = re.compile(
    r"(?P<street>[^\W\d_][^\d,;:]{3,60}?)\s*,?\s*(nr\.?\s*)?\d{1,4}\s?[a-zA-Z]?(\s?[-/]\s?\d+\s?[a-zA-Z]?)?(,.*)?"
)
_STREETS = re.compile(
    rf"(?i)[a-zäöüß.\- ]{_WAY}\b|\b(am|an der|an den|im|in der|in den|auf der|auf dem|zum|zur|hinter)\s"
)
_EMAIL = _fits(r"[^@\s;,]+@[^@\s;,]+\.[A-Za-z]{2,}")
_FILE = _fits(r"(?!(19|20)\d\d/\d\d(\d\d)?$)[A-Za-z0-9 .\-]*\d[A-Za-z0-9 .\-]*/(\d\d|(19|20)\d\d)([ .\-][A-Za-z0-9]+)?")
_DATE = re.compile(
    r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>(19|20)\d\d)|(?P<y2>(19|20)\d\d)-(?P<m2>\d\d)-(?P<d2>\d\d)(?:[T ].*)?"
)
_AREA_WORDS = re.compile(
    r"(?i)\b(stadt|hansestadt|landkreis|kreis|gemeinde|samtgemeinde|flecken|markt|region|land|st|ot|ortsteil|bezirk"
    r"|gebiet|forst|bad|kreisfreie|landeshauptstadt|statistische|universitätsstadt|insel|insgesamt|zusammen)\b"
)


def _phone(cell: str) -> bool:
    digits = sum(c.isdigit() for c in cell)
    if not 9 <= digits <= 14:
        return False
    if re.fullmatch(r"(\+|00)[1-9]\d[\d /()\-]+", cell):
        return True
    return re.fullmatch(r"\(?0[1-9]\d{1,4}\)?\s?[-/]\s?\d[\d -]+|0[1-9]\d{1,4} [1-9]\d{3,}", cell) is not None


_CAPITAL = r"[A-ZÄÖÜÇŞÉŠŽŁ][\w'’.-]+"
_NAME = re.compile(rf"{_CAPITAL}(?: (?:von|van|de|der|den|al|el|zu))*(?:, | ){_CAPITAL}(?: {_CAPITAL})?")


def _addresses(values: Sequence[str]) -> bool:
    """Tell streets with house numbers under any heading: words and a number, and ways among many different words."""
    found = [match["street"].strip() for value in values if (match := _NUMBERED.fullmatch(value))]
    if len(found) < max(3, 0.6 * len(values)):
        return False
    ways = sum(_STREETS.search(street) is not None for street in found)
    return len(set(found)) >= 3 and ways >= 0.3 * len(found)


def _birthdays(values: Sequence[str]) -> bool:
    """Tell birth dates from reference dates: scattered over years and over the days of the year, none in the future."""
    found = []
    for value in values:
        match = _DATE.fullmatch(value)
        if match:
            found.append(tuple(int(match[a] or match[b]) for a, b in (("y", "y2"), ("m", "m2"), ("d", "d2"))))
    if len(found) < 4 or len(found) < 0.8 * len(values):
        return False
    years = {y for y, _, _ in found}
    days = {(m, d) for _, m, d in found}
    edges = sum(d == 1 or d >= 30 or (m == 2 and d >= 28) for _, m, d in found)
    scattered = len(days) >= min(0.6 * len(found), 120)
    return (
        len(years) >= min(4, len(found) * 0.5)
        and max(years) - min(years) >= 5
        and scattered
        and edges < 0.4 * len(found)
    )


def _persons(values: Sequence[str]) -> bool:
    """Tell names of persons from names of places: given names and surnames among a few words, or "Schmidt, Anna"."""
    hits = comma = full = shaped = 0
    second: set[str] = set()
    for value in values:
        if len(value) > 60 or any(c.isdigit() for c in value):
            continue
        words = [
            w for w in re.split(r"[\s,]+", folded(value)) if w not in ("dr.", "dr", "prof.", "von", "herr", "frau")
        ]
        if not 1 <= len(words) <= 4:
            continue
        given, family = words[0] in GIVEN or words[-1] in GIVEN, words[0] in SURNAMES or words[-1] in SURNAMES
        hits += given or (family and len(words) <= 2)
        full += given and family and len(words) >= 2
        # "Petra Meier", "Van der Berg, Eva": the form of a name, which many places have as well
        shaped += _NAME.fullmatch(value) is not None and not _STREETS.search(value) and not _AREA_WORDS.search(value)
        left, _, right = value.partition(", ")
        if right and len(left.split()) <= 2 and len(right.split()) <= 2 and not _AREA_WORDS.search(value):
            comma += 1
            second.add(right)
    if full == len(values) >= 2:
        return True
    lexical = hits >= 3 and hits >= 0.3 * len(values)
    lexical = lexical or (hits >= 5 and hits >= 0.1 * len(values) and shaped >= 0.8 * len(values))
    return lexical or (comma >= 5 and comma >= 0.8 * len(values) and len(second) >= 0.3 * comma)


def by_content(values: Sequence[str]) -> str | None:
    """Say what the cells of a column betray.

    Parameters
    ----------
    values : sequence of str
        Distinct cells, without blanks.

    Returns
    -------
    str or None
        A key of :data:`KINDS`.
    """

    def share(test: Callable[[str], bool], least: float, count: int = 3) -> bool:
        hits = sum(map(test, values))
        return hits >= min(count, len(values)) and hits >= least * len(values) > 0

    if not values:
        return None
    if compact_birth_dates(values):
        return "birth"
    if numeric(values) and not any("/" in v or v.startswith("0") for v in values):
        return "case" if len(values) >= 5 and share(_tax, 0.95) else None
    if any(map(_iban, values)):
        return "account"
    if any(re.fullmatch(r"\d{5}\s?BG\s?\d{7}", v) for v in values) or share(_pension, 0.3, 2):
        return "case"
    if share(_EMAIL, 0.2, 2):
        return "email"
    if share(_phone, 0.6):
        return "phone"
    if _birthdays(values):
        return "birth"
    if share(_ADDRESS, 0.5) or _addresses(values):
        return "address"
    if len(values) >= 5 and share(_FILE, 0.7):
        return "case"
    return "name" if _persons(values) else None
