"""Events from a publisher to a consumer through every kind of queue: none lost, and how fast."""

from __future__ import annotations

import pytest

from benchmarks.event_routing import QUEUES, route

pytestmark = pytest.mark.once

pytest.importorskip("boto3", reason="what is tested on one Python only is not installed")


@pytest.mark.parametrize("name", QUEUES)
def test_events_go_through_each_queue(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    routed = route(name, 100 if name == "sqs" else 1000)  # moto's server is slow

    print(routed)
    assert routed.lost == 0
    assert routed.is_right
    assert routed.handle_rate > 0
