import sys
from datetime import datetime, timezone

from standardwebhooks import Webhook, WebhookVerificationError


def is_verified(secret, headers, body):
    try:
        Webhook(secret).verify(body, headers, json_parse=False)
        return True
    except WebhookVerificationError as error:
        if str(error) == "No matching signature found":
            return False
        raise


for line in sys.stdin:
    secret, id, timestamp, signature, digits = line.rstrip("\n").split("\t")
    body = bytes.fromhex(digits)
    headers = {"webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature}
    assert is_verified(secret, headers, body), f"{id} is not verified"
    assert not is_verified(secret, headers, body + b" "), f"{id}: another body is verified"
    at = datetime.fromtimestamp(int(timestamp), tz=timezone.utc)
    print(Webhook(secret).sign(id, at, body.decode()))
