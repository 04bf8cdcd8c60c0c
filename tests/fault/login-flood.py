#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""App passwords under a flood: how many logins a second they open, alone and while strangers guess from everywhere.  The rates are
printed; what must be is that every right login gets in, and that auth stays within its memory."""
import asyncio
import ipaddress
import os
import re
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from factor import FactorServer  # noqa: E402
from tap import LARGE_HASHES, LONG, case, equal, main  # noqa: E402

USERS, CLIENTS, GUESSERS = 8, 24, 1200  # more than may wait for a hash
N_LOGINS, N_MEANWHILE, N_GUESSES = (15000, 6000, 100000) if LONG else (600, 300, 2400)
GROWTH_MAX_KB = 160 * 1024  # limits.hash_memory, and room for tables
totp = FactorServer(users=USERS, first=LARGE_HASHES, app_passwords=True)
server = totp.server
NAMES = [f"u{n:04}" for n in range(1, USERS + 1)]
SECRETS = {name: totp.app_password(name) for name in NAMES}


def proxy_header(address):
    payload = ipaddress.ip_address(address).packed + ipaddress.ip_address("192.0.2.254").packed + struct.pack("!HH", 4000, 143)
    return b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack("!H", len(payload)) + payload


def memory_kb():
    pid, = [pid for pid, role in server.roles().items() if role == "auth"]
    with open(f"/proc/{pid}/status") as f:
        text = f.read()
    return int(re.search(r"VmHWM:\s+(\d+)", text)[1])


def spent_ms():
    """The CPU time of each role so far, and of this client, in milliseconds."""
    spent = {"client": time.process_time() * 1000}
    for pid, role in server.roles().items():
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
        spent[role] = spent.get(role, 0) + (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")
    return spent


def per_login(before, after, n_logins):
    return ", ".join(f"{role} {(after[role] - before[role]) / n_logins:.2f}" for role in sorted(after))


async def answer(reader):
    while (line := await reader.readline()).startswith(b"* "):
        pass
    return line


async def log_in(name, address):
    reader, writer = await asyncio.open_connection("127.0.0.1", totp.proxied)
    try:
        writer.write(proxy_header(address))
        equal((await reader.readline())[:4], b"* OK", "greeting")
        writer.write(f"a LOGIN {name} {SECRETS[name]}\r\n".encode())
        line = await answer(reader)
        equal(line[:4], b"a OK", f"the app password of {name}: {line!r}")
        writer.write(b"b LOGOUT\r\n")
        while await reader.readline():
            pass
    finally:
        writer.close()


async def log_in_all(n_logins):
    """Logins a second."""
    left = iter(range(n_logins))

    async def client():
        for n in left:
            await log_in(NAMES[n % USERS], f"192.0.2.{n % USERS + 1}")  # a network that is known of the user, once she was in
    began = time.monotonic()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return n_logins / (time.monotonic() - began)


async def guess(k, left, said):
    """Wrong passwords of users and of nobody, from an address of its own, over one connection as long as it is let."""
    writer = None
    for n in left:
        while True:
            if writer is None:
                reader, writer = await asyncio.open_connection("127.0.0.1", totp.proxied)
                writer.write(proxy_header(f"198.{18 + k % 2}.{k // 8}.{k % 8}"))
                await reader.readline()
            try:
                writer.write(f"a LOGIN {NAMES[n % USERS] if n % 2 else f'nobody{n}'} guess{n}\r\n".encode())
                line = await answer(reader)
            except ConnectionError:
                line = b""
            if line:
                break
            writer.close()
            writer = None
        code = re.match(rb"a NO \[([A-Z]+)\]", line)
        equal(code is not None, True, f"a guess: {line!r}")
        said[code[1].decode()] = said.get(code[1].decode(), 0) + 1
    if writer is not None:
        writer.close()


@case
def alone():
    """logins with app passwords, each over a connection of its own: all get in"""
    before = spent_ms()
    rate = asyncio.run(log_in_all(N_LOGINS))
    print(f"# {N_LOGINS} logins, {rate:.0f} a second; milliseconds of CPU for each: {per_login(before, spent_ms(), N_LOGINS)}", flush=True)


@case
def under_guesses():
    """the same while 1,200 addresses guess passwords as fast as they are answered: all get in, and memory is bounded"""
    before, spent = memory_kb(), spent_ms()
    said = {}

    async def both():
        left = iter(range(N_GUESSES))
        began = time.monotonic()
        guessers = asyncio.gather(*(guess(k, left, said) for k in range(GUESSERS)))
        rates = [await log_in_all(N_MEANWHILE)]
        while not guessers.done():
            rates.append(await log_in_all(CLIENTS))
        await guessers
        return rates, time.monotonic() - began
    rates, took_s = asyncio.run(both())
    grown = memory_kb() - before
    print(f"# seconds of CPU: {per_login(spent, spent_ms(), 1000)}")
    print(f"# {N_GUESSES} guesses, {N_GUESSES / took_s:.0f} a second, answered {said}; meanwhile {N_MEANWHILE + CLIENTS * (len(rates) - 1)} logins, "
          f"{rates[0]:.0f} a second; auth grew by {grown} KiB at most", flush=True)
    equal(sum(said.values()), N_GUESSES, "answers")
    equal(set(said) <= {"AUTHENTICATIONFAILED", "UNAVAILABLE"}, True, f"{said}")
    equal(grown < GROWTH_MAX_KB, True, f"auth grew by {grown} KiB")


@case
def afterwards():
    """afterwards each user's password and app password open the mailbox"""
    server.cli("auth", "throttle", "clear", "--all")
    for name in NAMES:
        equal(totp.imap(name, SECRETS[name]), "OK", "app password")
    equal(totp.imap("u0001", server.password), "OK", "password")


main()
