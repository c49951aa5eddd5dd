"""A Spark Connect server before the real one, which refuses what a workspace refuses.

It reads every request of every client, whatever language or API made it, and passes on what a
workspace would run.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from pyspark.sql.connect.proto import base_pb2
from workspace_rules import Catalog, Rules

OWNER, READER = "owner", "reader"
"""The service principal of the jobs, who owns what it makes; somebody with SELECT only."""


class Guard:
    """One address for each who may connect; `refused` has every refusal, also one that was caught."""

    def __init__(self, upstream: str, token: str | None) -> None:
        self.catalog = Catalog()
        self.refused: list[str] = []
        self._token = token
        limit = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        self._upstream = grpc.insecure_channel(upstream, limit)
        self._server = grpc.server(ThreadPoolExecutor(32), options=limit)
        self._server.add_generic_rpc_handlers([_Service(self)])
        self._ports = {
            who: self._server.add_insecure_port("127.0.0.1:0") for who in (OWNER, READER)
        }
        self._server.start()

    def address(self, who: str) -> str:
        """Where somebody connects."""
        return f"sc://localhost:{self._ports[who]}/;user_id={who}"

    def close(self) -> None:
        self._server.stop(0)
        self._upstream.close()

    def refusal(self, request: Message) -> str | None:
        """Why a workspace would refuse the request; what only it knows is noted and left out."""
        who = request.user_context.user_id
        reason = Rules(self.catalog, may_write=who == OWNER).refusal(request)
        if reason is None:
            return None
        self.refused.append(f"{who}: {reason}")
        return f"[REFUSED] {reason}"

    def passed_on(self, method: str, request: object) -> object:
        """The call to the real server."""
        kind = "stream" if method.endswith("AddArtifacts") else "unary"
        answers = "stream" if method.endswith(("ExecutePlan", "ReattachExecute")) else "unary"
        metadata = [("authorization", f"Bearer {self._token}")] if self._token else []
        call = getattr(self._upstream, f"{kind}_{answers}")(method)
        return call(request, metadata=metadata)


class _Service(grpc.GenericRpcHandler):
    """Every method of Spark Connect, its messages as bytes."""

    _METHODS = base_pb2.DESCRIPTOR.services_by_name["SparkConnectService"].methods_by_name

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        path = details.method
        method = self._METHODS[path.rpartition("/")[2]]
        if method.client_streaming:
            return grpc.stream_unary_rpc_method_handler(lambda r, c: self._one(path, r, c))
        kind = GetMessageClass(method.input_type)
        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(lambda r, c: self._many(path, kind, r, c))
        return grpc.unary_unary_rpc_method_handler(
            lambda r, c: self._one(path, self._checked(kind, r, c), c)
        )

    def _checked(self, kind: type[Message], content: bytes, context: grpc.ServicerContext) -> bytes:
        request = kind.FromString(content)
        if reason := self._guard.refusal(request):
            context.abort(grpc.StatusCode.PERMISSION_DENIED, reason)
        return request.SerializeToString()

    def _one(self, path: str, request: object, context: grpc.ServicerContext) -> object:
        try:
            return self._guard.passed_on(path, request)
        except grpc.RpcError as error:
            _passed_back(error, context)

    def _many(
        self, path: str, kind: type[Message], content: bytes, context: grpc.ServicerContext
    ) -> Iterator[bytes]:
        answers = self._guard.passed_on(path, self._checked(kind, content, context))
        context.add_callback(answers.cancel)
        try:
            yield from answers
        except grpc.RpcError as error:
            _passed_back(error, context)


def _passed_back(error: grpc.RpcError, context: grpc.ServicerContext) -> None:
    context.set_trailing_metadata(error.trailing_metadata() or ())
    context.abort(error.code(), error.details())
