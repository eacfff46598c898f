"""What we sign, another library verifies; and what was changed on the way, it refuses."""

import base64
from datetime import UTC, datetime
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from comanda.engine.errors import SettingError
from comanda.mail import MailAddress
from comanda.mail.dkim import DkimKey, DkimSigner, load_key
from comanda.mail.template import MailTemplate, Slot

RSA = DkimKey(rsa.generate_private_key(65537, 2048), "rsa-sha256")
ED = DkimKey(ed25519.Ed25519PrivateKey.generate(), "ed25519-sha256")
KEYS = pytest.mark.parametrize("key", [RSA, ED], ids=["rsa", "ed25519"])

lines = st.lists(st.text(st.characters(codec="ascii", exclude_characters="\r\n"), max_size=80), max_size=8)


def verified(mail: bytes, key: DkimKey) -> bool:
    """Ask dkimpy, with the public key in the DNS."""
    public = key.private.public_key()
    if isinstance(public, ed25519.Ed25519PublicKey):
        raw, kind = public.public_bytes(Encoding.Raw, PublicFormat.Raw), "ed25519"
    else:
        raw, kind = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), "rsa"
    record = f"v=DKIM1; k={kind}; p={base64.b64encode(raw).decode()}".encode()

    def dns(name: bytes, timeout: int = 5) -> bytes:
        del timeout
        assert name == b"sel._domainkey.casa.example."
        return record

    return bool(dkim.verify(mail, dnsfunc=dns))


def template(key: DkimKey) -> MailTemplate:
    """Return a template that signs."""
    return MailTemplate(
        sender=MailAddress("news@casa.example", "Casa Ñandú"),
        reply_to=MailAddress("hello@casa.example"),
        subject=["News for ", Slot("name", "you")],
        text=["Hello ", Slot("name"), ",\n\n  two  blanks\t\n\n\n"],
        html=["<p>Hello ", Slot("name"), "</p>\n\n"],
        headers={
            "List-Unsubscribe": ["<", Slot("leave"), ">"],
            "List-Unsubscribe-Post": ["List-Unsubscribe=One-Click"],
            "List-Id": ["News of the house <news.casa.example>"],
        },
        date=datetime(2026, 11, 27, tzinfo=UTC),
        signer=DkimSigner("casa.example", "sel", key),
    )


def built(key: DkimKey, name: str) -> bytes:
    """Return a signed mail."""
    return template(key).build(
        {"name": name, "leave": "https://casa.example/u/token"},
        to=MailAddress("ana@example.org", name),
        message_id="<c1.1.x@casa.example>",
    )


@KEYS
@settings(max_examples=40)
@given(name=st.text(st.characters(codec=None), max_size=120))
def test_what_a_template_signs_is_verified(key: DkimKey, name: str) -> None:
    """Whatever is filled in, with either kind of key."""
    assert verified(built(key, name), key)


@KEYS
@settings(max_examples=40)
@given(head=lines, body=lines, end=st.sampled_from(["", "\r\n", "\r\n\r\n \t\r\n"]))
def test_any_mail_can_be_signed(key: DkimKey, head: list[str], body: list[str], end: str) -> None:
    """Folded fields, blanks at line ends, empty lines at the end of a body: the relaxed form is the other library's."""
    folded = "\r\n ".join(["x", *(line for line in head if line.strip() and line.isprintable())])
    mail = f"From: news@casa.example\r\nSubject: {folded}\r\n\r\n" + "\r\n".join(body) + end
    assert verified(DkimSigner("casa.example", "sel", key).sign(mail.encode()), key)


@KEYS
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"Hello=20=\r\nAna", b"Hello=20=\r\nEve"),
        (b"Subject: News for Ana", b"Subject: News for Eve"),
        (b"/u/token", b"/u/other"),
        (b"Date: ", b"Date: Mon, 1 Jan 2024 00:00:00 +0000\r\nDate: "),
        (b"From: ", b"From: eve@evil.example\r\nFrom: "),
        (b"MIME-Version", b"Feedback-ID: x\r\nMIME-Version"),
        (b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", b""),
    ],
)
def test_what_was_changed_on_the_way_is_found_out(key: DkimKey, before: bytes, after: bytes) -> None:
    """A body, a signed header, one added in front, one taken away: none of it verifies any more."""
    mail = built(key, "Ana")
    assert verified(mail, key)
    assert before in mail
    assert not verified(mail.replace(before, after, 1), key)


@KEYS
def test_a_template_signs_as_any_mail_is_signed(key: DkimKey) -> None:
    """What the template knows beforehand is what signing the finished mail finds out; Ed25519 signs alike each time."""
    mail = built(key, "Ana")
    unsigned = mail[mail.index(b"From: ") :]
    assert DkimSigner("casa.example", "sel", key).sign(unsigned) == mail


def test_a_key_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    """No file, no PEM, a curve that DKIM does not have, a short key: each says what to do and never shows the key."""
    file = tmp_path / "dkim.pem"
    with pytest.raises(SettingError, match="cannot be read"):
        load_key(file)
    curve = ec.generate_private_key(ec.SECP256R1())
    for content, says in ((b"hello", "openssl genrsa"), (_pem(curve), "another kind")):
        file.write_bytes(content)
        with pytest.raises(SettingError, match=says):
            load_key(file)
    assert isinstance(RSA.private, rsa.RSAPrivateKey)
    file.write_bytes(_pem(RSA.private))
    assert load_key(file).algorithm == "rsa-sha256"
    with pytest.raises(SettingError, match="ASCII"):
        DkimSigner("ñandú.example", "sel", RSA)


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
