"""Does a text look like a person's name, birth date or record number? Rules of thumb with few false alarms.

What counts, and why not more:

- a record number: a word that announces one (MRN, patient id, NHS, …) and at least five digits, or the shape of an
  American, Swiss or Italian personal number. A bare number is no sign: instruments number their cells.
- a birth date: a word that announces one (DOB, born, geb., …), or a full date of the years 1900 to 1999. Later dates
  may be the day of imaging, earlier ones are none; the zero days of computers' clocks are left out.
- a name: a field that announces one (FirstName="…", Patient name: …), a form of address (Mrs Rossi), a common given
  name beside another word that is no word of the laboratory, or two such words before eight digits that are a date.
  A single word is no sign: cell lines, sites and stains are called after people.
- an e-mail address.

Web addresses are left out first: those of XML schemas hold dates.
"""

import re

_ADDRESS = re.compile(r"\b[a-z]+://\S+", re.IGNORECASE)
_GAP = r"[ _.:#=/\\-]*"
_RECORD = re.compile(
    rf"(?<![A-Za-z])(?:MRN|SSN|NHS|AHV|medical{_GAP}record|(?:patient|pat|hosp|hospital|record|fall|case{_GAP}record)"
    rf"{_GAP}(?:id|no|nr|num|number|nummer)){_GAP}(?:no|nr|id|number)?{_GAP}\d[\d ]{{3,}}\d"
    r"|(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])"
    r"|(?<!\d)756\.\d{4}\.\d{4}\.\d{2}(?!\d)",
    re.IGNORECASE,
)
_FISCAL = re.compile(r"(?<![A-Za-z0-9])[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z](?![A-Za-z0-9])")
_BIRTH_WORD = re.compile(
    rf"(?<![A-Za-z])(?:D\.?O\.?B\.?|date{_GAP}of{_GAP}birth|birth{_GAP}da(?:te|y)|born|geb(?:oren)?|geburtsdatum|"
    rf"data{_GAP}di{_GAP}nascita|nat[oa]{_GAP}il|date{_GAP}de{_GAP}naissance|fecha{_GAP}de{_GAP}nacimiento)"
    rf"{_GAP}(?:am|on|il|le)?[\"'>]?{_GAP}(?:\d{{4}}|\d{{1,2}}[-./ _]+\w)",
    re.IGNORECASE,
)
_BIRTH_LABEL = re.compile(r"(?<![A-Za-z])DOB(?![A-Za-z])")
_MONTH, _DAY = r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
_OLD_DATE = re.compile(
    rf"(?<!\d)19\d\d([-._/ :]){_MONTH}\1{_DAY}(?!\.?\d)"
    rf"|(?<![\d.]){_DAY}([./]){_MONTH}\2(?:19\d\d)(?![\d.])"
    rf"|(?<![\d.]){_MONTH}(/){_DAY}\3(?:19\d\d)(?![\d.])"
)
_CLOCK_ZERO = {"19700101", "19800101", "19040101", "19000101", "19691231", "19991231", "01011970", "01011980"}
_LETTERS = "A-Za-zÀ-ÖØ-öø-ÿ"
_NAME_FIELD = re.compile(
    rf"(?:first|last|given|family|middle|sur|patient{_GAP}|subject{_GAP}|patient'?s{_GAP}){_GAP}name[\"'>]?\s*[:=>]\s*"
    rf"[\"']?(?!unknown|none|anonym|n/?a\b|test)[{_LETTERS}]{{2,}}",
    re.IGNORECASE,
)
_FORM_OF_ADDRESS = re.compile(
    rf"(?<![{_LETTERS}])(?:Mr|Mrs|Herrn?|Frau|Mme|Madame|Signora?|Señora?)\.?[ _]+[A-ZÀ-Þ][a-zà-ÿ]{{2,}}"
)
_SURNAME_FIRST = re.compile(r"([A-ZÀ-Þ][a-zà-ÿ]{2,}), ?([A-ZÀ-Þ][a-zà-ÿ]{2,})(?:$|[._\d])")
_NAME_AND_DATE = re.compile(
    rf"([{_LETTERS}]{{3,}})[ _.-]+([{_LETTERS}]{{3,}})[ _.-]+(?:19\d\d|20[01]\d){_MONTH}{_DAY}(?!\d)"
)
_MAIL = re.compile(r"[\w.+-]+@[\w-]+\.[A-Za-z]{2,}")
_WORD = re.compile(rf"[{_LETTERS}]+|\d+|[^{_LETTERS}\d]+")
# given names that are no other word of the field (not Max, Grace, Mark, Ray, …)
_GIVEN_NAMES = frozenset(
    re.findall(
        r"\w+",
        """
        abdul adam adriana ahmed aisha alberto alessandra alessandro alexander alexandra alfred alice amanda
        andrea andreas andrew anja anna anne antoine antonio barbara beatrice benjamin bernard birgit brian
        bruno carla carlos carmen catherine chiara christian christina christine christoph claire claudia claudio
        cristina daniel daniela david deborah diana dieter dmitri dorothy edith eduardo edward eleanor elena
        elisabeth elizabeth emily emma enrico eric erika eva fatima federico fernando francesca francesco franco
        frank franz frederic friedrich gabriele gabriella georg george gerhard giovanni giulia giuseppe greta
        guido gunther günther hans harold heinrich heinz helen helga helmut henri herbert hiroshi hugo ibrahim
        igor ingrid irene isabella ivan jacques james jane jean jennifer jessica joachim johann johannes john
        jonathan jorge jose josef joseph juan juergen julia juliane jürgen karen karin karl katharina kathleen
        kevin klaus kurt laura laurent lena leonardo linda lisa lorenzo lothar luca lucia ludwig luigi luis lukas
        manfred manuel manuela marco margaret maria marie mario marta martha martin martina massimo matteo
        matthias maurizio michael michel michele miguel mohamed mohammed monica monika nadia nancy natalia nicola
        nicole nikolai norbert olga oliver olivia pablo paolo patricia patrick paul paula pauline pedro peter
        petra philippe pierre rachel ralf rebecca renate ricardo richard robert roberto roger roland rolf rosa
        ruth sabine samuel sandra sara sarah sebastian sergio silvia simone sofia sonja sophie stefan stefania
        stefano stephanie stephen steven susan susanne sven sylvia teresa theresa thomas tomas ulrich ursula
        valentina vincenzo vladimir volker walter waltraud werner wilhelm william wolfgang yusuf yvonne
        """,
    )
)
_LABORATORY_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
        and andor area assay axio batch bench blind blood board bright brightfield buffer camera cancer cartridge
        cell cells center centre channel chip class clinic cohort company control copy crop crops ctc ctcs dapi
        data date day demo department desktop device dna donor edition exp experiment export exports facility
        field final fluo fluorescence folder for foundation from gmbh grey group healthy hospital image images
        imaging img inc infirmary institut institute instrument lab laboratory labs laptop leica leukocyte
        leukocytes line lines ltd lung medical memorial method microscope mode model negative new nikon old
        olympus operator original patient patients plate pool positive project protocol raw reader reagent
        replicate researcher result results royal run saint sample samples san santa scan scanner score series
        session set site slide software spike spiked stain standard station study system test the tif tiff time
        train treated tumor tumour university unknown unlabelled unstained untreated user validation version wbc
        wbcs week well white with workstation year zeiss
        """,
    )
)


def looks_personal(text: str) -> str | None:
    """What the text looks like ('a record number', 'a birth date', 'a person's name', …), or None."""
    text = _ADDRESS.sub(" ", text)
    if _RECORD.search(text) or _FISCAL.search(text):
        return "a record number"
    if _BIRTH_WORD.search(text) or _BIRTH_LABEL.search(text) or _old_date(text):
        return "a birth date"
    if _NAME_FIELD.search(text) or _FORM_OF_ADDRESS.search(text) or _two_names(text):
        return "a person's name"
    return "an e-mail address" if "@" in text and _MAIL.search(text) else None


def looks_like_full_name(text: str) -> bool:
    """Is the text 'Surname, Given' or two or three capitalised words? For fields that hold a person's name."""
    words = re.split(r"[ ,._]+", text.strip())
    return 2 <= len(words) <= 3 and all(_capitalised(word) and _no_lab_word(word) for word in words)


def _old_date(text: str) -> bool:
    return any(re.sub(r"\D", "", match.group()) not in _CLOCK_ZERO for match in _OLD_DATE.finditer(text))


def _two_names(text: str) -> bool:
    """A common given name beside another word, 'Surname, Given', or two words and a date."""
    surname_first = _SURNAME_FIRST.match(text)
    if surname_first and all(_no_lab_word(word) for word in surname_first.groups()):
        return True
    dated = _NAME_AND_DATE.search(text)
    if dated and all(_capitalised(word) and _no_lab_word(word) for word in dated.groups()):
        return True
    if not any(word in _GIVEN_NAMES for word in re.findall(rf"[{_LETTERS}]+", text.lower())):
        return False
    words = _WORD.findall(text)
    return any(
        gap in {" ", "_", "-", ".", ", ", ",", "__"} and _name_pair(first, second)
        for first, gap, second in zip(words, words[1:], words[2:], strict=False)
    )


def _name_pair(first: str, second: str) -> bool:
    """Is one a given name and the other a word of three letters or more, written alike, and no laboratory's?"""
    given = first.lower() in _GIVEN_NAMES or second.lower() in _GIVEN_NAMES
    written_alike = any(
        all(shape(word) for word in (first, second)) for shape in (_capitalised, str.isupper, str.islower)
    )
    return given and written_alike and all(len(w) > 2 and _no_lab_word(w) for w in (first, second))


def _capitalised(word: str) -> bool:
    return len(word) > 2 and word[0].isupper() and word[1:].islower() and word.isalpha()


def _no_lab_word(word: str) -> bool:
    return word.lower() not in _LABORATORY_WORDS
