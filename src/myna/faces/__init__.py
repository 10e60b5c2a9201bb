"""The APIs: one folder each. Deleting a folder and its line here removes an API with nothing left behind."""

from typing import Final

# Name in the configuration -> module:class. A face is imported only if it is enabled.
FACES: Final[dict[str, str]] = {
    "admin": "myna.faces.admin.face:AdminFace",
    "bifromq": "myna.faces.bifromq.face:BifroMqFace",
    "devicehive": "myna.faces.devicehive.face:DeviceHiveFace",
    "eventgrid": "myna.faces.eventgrid.face:EventGridFace",
    "webpubsub": "myna.faces.webpubsub.face:WebPubSubFace",
}
