"""Both signatures of a delivery, written from the documents and not from golived's code."""

import base64
import hashlib
import hmac


def tiktool(secret, body):
    """X-Tiktool-Signature: HMAC-SHA256 of the raw body, the whole whsec_ text is the key, lower-case hex."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def standard(secret, message_id, timestamp, body):
    """webhook-signature (Standard Webhooks 1.0): v1,base64 over id.timestamp.body; the key is behind whsec_, in base64."""
    key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    content = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
