#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A second reader and writer of sealed mail, made from modules/crypt/FORMAT.md alone with PyNaCl and cryptography: each reads what the other wrote."""
import hashlib
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import case, equal, lacking, main, run  # noqa: E402

try:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from nacl import bindings
    from nacl.exceptions import CryptoError
    from nacl.public import PrivateKey, SealedBox
except ImportError:
    bindings = None

# The package is for the release's own Python, which may not be the first one in PATH.
OWN_PYTHON = "/usr/bin/python3"
if bindings is None and os.access(OWN_PYTHON, os.X_OK) and os.path.realpath(sys.executable) != os.path.realpath(OWN_PYTHON):
    os.execv(OWN_PYTHON, [OWN_PYTHON, *sys.argv])

PROGRAM = os.path.join(os.environ.get("SATCHEL_BUILDDIR", ".build"), "modules/crypt/tests/crypt-seal")
MAGIC, OF_ATTRIBUTES = b"\x89SATCRY\n", b"\x89SATCRA\n"
CHUNK, TAG, HEADER = 65536, 16, 144
SECRET = bytes(range(32))
LENGTHS = (0, 1, 1000, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 17)


class Bad(Exception):
    """What is not as the page says."""


def key_id(public):
    return hashlib.blake2b(public, digest_size=16, key=b"satchel crypt key id").digest()


def derive(key, context):
    return hashlib.blake2b(digest_size=32, key=key, salt=struct.pack("<Q8x", 1), person=context + bytes(8)).digest()


def follow(many_key, message_id):
    """The key of a message from that of many."""
    return hashlib.blake2b(digest_size=32, key=many_key, salt=message_id, person=b"satchel messages").digest()


def nonce_of(header, i, is_last):
    return header[11:30 if header[9] == 1 else 18] + struct.pack(">IB", i, is_last)


def open_chunk(data, header, nonce, key):
    if header[9] == 1:
        return unseal(data, header, nonce, key)
    try:
        return AESGCM(key).decrypt(nonce, data, header)
    except InvalidTag as error:
        raise Bad("a chunk") from error


def unseal(data, associated, nonce, key):
    try:
        return bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(data, associated, nonce, key)
    except CryptoError as error:
        raise Bad("a chunk") from error


def read_message(data, secret):
    """Reads all of a sealed message."""
    key = PrivateKey(secret)
    header = data[:HEADER]
    if header[:9] != MAGIC + b"\x01" or header[9] not in (1, 2) or header[10] != 16 or header[30] not in (0, 1) or header[31] != 0 or header[32:48] != key_id(bytes(key.public_key)):
        raise Bad("the header")
    try:
        message_key = SealedBox(key).decrypt(header[64:144])
    except CryptoError as error:
        raise Bad("the box") from error
    if header[30] == 1:
        message_key = follow(message_key, header[48:64])
    n_chunks = -(-(len(data) - HEADER) // (CHUNK + TAG))
    chunks = []
    for i in range(n_chunks):
        at = HEADER + i * (CHUNK + TAG)
        chunks.append(open_chunk(data[at:at + CHUNK + TAG], header, nonce_of(header, i, i == n_chunks - 1), message_key))
    message = b"".join(chunks)
    equal(len(message), len(data) - HEADER - TAG * n_chunks, "the size that follows from that of the file")
    return message


def seal_chunk(chunk, header, nonce, key):
    if header[9] == 1:
        return bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(chunk, header, nonce, key)
    return AESGCM(key).encrypt(nonce, chunk, header)


def write_message(message, secret, suite, boxed):
    public = PrivateKey(secret).public_key
    key, message_id = os.urandom(32), os.urandom(16)
    header = MAGIC + bytes([1, suite, 16]) + os.urandom(19) + bytes([boxed, 0]) + key_id(bytes(public)) + message_id + SealedBox(public).encrypt(key)
    message_key = follow(key, message_id) if boxed else key
    chunks = [message[at:at + CHUNK] for at in range(0, len(message), CHUNK)] or [b""]
    sealed = [seal_chunk(chunk, header, nonce_of(header, i, i == len(chunks) - 1), message_key)
              for i, chunk in enumerate(chunks)]
    return header + b"".join(sealed)


def read_attributes(data, secret):
    key = PrivateKey(secret)
    if data[:9] != OF_ATTRIBUTES + b"\x01" or data[10:16] != bytes(6) or data[16:32] != key_id(bytes(key.public_key)):
        raise Bad("the head of attributes")
    if data[9] in (1, 3):
        begin, nonce = 128, bytes(24)
        boxed = SealedBox(key).decrypt(data[48:128])
        own = derive(follow(boxed, data[32:48]) if data[9] == 3 else boxed, b"satcratt")
    else:
        begin, nonce = 72, data[48:72]
        own = derive(secret, b"satcrypt")
    padded = unseal(data[begin:], data[:begin], nonce, own)
    equal(len(padded) % 256, 0, "padding")
    return padded.rstrip(b"\0")[:-1][32 if data[9] == 2 else 0:]


def program(what, data, check=True, **more):
    return run(PROGRAM, what, SECRET.hex(), input=data, check=check, **more)


def contents():
    for length in LENGTHS:
        yield bytes((i * 7 + i // 1000) % 256 for i in range(length))


def need_nacl():
    if bindings is None:
        lacking("PyNaCl or cryptography is not installed for this python3 (python3-nacl, python3-cryptography)")


@case
def what_the_module_seals_is_read_from_the_page_alone():
    need_nacl()
    for way in ("seal", "seal-aes", "seal-shared"):
        for message in contents():
            equal(read_message(program(way, message).stdout, SECRET) == message, True, f"{way}: {len(message)} bytes are read back")


@case
def what_the_page_says_is_read_by_the_module():
    need_nacl()
    for suite, boxed in ((1, 0), (1, 1), (2, 0), (2, 1)):
        for message in contents():
            equal(program("open", write_message(message, SECRET, suite, boxed)).stdout == message, True, f"suite {suite}, box {boxed}: {len(message)} bytes are read back")


@case
def aes_is_read_without_instructions_for_it():
    need_nacl()
    slow = {**os.environ, "GNUTLS_CPUID_OVERRIDE": "0x1"}
    for message in contents():
        sealed = program("seal-aes", message).stdout
        equal(program("open", sealed, env=slow).stdout == message, True, f"{len(message)} bytes are read back")
        changed = sealed[:-1] + bytes([sealed[-1] ^ 1])
        equal(program("open", changed, check=False, env=slow).returncode, 1, f"{len(message)} bytes, changed: refused")


@case
def attributes_of_all_forms_are_read_from_the_page_alone():
    need_nacl()
    for length in (1, 255, 256, 3000):
        attributes = bytes(1 + i % 255 for i in range(length))
        for form in ("attributes", "fast", "attributes-shared"):
            equal(read_attributes(program(form, attributes).stdout, SECRET), attributes, f"{form} of {length} bytes")


@case
def both_refuse_what_was_changed():
    need_nacl()
    for way in ("seal", "seal-aes", "seal-shared"):
        sealed = program(way, b"a" * 300).stdout
        for at in (9, 12, 30, 31, 40, 50, 70, 100, 150, len(sealed) - 1):
            changed = sealed[:at] + bytes([sealed[at] ^ (3 if at == 9 else 1)]) + sealed[at + 1:]
            equal(program("open", changed, check=False).returncode, 1, f"{way}: byte {at} is changed: the module")
            try:
                read_message(changed, SECRET)
            except Bad:
                continue
            raise AssertionError(f"{way}: byte {at} is changed, and the second reader takes it")


main()
