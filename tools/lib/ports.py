# SPDX-License-Identifier: MIT
"""TCP ports for throw-away servers.  They lie below those that the kernel gives to outgoing connections (ip_local_port_range),
so that between the look here and the server's bind nobody's connection takes one."""
import random
import socket

FIRST, LAST = 15000, 32000


def port_is_free(port, address="127.0.0.1"):
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind((address, port))
        except OSError:
            return False
    return True


def free_port(address="127.0.0.1"):
    while True:
        port = random.randrange(FIRST, LAST)
        if port_is_free(port, address):
            return port
