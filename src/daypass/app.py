"""The composition root: Settings → the running application. The one file that knows all the others.

`create` is what a worker process runs; it reads its settings from the environment.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from contextlib import AsyncExitStack
from typing import Final

import uvloop

from daypass import config
from daypass.config import Settings
from daypass.edge.api import Api, ServedService
from daypass.edge.asgi import Application, Receive, Scope, Send, utc_now
from daypass.edge.authorizer import DecisionListener
from daypass.edge.backends import Backends, ChosenBackend
from daypass.edge.console import Console
from daypass.edge.front import Front
from daypass.edge.gateway import Gateway
from daypass.edge.issuer import IssuerPages
from daypass.edge.json_questions import JsonQuestions
from daypass.edge.mutual_tls import MutualTlsLoop
from daypass.edge.object_turn import ObjectTurn
from daypass.edge.pages import Page, Pages
from daypass.edge.proxies import ProxyQuestions
from daypass.edge.question_turn import QuestionTurn
from daypass.edge.remote_signing import RemoteSigning
from daypass.edge.turn import Turn
from daypass.edge.upstream import Upstream
from daypass.log_lines import write_log_lines
from daypass.service import iam, sts
from daypass.service.actions import Ports
from daypass.service.authenticate import Authenticator
from daypass.service.authorize import Authorizer
from daypass.service.caller import may_call_iam
from daypass.service.decisions import Decider
from daypass.service.issuer import Publication
from daypass.service.issuer_keys import IssuerKeys
from daypass.service.sign_in import SignIn
from daypass.source.documents import HttpsDocuments
from daypass.store import open_store
from daypass.store.audit import FileAuditLog
from daypass.store.entropy import SystemEntropy
from daypass.wire import model
from daypass.wire.s3_address import Addressing

_log: Final = logging.getLogger("daypass")


class Daypass:
    """The whole of Daypass as an ASGI application: opens its store at startup, closes it after the last request."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._running = AsyncExitStack()
        self._application: Application | None = None
        self._turn: Turn | None = None
        self._object_turn: ObjectTurn | None = None
        self._asked: DecisionListener | None = None
        self._question_turn: QuestionTurn | None = None
        self._pages: Pages | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif self._application is None or self._pages is None:
            raise RuntimeError("Daypass was asked before it had started; serve it with lifespan events on")
        elif self._asked is not None and self._asked.is_meant(scope):
            await self._asked(scope, receive, send)
        elif scope["type"] == "http" and (page := self._pages.find(scope)) is not None:
            await page(scope, receive, send)
        else:
            await self._application(scope, receive, send)

    def turn_of(self, server: tuple[str, int | None] | None) -> Turn | QuestionTurn | None:
        """What answers requests to that listener without ASGI (edge.control_protocol), if anything does."""
        if self._asked is not None and self._asked.is_meant({"server": server}):
            return self._question_turn
        return self._turn

    def objects_of(self, server: tuple[str, int | None] | None) -> ObjectTurn | None:
        """What answers whole S3 requests to that listener without ASGI, if anything does."""
        if self._asked is not None and self._asked.is_meant({"server": server}):
            return None
        return self._object_turn

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            self._application = await self._start()
        except Exception as error:  # noqa: BLE001  the server is told, and stops
            _log.exception("Daypass cannot start")
            await self._running.aclose()
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._running.aclose()
        await send({"type": "lifespan.shutdown.complete"})

    async def _start(self) -> Application:
        """Everything, put together once."""
        settings = self._settings
        tls = None if settings.authorizer is None else settings.authorizer.tls
        if tls is not None and not isinstance(asyncio.get_running_loop(), MutualTlsLoop):
            raise RuntimeError("an authorizer with TLS needs the event loop of `daypass serve`")
        store = await open_store(settings.data)
        self._running.push_async_callback(store.close)
        audit = FileAuditLog(settings.data / "audit.jsonl")
        self._running.callback(audit.close)
        backends = []
        for backend in settings.backends:
            upstream = Upstream(backend)
            self._running.push_async_callback(upstream.close)
            backends.append(ChosenBackend(upstream, backend.buckets, backend.keeps_dots))
        chosen = Backends(backends)

        entropy = SystemEntropy()
        federation = settings.federation
        documents = HttpsDocuments(federation.issuers, federation.ca_bundle)
        ports = Ports(
            store.identities,
            store.directory,
            entropy,
            store.key_ring,
            issuer_keys=IssuerKeys(documents, federation.issuers),
            saml_recipients=frozenset(federation.saml_recipients),
            public_url=federation.public_url,
        )
        authenticator = Authenticator(store.identities, store.key_ring, settings.regions, store.directory)
        authorizer = Authorizer(store.identities)
        api = Api(
            services={
                "sts": ServedService(model.load("sts"), sts.ACTIONS),
                "iam": ServedService(model.load("iam"), iam.ACTIONS, may_call_iam),
            },
            authenticator=authenticator,
            authorizer=authorizer,
            ports=ports,
            audit=audit,
        )
        gateway = Gateway(
            ports=ports,
            authenticator=authenticator,
            authorizer=authorizer,
            audit=audit,
            backends=chosen,
            addressing=Addressing(settings.s3_domains, chosen.keeps_dots),
            version_2=settings.s3_signature_version_2,
            adoptions=settings.adoptions,
        )
        if settings.authorizer is not None:
            json = JsonQuestions(
                Decider(
                    identities=store.identities,
                    directory=store.directory,
                    authenticator=authenticator,
                    authorizer=authorizer,
                )
            )
            front = None
            if not chosen.none:
                front = Front(
                    identities=store.identities,
                    authenticator=authenticator,
                    authorizer=authorizer,
                    backends=chosen,
                    addressing=Addressing(settings.s3_domains, chosen.keeps_dots),
                )
            proxies = ProxyQuestions(front)
            self._question_turn = QuestionTurn(
                proxies=proxies,
                json=json,
                audit=audit,
                entropy=entropy,
                now=utc_now,
                token=settings.authorizer.token,
            )
            self._asked = DecisionListener(
                json=json,
                proxies=proxies,
                audit=audit,
                entropy=entropy,
                now=utc_now,
                port=None if settings.authorizer.socket is not None else settings.authorizer.port,
                token=settings.authorizer.token,
                mutual_tls=tls is not None,
            )
        sign_in = SignIn(authenticator=authenticator, key_ring=store.key_ring, entropy=entropy, audit=audit)
        publication = Publication(store.identities, store.directory, federation.public_url)
        pages: list[Page] = [
            Console(sign_in=sign_in, authorizer=authorizer, entropy=entropy, now=utc_now),
            IssuerPages(publication, utc_now),
        ]
        if not chosen.none:
            signing = RemoteSigning(
                sign_in=sign_in,
                identities=store.identities,
                authorizer=authorizer,
                audit=audit,
                backends=chosen,
                addressing=Addressing(settings.s3_domains, chosen.keeps_dots),
                entropy=entropy,
                now=utc_now,
            )
            pages.append(signing)
        self._pages = Pages(pages, settings.s3_domains, settings.trusted_proxies)
        application = Application(
            api=api,
            gateway=gateway,
            entropy=entropy,
            now=utc_now,
            s3_domains=settings.s3_domains,
            trusted_proxies=settings.trusted_proxies,
        )
        self._object_turn = ObjectTurn(
            gateway=gateway, entropy=entropy, now=utc_now, trusted_proxies=settings.trusted_proxies
        )
        self._turn = Turn(
            api=api,
            entropy=entropy,
            now=utc_now,
            s3_domains=settings.s3_domains,
            trusted_proxies=settings.trusted_proxies,
        )
        _quiet_the_collector()
        return application


def _quiet_the_collector() -> None:
    """What is here now stays to the end, and what requests make dies without the collector's help: let it look
    rarely, and not at the former. Cycles are still collected."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()


def new_event_loop() -> asyncio.AbstractEventLoop:
    """The event loop of one worker process: what listens, listens by it."""
    listener = config.load().authorizer
    if listener is None or listener.tls is None:
        return uvloop.new_event_loop()
    tls = listener.tls
    return MutualTlsLoop(listener.port, (tls.certificate, tls.key, tls.client_ca), tls.client_names)


def create() -> Daypass:
    """The application of one worker process."""
    write_log_lines()
    return Daypass(config.load())
