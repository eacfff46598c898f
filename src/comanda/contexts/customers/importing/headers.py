"""What a column holds, guessed by its heading in six languages, or by its values where that does not say. Pure."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Literal, get_args

from comanda.contracts.contact import clean_email

Role = Literal[
    "email", "name", "first_name", "last_name", "phone", "consent", "consent_at", "consent_source", "timezone",
    "attribute", "ignore",
]  # fmt: skip
ROLES: tuple[Role, ...] = get_args(Role)

MANY: tuple[Role, ...] = ("attribute", "ignore")
"""What more than one column may be."""

_WORDS: dict[Role, str] = {
    "email": """email, e mail, mail, email address, e mail address, mail address, emailaddress, subscriber email,
        contact email,
        e mail adresse, mailadresse, emailadresse, adresse e mail, adresse email, adresse mail, courriel,
        adresse electronique,
        indirizzo email, indirizzo e mail, posta elettronica, indirizzo di posta elettronica,
        correo, correo electronico, direccion de correo, direccion de correo electronico, direccion email,
        endereco de email, endereco de e mail, endereco email, correio eletronico""",
    "name": """name, full name, fullname, customer, customer name, guest, guest name, contact, contact name,
        kunde, kundenname, vollstandiger name, gast, nom complet, nom et prenom, prenom et nom, client, nom du client,
        nome completo, nome e cognome, cognome e nome, cliente, nombre completo, nombre y apellidos,
        nombre y apellido,
        nome do cliente, nombre del cliente, nome cliente, nom client""",
    "first_name": """first name, firstname, given name, forename, vorname, prenom, nome, nombre, primeiro nome,
        nombre de pila, fname""",
    "last_name": """last name, lastname, surname, family name, nachname, familienname, zuname, nom, nom de famille,
        cognome,
        apellido, apellidos, sobrenome, apelido, ultimo nome, lname""",
    "phone": """phone, phone number, telephone, telephone number, mobile, mobile number, mobile phone, cell,
        cell phone, tel,
        telefon, telefonnummer, handy, handynummer, mobil, mobilnummer, rufnummer, numero de telephone, portable,
        mobile tel,
        telefono, numero di telefono, cellulare, numero de telefono, movil, telefono movil, celular, telefone,
        telemovel,
        numero de telefone, whatsapp""",
    "consent": """consent, marketing consent, opt in, optin, opted in, newsletter, subscribed, subscriber status,
        status,
        marketing, accepts marketing, email marketing, accepts email marketing, email opt in, gdpr, permission,
        einwilligung, zustimmung, newsletter einwilligung, werbeeinwilligung, abonniert, consentement, abonne,
        inscrit,
        inscrit a la newsletter, consenso, consenso marketing, iscritto, consentimiento, suscrito, acepta marketing,
        acepta publicidad, consentimento, inscrito, aceita marketing, autorizacao""",
    "consent_at": """consent time, consent date, consent at, consented at, opt in time, opt in date, optin time,
        optin date,
        opted in at, opt in timestamp, subscribed at, subscription date, confirm time, confirmation time, signup date,
        einwilligung am, einwilligung vom, einwilligungsdatum, datum der einwilligung, anmeldedatum, zustimmung am,
        date de consentement, date du consentement, date d inscription, data consenso, data del consenso,
        data iscrizione,
        data di iscrizione, fecha de consentimiento, fecha de alta, fecha de suscripcion, data do consentimento,
        data de consentimento, data de inscricao""",
    "consent_source": """consent source, opt in source, optin source, signup source, source, origin,
        subscription source,
        quelle, herkunft, einwilligungsquelle, anmeldequelle, source du consentement, origine, fonte,
        fonte del consenso,
        origine consenso, fuente, origen, origen del consentimiento, origem, fonte do consentimento""",
    "timezone": """timezone, time zone, tz, zeitzone, fuseau horaire, fuso orario, zona horaria, huso horario,
        fuso horario""",
    "ignore": "id, nr, no, row, zeile, index",
}  # fmt: skip

WORDS: dict[str, Role] = {
    " ".join(phrase.split()): role for role, phrases in _WORDS.items() for phrase in phrases.split(",")
}
"""Headings in their plain form, and what they mean."""

LONE_SURNAMES = frozenset({"nom", "nome", "nombre"})
"""A heading of the given or family name that is the whole name where the other half is no column."""

HALF = 0.5


def plain(heading: str) -> str:
    """Return a heading as it is compared: no case, no accents, no punctuation."""
    folded = unicodedata.normalize("NFKD", heading.casefold())
    letters = "".join(letter for letter in folded if not unicodedata.combining(letter)).replace("ß", "ss")
    return " ".join(re.sub(r"[^\w]|_", " ", letters).split())


def roles_of(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[Role]:
    """Return what each column is taken for.

    Args:
        columns: the headings; empty where there is none.
        rows: the first rows.
    """
    roles: list[Role] = [WORDS.get(plain(heading), "attribute" if heading.strip() else "ignore") for heading in columns]
    if "email" not in roles:
        holding = [_share_of_addresses(rows, number) for number in range(len(columns))]
        best = max(range(len(columns)), key=holding.__getitem__, default=0)
        if holding and holding[best] >= HALF:
            roles[best] = "email"
    seen: set[Role] = set()
    for number, role in enumerate(roles):
        if role in seen and role not in MANY:
            roles[number] = "attribute"
        seen.add(role)
    for number, role in enumerate(roles):
        other = "last_name" if role == "first_name" else "first_name"
        halves = role in {"first_name", "last_name"} and not {other, "name"} & set(roles)
        if halves and plain(columns[number]) in LONE_SURNAMES:
            roles[number] = "name"
    return roles


def attribute_name(heading: str) -> str:
    """Return the name under which a column's values are kept: `Favourite dish` is `favourite_dish`."""
    return plain(heading).replace(" ", "_")[:100]


def _share_of_addresses(rows: Sequence[Sequence[str]], column: int) -> float:
    values = [row[column] for row in rows if column < len(row) and row[column].strip()]
    return sum(clean_email(value) is not None for value in values) / len(values) if values else 0.0
