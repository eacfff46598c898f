"""Staff, as `app.py` takes it."""

from pathlib import Path

from comanda.contexts.staff.api import StaffApi
from comanda.contexts.staff.model import Base
from comanda.contexts.staff.pages import StaffPages
from comanda.contexts.staff.service import StaffDesk
from comanda.contracts.module import Module
from comanda.engine.lanes import Periodic
from comanda.web.access import StaffLink

SWEEP_EVERY_S = 600.0

TEMPLATES = Path(__file__).parent / "templates"

LINKS = (StaffLink(path="/staff/accounts", title="Accounts", purpose="Who works here, and what they may do", roles=()),)
"""With no role named, a page is the owner's alone."""


def build(desk: StaffDesk, *, secure: bool) -> Module:
    """Return the module; `secure` is whether the public address is https."""
    return Module(
        name="staff",
        routes=[*StaffPages(desk, secure=secure).routes(), *StaffApi(desk).routes()],
        periodic=[Periodic(name="staff.sweep", every_s=SWEEP_EVERY_S, run=desk.sweep)],
        tables=Base.metadata,
        templates=TEMPLATES,
        staff_links=LINKS,
    )
