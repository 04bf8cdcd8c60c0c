# SPDX-License-Identifier: MIT
"""Rings, read from modules/crypt/FORMAT.md alone; needs PyNaCl."""
import hashlib

from nacl import bindings
from nacl.exceptions import CryptoError


def key_id(public):
    return hashlib.blake2b(public, digest_size=16, key=b"satchel crypt key id").digest()


class Slot:
    def __init__(self, public, words):
        self.public, (self.kind, self.name, self.variant, memory, passes, salt, sealed) = public, words
        self.memory, self.passes, self.salt, self.sealed = int(memory), int(passes), bytes.fromhex(salt), bytes.fromhex(sealed)

    def open(self, opener):
        """What is sealed, or None."""
        if self.kind in ("password", "wanted"):
            from nacl.pwhash import argon2id
            key = argon2id.kdf(32, opener, self.salt, opslimit=self.passes, memlimit=self.memory)
        else:
            key = hashlib.blake2b(opener, digest_size=32, salt=self.salt, person=b"satchel slot\0\0\0\0").digest()
        variant = "" if self.variant == "-" else self.variant
        bound = f"satchel slot\n{self.public.hex()}\n{self.kind}\n{self.name}\n{variant}\n{self.memory} {self.passes}\n".encode()
        try:
            return bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(self.sealed[24:], bound, self.sealed[:24], key)
        except CryptoError:
            return None

    def open_by_key(self, private):
        """Of a `key` or `escrow`."""
        mine = bindings.crypto_scalarmult_base(private)
        if self.name != key_id(mine).hex():
            return None
        ephemeral = bytes.fromhex(self.variant)
        return self.open(bindings.crypto_scalarmult(private, ephemeral) + ephemeral + mine)


class Ring:
    def __init__(self, text):
        body, _, last = text.rstrip("\n").rpartition("\n")
        body += "\n"
        if last != "end " + hashlib.blake2b(body.encode(), digest_size=16).hexdigest():
            raise ValueError("the hash of the ring")
        self.keys, self.first = {}, None   # public half: slots
        for line in body.splitlines():
            words = line.split(" ")
            if words[0] in ("public", "former"):
                public = bytes.fromhex(words[1])
                self.keys[public] = []
            elif words[0] == "slot":
                self.keys[public].append(Slot(public, words[1:]))
            elif words[0] == "first":
                self.first = bytes.fromhex(words[1])

    def open(self, kind, opener):
        """Private halves: {public half: private half} of all that the opener gives, and what those give."""
        found = {}
        for public, slots in self.keys.items():
            for slot in slots:
                got = None
                if slot.kind == kind:
                    got = slot.open_by_key(opener) if kind == "escrow" else slot.open(opener)
                elif slot.kind == "key":
                    got = next((x for x in map(slot.open_by_key, list(found.values())) if x), None)
                if got and bindings.crypto_scalarmult_base(got) == public:
                    found[public] = got
        return found
