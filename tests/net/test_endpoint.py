from myna.net.endpoint import UpgradeRequest, WebSocketConnection, WebSocketEndpoint


class Silent(WebSocketEndpoint):
    def opening(self, socket: WebSocketConnection) -> None:
        return


def test_headers_are_found_in_any_case() -> None:
    request = UpgradeRequest(b"/", b"", ((b"Client_Meta", b"1"), (b"X", b"2")), (), "h:1", "http", "http")
    assert request.header(b"client_META") == b"1"
    assert request.header(b"y") is None


def test_an_endpoint_need_only_say_how_it_opens() -> None:
    endpoint = Silent()
    endpoint.on_text("x")
    endpoint.on_bytes(b"x")
    endpoint.on_closed(1000, "", True)
