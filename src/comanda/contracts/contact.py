"""How to reach a guest: e-mail addresses and phone numbers, each in its one form. Pure."""

import re
from functools import lru_cache
from typing import NamedTuple

import email_validator
import phonenumbers
from email_validator.rfc_constants import EMAIL_MAX_LENGTH, LOCAL_PART_MAX_LENGTH

PLAIN_LOCAL_PART = re.compile(r"[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*")
"""Local parts to which no rule but their length applies: whether such an address is good is its domain's question."""

PUNCTUATION = str.maketrans("", "", " ()-./")
"""What people put between the digits of a phone number."""

MOST_CODE_DIGITS = 3
"""Of a country code (ITU-T E.164)."""


def clean_email(email: str) -> str | None:
    """Return the address in its one form (lower case, domain in Unicode's normal form), or None if it is none.

    The local part is lowered as well: mail servers that tell `Ann@` from `ann@` exist in RFC 5321 only, and guests who
    write their own name in two ways exist everywhere.
    """
    local, at, domain = email.strip().rpartition("@")
    if at and len(local) <= LOCAL_PART_MAX_LENGTH and PLAIN_LOCAL_PART.fullmatch(local):
        # The library spends most of its time on the domain, and guests share a few of those.
        known = _known_address(f"a@{domain}")
        whole = None if known is None else local.lower() + known[1:]
        return whole if whole is not None and len(whole) <= EMAIL_MAX_LENGTH else None
    return _known_address(email.strip())


@lru_cache(maxsize=4096)
def _known_address(email: str) -> str | None:
    try:
        return email_validator.validate_email(email, check_deliverability=False).normalized.lower()
    except email_validator.EmailNotValidError:
        return None


def clean_phone(phone: str, country: str) -> str | None:
    """Return the number in E.164, empty where none was given, or None if it cannot be one.

    Possible numbers are taken (right length for the country), not only those whose area code is in use today: tables
    of codes age, and a guest whose new number we refuse is an order lost.
    """
    text = phone.strip()
    if not text:
        return ""
    digits = text.translate(PUNCTUATION)
    if digits[0] == "+" and digits[1:].isdecimal() and digits.isascii():
        for length in range(1, MOST_CODE_DIGITS + 1):
            plan = _numbering_plan(digits[1 : 1 + length])
            if plan is not None:
                national = digits[1 + length :]
                if len(national) in plan.lengths and not plan.prefix.match(national):
                    return digits
                break
    return _known_phone(text, country)


class _Plan(NamedTuple):
    """How national numbers look behind a country code: how long, and what begins those that are to be looked into."""

    lengths: frozenset[int]
    prefix: re.Pattern[str]


@lru_cache(maxsize=1024)
def _numbering_plan(code: str) -> _Plan | None:
    """Return the plan of a country code, by which a number that was written in full can be judged without parsing it.

    Parsing takes 50 us, and a list of a million customers has a million numbers.
    """
    region = phonenumbers.region_code_for_country_code(int(code))
    plan = phonenumbers.PhoneMetadata.metadata_for_region(region) if not code.startswith("0") else None
    if plan is None or plan.general_desc is None or plan.general_desc.possible_length is None:
        return None
    return _Plan(
        frozenset(plan.general_desc.possible_length) - {-1},
        re.compile(f"0|{plan.national_prefix_for_parsing or '0'}"),
    )


@lru_cache(maxsize=4096)
def _known_phone(text: str, country: str) -> str | None:
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
