"""The frame as `app.py` takes it: one value that knows templates, static files, the gate, errors and headers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from litestar import Request
from litestar.handlers import HTTPRouteHandler
from litestar.middleware import DefineMiddleware
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.template import TemplateConfig
from litestar.types import ASGIApp

from comanda.engine.idempotency import Seals
from comanda.engine.ids import Ids
from comanda.engine.tracing import Tracer
from comanda.web.access import StaffLink, StaffSessions
from comanda.web.assets import STYLESHEET, Assets
from comanda.web.csrf import Csrf
from comanda.web.formats import filters
from comanda.web.frame import Frame
from comanda.web.gate import Gate
from comanda.web.problems import Handler, Problem, exception_handlers
from comanda.web.tally import RequestTally
from comanda.web.template_functions import functions

FOLDER = Path(__file__).parent
ERROR_TEMPLATE = "error.html"


class Site:
    """All that pages share.

    Args:
        secret: the installation's secret, 32 bytes at least.
        public_url: where guests reach us; decides whether cookies are for https only.
        ids: where request ids, visitors and nonces come from.
        templates: each context's folder of templates, by its name; a page is `kitchen/board.html`.
        links: what the staff's pages lead to.
    """

    def __init__(
        self,
        *,
        secret: bytes,
        public_url: str,
        ids: Ids,
        templates: Mapping[str, Path],
        links: Sequence[StaffLink] = (),
    ) -> None:
        self.secure = public_url.startswith("https://")
        self.csrf = Csrf(Seals(secret), ids)
        self.assets = Assets(FOLDER / "static")
        self._ids = ids
        self._links = tuple(links)
        self.environment = self._environment(templates)

    def _environment(self, templates: Mapping[str, Path]) -> jinja2.Environment:
        folders = {name: jinja2.FileSystemLoader(folder) for name, folder in templates.items()}
        environment = jinja2.Environment(
            loader=jinja2.ChoiceLoader([jinja2.FileSystemLoader(FOLDER / "templates"), jinja2.PrefixLoader(folders)]),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            cache_size=200,
        )
        environment.filters.update(filters())
        environment.globals.update(functions(self.csrf, self._links), asset=self.assets.path, stylesheet=STYLESHEET)
        return environment

    def template_config(self) -> TemplateConfig[JinjaTemplateEngine]:
        """Return what Litestar's `Template` answers are rendered with."""
        return TemplateConfig(instance=JinjaTemplateEngine.from_environment(self.environment))

    def routes(self) -> list[HTTPRouteHandler]:
        """Return the frame's own handlers."""
        return [self.assets.route()]

    def exception_handlers(self) -> dict[int | type[Exception], Handler]:
        """Return Litestar's exception handlers."""
        return exception_handlers(self._error_page, self._ids)

    def middleware(self, sessions: StaffSessions) -> list[DefineMiddleware]:
        """Return Litestar's middleware."""
        return [DefineMiddleware(Gate, csrf=self.csrf, sessions=sessions)]

    def wrap(
        self,
        app: ASGIApp,
        *,
        form_targets: Sequence[str] = (),
        tracer: Tracer | None = None,
        tally: RequestTally | None = None,
    ) -> ASGIApp:
        """Return `app` in its outermost layer; this is what the web server runs."""
        return Frame(app, ids=self._ids, secure=self.secure, form_targets=form_targets, tracer=tracer, tally=tally)

    def _error_page(self, request: Request[Any, Any, Any], problem: Problem) -> str:
        return self.environment.get_template(ERROR_TEMPLATE).render(request=request, problem=problem)
