"""An LMS behind a Transport that answers by a script, without a network."""

import json
from collections.abc import Awaitable, Callable

from pydantic import SecretStr

from lyceum.http.retry import HttpCallError
from lyceum.http.transport import Request, Response
from lyceum.systems.lms.settings import LmsSettings

BASE_URL = "https://lms.test"
Script = Response | HttpCallError | Callable[[Request], Awaitable[Response]]


def settings(**fields: object) -> LmsSettings:
    """Settings for the scripted LMS."""
    return LmsSettings(
        base_url=BASE_URL, client_id="client", client_secret=SecretStr("s3cr3t"), **fields
    )  # type: ignore[arg-type]


def answer(document: object, status: int = 200, **headers: str) -> Response:
    """A JSON response; `retry_after="1"` becomes the header Retry-After."""
    named = {name.replace("_", "-").title(): value for name, value in headers.items()}
    return Response(status, named, json.dumps(document).encode())


def token_answer(token: str = "t1", expires_in: object = 3600) -> Response:
    return answer({"access_token": token, "expires_in": expires_in})


def page_answer(ids: list[str], **fields: object) -> Response:
    """A page of events: `page_answer(["e1"], current_page=1)`."""
    return answer({"data": [{"id": i} for i in ids], **fields})


class ScriptedLms:
    """Answers each path from its own list, the last answer again and again."""

    def __init__(
        self, scripts: dict[str, list[Script]], tokens: list[Script] | None = None
    ) -> None:
        self._scripts = {"/oauth/token": tokens or [token_answer()], **scripts}
        self.requests: list[Request] = []

    async def send(self, request: Request) -> Response:
        self.requests.append(request)
        script = self._scripts[request.url.removeprefix(BASE_URL)]
        step = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(step, HttpCallError):
            raise HttpCallError(step.kind, step.message)
        return step if isinstance(step, Response) else await step(request)

    def calls(self, part: str) -> list[Request]:
        """The requests whose URL contains that text, in order."""
        return [request for request in self.requests if part in request.url]
