# ruff: noqa: RUF001 - names are in many scripts
"""The words of the sample: regions with their scripts, brands, indications."""

from dataclasses import dataclass

BRANDS = (
    "Cardivo", "Neurelin", "Pulmora", "Dermexa", "Oncavist", "Glucerna Plus", "Rhéosane",
    "Vitalücke", "Sanación", "Hæmostat", "Кардивил", "Νευρολίνη", "カルディボ", "康迪沃", "카디보",
    "كارديفو", "קרדיבו", "कार्डिवो", "Œstrelle", "Brand, with comma",
)  # fmt: skip
INDICATIONS = (
    "Hypertension", "Épilepsie", "Asthme sévère", "Psoriasis", "Diabète de type 2", "Migräne",
    "Insuffisance cardiaque", "Esclerosis múltiple", "Artrite reumatoide", "Depression",
    "Chronic pain; adults", "Schlafstörung", "Crohn’s disease", "Sjögren", "Ménière",
    "Lungenfibrose", "Atopic dermatitis", "Osteoporosis", "Anämie", "“Long” COVID",
)  # fmt: skip
PARTICIPANT_TYPES = ("Attendee",) * 7 + ("Speaker", "Moderator", "Staff")


@dataclass(frozen=True)
class Region:
    """A region: what its source system names events, and the format of its files."""

    name: str
    titles: tuple[str, ...]
    format: str


# The names of a region must fit the encoding of its format.
REGIONS = (
    Region(
        "eu",
        ("Congrès {brand} – Paris", "Fachtagung {n} „Herz“", "Jornada {n}: Corazón y Niñez", "5 €"),
        "windows",
    ),
    Region(
        "us", ("{n}th Annual Summit", "Grand Rounds {n}, Boston", "Ask the expert {n}"), "comma"
    ),
    Region("mena", ("مؤتمر القلب {n}", "כנס רפואי {n}", "ورشة عمل {brand}"), "utf16"),
    Region("japan", ("第{n}回 学術講演会", "症例検討会 {n}", "Ｗｅｂセミナー {n}"), "jsonl"),
    Region("apac", ("心脏病学会议 {n}", "심포지엄 {n}", "हृदय सम्मेलन {n}"), "pipe"),
    Region(
        "hq", ("Launch day 🚀 {brand} {n}", "Καρδιά {n}", "Симпозиум {n}", "👩🏽‍⚕️ {n}"), "parquet"
    ),
)
# Names that try a reader of CSV; all of them fit every encoding.
AWKWARD_TITLES = (
    'The "Heart & Mind" workshop {n}',
    "Part {n}, day 1; room B|2\tannex",
    "First line {n}\nsecond line",
    '""{n}"", in quotes\r\nand a line',
    "=SUM({n})",
    "  padded {n}  ",
)
