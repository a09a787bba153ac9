"""Every Python that the tests start imports this by its name (conftest.py). It refuses connections
to other computers, and notes each, because a library may pass over the refusal in silence."""

import ipaddress
import os
import sys

# Where the address stands among the arguments of each of Python's events.
_PLACES = {"socket.connect": 1, "socket.sendto": 1, "socket.sendmsg": 1}
_PLACES |= {"socket.getaddrinfo": 0, "socket.gethostbyname": 0}


def _is_near(address):
    host = address[0] if isinstance(address, tuple) else address
    if isinstance(host, bytes):
        host = host.decode("ascii", errors="replace")
    if host in (None, "", "localhost") or host.startswith(("/", "\0")):
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:  # the name of another computer
        return False


def _listen(event, arguments):
    if event not in _PLACES or _is_near(arguments[_PLACES[event]]):
        return
    line = f"{event} {arguments[_PLACES[event]]!r} by {' '.join(sys.argv[:1]) or 'python'}"
    with open(os.environ["MNIST_CONNECTIONS"], "a", encoding="utf-8") as file:
        file.write(f"{line}\n")
    raise ConnectionRefusedError(f"The tests allow no connection to another computer: {line}")


if "MNIST_CONNECTIONS" in os.environ:
    sys.addaudithook(_listen)
