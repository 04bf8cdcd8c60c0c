# SPDX-License-Identifier: MIT
"""TCP ports for throw-away servers.  They lie below those that the kernel gives to outgoing connections (ip_local_port_range),
so that between the look here and the server's bind nobody's connection takes one."""
import random
import socket

FIRST, LAST = 15000, 32000
_held = []


def port_is_free(port, address="127.0.0.1"):
    """Says whether a server could listen there now."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind((address, port))
        except OSError:
            return False
    return True


def free_port():
    """A port that no other caller gets while this process lives.  A socket that is bound holds it; as it does not listen, a
    server that sets SO_REUSEADDR may listen on the port, and another after it."""
    while True:
        port = random.randrange(FIRST, LAST)
        s = socket.socket()
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            s.close()
            continue
        # Only now: a bind with it would be granted next to another caller's socket.
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _held.append(s)
        return port
