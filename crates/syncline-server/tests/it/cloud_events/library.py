"""Prints events as the official library of CloudEvents sends them, a line of JSON each."""

import json
from datetime import datetime, timezone

from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

event = CloudEvent(
    attributes={
        "id": "order 17/\u20ac",
        "source": "https://shop.example/orders",
        "type": "order.paid",
        "subject": "order/Z\u00fcrich 17",
        "datacontenttype": "application/json",
        "time": datetime(2024, 1, 31, 12, 0, 0, 250000, tzinfo=timezone.utc),
    },
    data={"paid": True},
)
for message in (to_structured_event(event), to_binary_event(event)):
    print(json.dumps({"headers": dict(message.headers), "body": message.body.decode()}))
