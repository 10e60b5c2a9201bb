"""A back end without an access key: the service SDK with a token credential; run by the SDK's own Python.

Arguments: endpoint (https), a token, the authority of the server's certificate.
"""

import sys
import time

from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from azure.messaging.webpubsubservice import WebPubSubServiceClient

endpoint, shown, authority = sys.argv[1:]
asked = []


class Credential:
    def __init__(self, token):
        self.token = token

    def get_token(self, *scopes, **_options):
        asked.append(scopes)
        return AccessToken(self.token, int(time.time()) + 600)


def client(token):
    return WebPubSubServiceClient(endpoint, "SdkHub", Credential(token), connection_verify=authority, retry_total=0)


service = client(shown)
service.send_to_all("hello", content_type="text/plain")
print("sent")
assert not service.group_exists("nobody")
print("asked")
made = service.get_client_access_token(user_id="alice")
assert "/client/hubs/SdkHub?access_token=" in made["url"]
print("a client's token, made by the server")
assert asked[0] == ("https://webpubsub.azure.com/.default",)
try:
    client(shown[:-8] + "AAAAAAAA").send_to_all("hello", content_type="text/plain")
except ClientAuthenticationError:
    print("a forged token is refused")
else:
    raise AssertionError("a forged token was taken")
print("done")
