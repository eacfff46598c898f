"""How strangers' files are laid out is guessed from a sample: encoding, delimiter, heading and what columns hold."""

import pytest

from comanda.contexts.customers.importing.encodings import encoding_of
from comanda.contexts.customers.importing.headers import Role, attribute_name, roles_of
from comanda.contexts.customers.importing.layout import check_roles, preview
from comanda.engine.errors import Refused

GERMAN = "E-Mail;Vorname;Nachname;Handy;Einwilligung am;Lieblingsgericht\nann@x.de;Ann;Müller;0170 1;03.04.2025;Pizza\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_spreadsheet_in_any_encoding_is_the_same(encoding: str) -> None:
    """Marked or not, in one byte a letter or two, the same rows come out, behind the heading."""
    seen = preview(GERMAN.encode(encoding))
    assert [record.fields for record in seen.rows] == [["ann@x.de", "Ann", "Müller", "0170 1", "03.04.2025", "Pizza"]]
    assert seen.layout.delimiter == ";"
    assert seen.layout.roles == ("email", "first_name", "last_name", "phone", "consent_at", "attribute")
    assert seen.layout.names[5] == "lieblingsgericht"
    assert seen.place.line == 2
    mark = {"utf-8-sig": 3, "utf-16": 2, "utf-32": 4}.get(encoding, 0)
    heading = GERMAN.partition("\n")[0] + "\n"
    assert seen.place.offset == mark + len(heading.encode(seen.layout.encoding))


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("имя,email\nИван Сергеевич,a@b.ru\nПётр,c@b.ru\nНаталья,d@b.ru\n", "cp1251"),  # noqa: RUF001 - Russian
        ("名前,email\n山田太郎,a@b.jp\n鈴木一郎,c@b.jp\n", "shift_jis"),
        ("nom,email\nÉlodie Lefèvre,a@b.fr\n", "cp1252"),
        ("nome,email\nJoão Conceição “Zé”,a@b.pt\n", "cp1252"),
        ("name,email\nAnn,a@b.com\n", "utf-8"),
    ],
)
def test_encodings_without_a_mark_are_told_by_their_letters(text: str, encoding: str) -> None:
    """What people save files in is found by what it looks like."""
    assert encoding_of(text.encode(encoding)).name == encoding


def test_accents_may_come_late() -> None:
    """A sample from elsewhere in the file decides, where the beginning has plain letters only."""
    head = b"name,email\n" + b"Ann,a@b.com\n" * 10
    assert preview(head).layout.encoding == "utf-8"
    assert preview(head, elsewhere="Zoë,z@b.com\n".encode("cp1252")).layout.encoding == "cp1252"
    assert preview(head, elsewhere="Zoë,z@b.com\n".encode()).layout.encoding == "utf-8"


@pytest.mark.parametrize(
    ("data", "delimiter"),
    [
        (b'email,name\na@b.com,"Lee; Ann"\nb@b.com,x;y\n', ","),
        (b"email\tname, first\na@b.com\tAnn, B\n", "\t"),
        (b"email|name\na@b.com|Ann\n", "|"),
        (b"email;price\na@b.com;1,50\nb@b.com;2,50\n", ";"),
        (b"sep=;\r\nemail;name\r\na@b.com;Ann\r\n", ";"),
        (b"email\na@b.com\n", ","),
    ],
)  # fmt: skip
def test_the_delimiter_is_the_one_that_makes_regular_rows(data: bytes, delimiter: str) -> None:
    """Delimiters inside quotes and inside values do not mislead, and Excel's own first line is no heading."""
    seen = preview(data)
    assert seen.layout.delimiter == delimiter
    assert seen.layout.columns[0] == "email"
    assert len(seen.rows[0].fields) == len(seen.layout.columns)


def test_a_file_without_a_heading_has_columns_all_the_same() -> None:
    """Its first row is a customer, and the addresses are found by what they look like."""
    seen = preview(b"Ann,a@b.com,Rome\nBob,b@b.com,Pisa\n")
    assert seen.layout.columns == ("Column 1", "Column 2", "Column 3")
    assert seen.layout.roles == ("ignore", "email", "ignore")
    assert (seen.place.offset, seen.place.line) == (0, 1)
    assert len(seen.rows) == 2


@pytest.mark.parametrize(
    ("heading", "role"),
    [
        ("Correo electrónico", "email"), ("ENDEREÇO DE E-MAIL", "email"), ("Adresse e-mail", "email"),
        ("Indirizzo e-mail", "email"), ("e_mail_address", "email"), ("Vor- und Zuname", "attribute"),
        ("Téléphone", "phone"), ("Lieblingsessen", "attribute"), ("Numéro de téléphone", "phone"),
        ("Teléfono", "phone"), ("Einwilligung", "consent"), ("Opt-in", "consent"),
        ("Date d'inscription", "consent_at"), ("Fuso horário", "timezone"), ("Fonte del consenso", "consent_source"),
        ("Sobrenome", "last_name"), ("", "ignore"),
    ],
)  # fmt: skip
def test_headings_are_known_in_six_languages(heading: str, role: Role) -> None:
    """Case, accents and punctuation make no difference; what is not known is an attribute."""
    assert roles_of([heading], []) == [role]


def test_a_lone_name_is_the_whole_name() -> None:
    """`Nome` beside `Cognome` is the given name; alone it is the name. A role stands once."""
    assert roles_of(["Nome", "Cognome", "email"], []) == ["first_name", "last_name", "email"]
    assert roles_of(["Nome", "email", "mail"], []) == ["name", "email", "attribute"]
    assert attribute_name("Plat préféré (2024)") == "plat_prefere_2024"


def test_dates_with_the_month_in_front_are_known_by_their_days() -> None:
    """One day above twelve tells."""
    assert preview(b"email,opt-in date\na@b.com,03/04/2025\nb@b.com,03/25/2025\n").layout.day_first is False
    assert preview(b"email,opt-in date\na@b.com,03/04/2025\nb@b.com,25/03/2025\n").layout.day_first is True


@pytest.mark.parametrize("data", [b"", b"\n\n\n", b"\xef\xbb\xbf"])
def test_a_file_with_nothing_in_it_is_refused(data: bytes) -> None:
    """The sentence says so."""
    with pytest.raises(Refused, match="not one line"):
        preview(data)


@pytest.mark.parametrize("roles", [["name"], ["email", "email"], ["email", "name", "name"], ["email", "king"]])
def test_roles_that_cannot_be_are_refused(roles: list[str]) -> None:
    """One column has the addresses, and no other role stands there twice but for attributes."""
    check_roles(["email", "attribute", "attribute", "ignore", "ignore"])
    with pytest.raises(Refused):
        check_roles(roles)
