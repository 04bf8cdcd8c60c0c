#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A third party's module: built in a folder of its own against installed headers, loaded, used; broken ones are refused."""
import os
import shlex
import shutil
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import TOP, Server, Skip, case, equal, free_port, main, run, scratch  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
INST = os.path.join(os.environ.get("SATCHEL_BUILD") or os.path.join(TOP, ".build"), "inst")
work = scratch()
os.chmod(work, 0o755)
modules = os.path.join(work, "modules")
port = None


def compile_module(source, output, *flags):
    """As the author of a module would: pkg-config and a compiler, outside of our tree."""
    os.makedirs(os.path.join(work, "src"), exist_ok=True)
    copy = shutil.copy(os.path.join(HERE, source), os.path.join(work, "src"))
    env = {**os.environ, "PKG_CONFIG_PATH": os.path.join(INST, "lib/pkgconfig")}
    r = run("pkg-config", "--cflags", "--libs", "satchel", env=env, text=True)
    run("cc", "-std=gnu17", "-Wall", "-fPIC", "-shared", "-o", os.path.join(modules, output), copy, *flags, *shlex.split(r.stdout), cwd=work)
    os.chmod(os.path.join(modules, output), 0o755)


def start(**options):
    global port
    port = free_port()
    listener = f'( {{ name = "hello"; protocol = "hello"; address = "127.0.0.1"; port = {port}; }}, ' \
               f'{{ name = "l"; protocol = "lmtp"; address = "127.0.0.1"; port = {free_port()}; }} )'
    return Server("--set", "server.module_dir=" + modules, "--set", "hello.enabled=true", "--set", "listen.listeners=" + listener, users=1, **options)


def refused():
    """What a start with the module says, and `satchel module info`."""
    try:
        server = start()
    except AssertionError as e:
        return str(e)
    server.stop()
    raise AssertionError("the server started with a broken module")


@case
def builds_and_serves():
    """built against installed headers, it loads and serves its protocol, login and store included"""
    os.mkdir(modules, 0o755)
    for name in os.listdir(os.path.join(INST, "lib/satchel/modules")):
        shutil.copy(os.path.join(INST, "lib/satchel/modules", name), modules, follow_symlinks=False)
    compile_module("hello-gate.c", "hello-gate.so")
    compile_module("hello.c", "hello.so")
    server = start()
    with socket.create_connection(("127.0.0.1", port), 30) as s:
        f = s.makefile("rwb")
        equal(f.readline(), b"hello from a module\n", "greeting")
        f.write(b"HELLO u0001 wrong\n")
        f.flush()
        equal(f.readline(), b"no\n", "wrong password")
        f.write(b"HELLO u0001 pw\n")
        f.flush()
        equal(f.readline(), b"welcome u0001@example.org\n", "after login")
        f.write(b"COUNT INBOX\n")
        f.flush()
        equal(f.readline(), b"mailbox INBOX has 0\n", "what the store says")
    r = server.cli("module", "info", "hello")
    equal("hello" in r.stdout and "Says hello" in r.stdout, True, f"satchel module info: {r.stdout}")
    server.stop()


@case
def driver_is_tried():
    """a driver built against installed headers passes the installed satchel-storage-check; one that is broken does not"""
    sources = [os.path.join(TOP, "tests/layers", name) for name in sorted(os.listdir(os.path.join(TOP, "tests/layers")))
               if name.startswith("memory") and name.endswith(".c")]
    env = {**os.environ, "PKG_CONFIG_PATH": os.path.join(INST, "lib/pkgconfig")}
    flags = shlex.split(run("pkg-config", "--cflags", "--libs", "satchel", env=env, text=True).stdout)
    check = os.path.join(INST, "bin/satchel-storage-check")
    for name, more, works in (("memory", [], True), ("broken", [os.path.join(TOP, "tests/layers/broken.c"), "-DMEMORY_MODULE=memory_module"], False)):
        module = os.path.join(work, name + ".so")
        run("cc", "-std=gnu17", "-fPIC", "-shared", "-o", module, *sources, *more, *flags, cwd=work)
        os.chmod(module, 0o755)
        argument = module if works else module + ':fault = "modseq-stays";'
        r = subprocess.run([check, argument, "-p", f"/conformance/{name}/changes", "-p", f"/conformance/{name}/ops"], cwd=work, capture_output=True, text=True)
        equal(r.returncode == 0, works, f"{name}: {r.stdout[-1500:]}{r.stderr[-1500:]}")
        equal(r.stdout.count("\nok ") > 8, works, f"{name}, cases that passed: {r.stdout}")
    r = subprocess.run([check, "maildir", "-p", "/conformance/maildir/faults/half-written", "-p", "/conformance/maildir/kills"], cwd=work, capture_output=True,
                       text=True, env={**os.environ, "TMPDIR": "/dev/shm"})
    equal(r.returncode, 0, f"the installed maildir, whose calls fail: {r.stdout[-1500:]}{r.stderr[-1500:]}")


@case
def wrong_abi():
    """another ABI number is refused, with both numbers and what to do"""
    compile_module("hello.c", "hello.so", "-DHELLO_ABI=99")
    said = refused()
    equal("99" in said and "module hello" in said and "rebuild it" in said, True, said)


@case
def missing_symbol():
    """an unknown symbol is refused by name"""
    compile_module("hello.c", "hello.so", "-DHELLO_LACKS_SYMBOL")
    said = refused()
    equal("satchel_no_such_function" in said and "module hello" in said, True, said)


@case
def crash_at_load():
    """a module that crashes while it is loaded is named, and nothing else happens"""
    compile_module("hello.c", "hello.so", "-DHELLO_CRASHES")
    said = refused()
    equal("hello" in said and ("crash" in said.lower() or "signal" in said.lower()), True, said)


@case
def wrong_rights():
    """a module others may write is refused, and the chmod is printed"""
    compile_module("hello.c", "hello.so")
    os.chmod(os.path.join(modules, "hello.so"), 0o775)
    said = refused()
    equal("chmod" in said and "hello.so" in said, True, said)
    os.chmod(os.path.join(modules, "hello.so"), 0o755)


@case
def wrong_owner():
    """a module of another owner is refused, and the chown is printed"""
    if os.getuid() != 0:
        raise Skip("only root can give a file away")
    os.chown(os.path.join(modules, "hello.so"), 65534, 65534)
    said = refused()
    equal("chown" in said and "hello.so" in said, True, said)


main()
