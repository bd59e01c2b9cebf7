"""SQSEngine: events from queues of Amazon SQS, or of what speaks its protocol."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ecl_logging.events.consumers import ConsumerHub
from ecl_logging.events.engines.base import Engine
from ecl_logging.events.engines.calling import Operator
from ecl_logging.events.queues.sqs import SqsQueue

__all__ = ["SQSEngine"]


class SQSEngine(Engine):
    """See `Engine`. A topic is the queue of that name; see `SqsQueue` for what SQS has not."""

    def __init__(  # noqa: PLR0913, PLR0917 - balog's, in its order
        self,
        hub: ConsumerHub,
        region: str | None = None,
        aws_access_key_id: str | None = None,
        aws_secret_access_key: str | None = None,
        polling_period: float = 1,
        num_messages: int = 10,
        consumer_operator: Operator | None = None,
        default_event_handler: Callable[[dict[str, Any]], Any] | None = None,
        *,
        aws_session_token: str | None = None,
        endpoint_url: str | None = None,
        create: bool = False,
        **options: Any,
    ) -> None:
        """`region`, keys, `endpoint_url` and `create`: see `SqsQueue`; without, boto3 looks itself.

        `polling_period` is rounded up to whole seconds. A request has 10 messages at most.
        `options` and all others: see `Engine`. Raises ConfigError. The order of arguments is that
        of balog's SQSEngine (Balanced, 2014).
        """
        queue = SqsQueue(
            region,
            aws_access_key_id=aws_access_key_id,
            aws_secret_access_key=aws_secret_access_key,
            aws_session_token=aws_session_token,
            endpoint_url=endpoint_url,
            create=create,
        )
        super().__init__(
            hub,
            queue,
            consumer_operator,
            default_event_handler,
            polling_period=polling_period,
            num_messages=num_messages,
            **options,
        )
