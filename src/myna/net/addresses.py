"""From what a configuration says to listening sockets, or to an error that names the address, the cause and the remedy.

`localhost` means both loopback addresses on one port, and an empty host every address of both families. What a
newcomer gets wrong: an IPv6 socket may claim the IPv4 port as well, so pairs are bound with IPV6_V6ONLY.
"""

import contextlib
import errno
import os
import socket
import stat
from typing import Any, Final

BACKLOG: Final = 2048
ATTEMPTS: Final = 32  # for port 0 on two addresses: a port free on one may be taken on the other

LOOPBACK: Final = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
ANYWHERE: Final = ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::"))
NO_IPV6: Final = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.ENOPROTOOPT}


class ListenError(Exception):
    """A listener cannot be opened; says where, why, and what to do."""


def listen_tcp(host: str, port: int, backlog: int = BACKLOG) -> list[socket.socket]:
    """Every socket that `host` means, all on one port."""
    wanted, optional = _resolve(host, port)
    for attempt in range(ATTEMPTS):
        sockets: list[socket.socket] = []
        try:
            for family, address in wanted:
                chosen = sockets[0].getsockname()[1] if sockets else port
                try:
                    sockets.append(_bind(family, address, chosen, backlog))
                except OSError as error:
                    if not (optional and sockets and error.errno in NO_IPV6):
                        raise
            return sockets
        except OSError as error:
            for sock in sockets:
                sock.close()
            if port == 0 and error.errno == errno.EADDRINUSE and attempt < ATTEMPTS - 1:
                continue
            raise ListenError(_explain(show(host or "*", port), error)) from error
    raise AssertionError("the last attempt returns or raises")


def listen_unix(path: str, mode: int = 0o660, backlog: int = BACKLOG) -> socket.socket:
    """A unix socket. A file left behind by a process that is gone is replaced; anything else is not touched."""
    _remove_stale(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    previous = os.umask(0o777 & ~mode)  # so that it never exists with wider permissions
    try:
        sock.bind(path)
        sock.listen(backlog)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise ListenError(_explain(path, error)) from error
    finally:
        os.umask(previous)
    return sock


def remove_unix(path: str) -> None:
    """Remove our socket file after closing, unless somebody else listens there by now."""
    with contextlib.suppress(ListenError):
        _remove_stale(path)


def show(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def show_peer(address: Any) -> str:
    """The peer's address as accept() gives it, for logs and gates. Peers of unix sockets have none."""
    return show(address[0], address[1]) if isinstance(address, tuple) else "unix"


def _resolve(host: str, port: int) -> tuple[list[tuple[int, Any]], bool]:
    """Families and addresses, and whether one of several may be missing on this machine."""
    if not 0 <= port <= 65535:
        raise ListenError(f"cannot listen on {host}:{port}: a port is 0 to 65535")
    if host == "localhost":
        return list(LOOPBACK), True
    if host in {"", "*"}:
        return list(ANYWHERE), True
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ListenError(f"cannot listen on {show(host, port)}: the host name is not known here ({error})") from error
    except UnicodeError as error:
        raise ListenError(f"cannot listen on {show(host, port)}: this is not a host name") from error
    unique = dict.fromkeys((int(family), address) for family, _, _, _, address in found)
    return [(family, address) for family, address in unique], False


def _bind(family: int, address: Any, port: int, backlog: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted sockets inherit it
        # Inherited too: an MQTT client may ask for no keep-alive of its own.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address, port) if isinstance(address, str) else (address[0], port, *address[2:]))
        sock.listen(backlog)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def _remove_stale(path: str) -> None:
    try:
        kind = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise ListenError(_explain(path, error)) from error
    if not stat.S_ISSOCK(kind):
        raise ListenError(f"cannot listen on {path}: a file of this name exists and is no socket. Choose another path")
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    probe.settimeout(1.0)
    try:
        probe.connect(path)
    except ConnectionRefusedError:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    except OSError as error:
        raise ListenError(_explain(path, error)) from error
    else:
        raise ListenError(f"cannot listen on {path}: another process listens there. Stop it or choose another path")
    finally:
        probe.close()


def _explain(where: str, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"address already in use: another process listens on {where}. Stop it or choose another port"
        case errno.EACCES | errno.EPERM:
            return f"cannot listen on {where}: permission denied. Ports below 1024 and some folders need more rights"
        case errno.EADDRNOTAVAIL:
            return f"cannot listen on {where}: this machine has no such address"
        case errno.ENOENT:
            return f"cannot listen on {where}: the folder does not exist"
        case _:
            return f"cannot listen on {where}: {error.strerror or error}"
