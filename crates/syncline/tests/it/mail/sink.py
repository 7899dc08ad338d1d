"""A mail server for tests: asks for STARTTLS and a login, and writes each e-mail as a line of JSON.

Arguments: the certificate, its key, the file to write to. Its first line of output is its port. It ends with its
standard input.
"""

import json
import ssl
import sys
import socket
from email import message_from_bytes
from email.policy import default

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

certificate, key, written = sys.argv[1:]


class Sink:
    async def handle_DATA(self, server, session, envelope):
        message = message_from_bytes(envelope.content, policy=default)
        line = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "subject": message["subject"],
            "id": message["message-id"],
            "text": message.get_content(),
            "encrypted": session.ssl is not None,
            "user": session.auth_data.login.decode(),
        }
        with open(written, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        return "250 OK"


def login(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login, data.password) == (b"hub", b"canary-password"), auth_data=data)


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
controller = Controller(
    Sink(),
    hostname="127.0.0.1",
    port=port,
    tls_context=context,
    require_starttls=True,
    auth_required=True,
    authenticator=login,
)
controller.start()
print(port, flush=True)
sys.stdin.read()
controller.stop()
