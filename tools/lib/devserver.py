# SPDX-License-Identifier: MIT
"""What tools/devserver does, for that program and for tests, which start servers without another interpreter."""
import argparse
import os

import instance
from instance import Failure, Instance


def _chosen_ports(arguments):
    chosen = {}
    for argument in arguments:
        name, _, number = argument.partition("=")
        if name not in instance.PORTS or not number.isdigit():
            raise Failure(f"--port {argument}: not NAME=NUMBER with one of {', '.join(instance.PORTS)}")
        chosen[name] = int(number)
    return chosen


def start(a, wrapper=(), certificate=None):
    """Makes the instance and starts it; returns its facts.  The tree is built.  @wrapper: a command that runs the server."""
    i = Instance(a.dir)
    if a.own_programs:
        i.memory["own_programs"] = True
    if i.pid():
        raise Failure(f"{i.dir}: a server runs there already (pid {i.pid()}); tools/devserver stop --dir {i.dir}")
    users = None if a.users is None else instance.default_names(a.users)
    i.prepare(users=users, password=a.password, storage=a.storage, settings=a.set, ports=_chosen_ports(a.port), domain=a.domain,
              certificate=certificate)
    i.start(wrapper)
    return i.facts()


def stop(a):
    if os.path.isdir(a.dir):
        Instance(a.dir).stop(keep=a.keep)


def cli(a):
    i = Instance(a.dir)
    if not i.memory:
        raise Failure(f"{i.dir}: no server was made there; tools/devserver start --dir {i.dir}")
    arguments = a.arguments[1:] if a.arguments[:1] == ["--"] else a.arguments
    command, environment = i.command(arguments)
    os.execve(command[0], command, environment)  # signals reach it as well


def parsed(arguments, description=None):
    """The arguments of the program; `verb` says which of the functions above they are for."""
    p = argparse.ArgumentParser(prog="devserver", description=description)
    sub = p.add_subparsers(dest="verb", required=True)
    s = sub.add_parser("start", help="make a server in DIR, or go on with the one kept there; returns when it is ready")
    s.add_argument("--dir", required=True)
    s.add_argument("--users", type=int, metavar="N", help="users u0001 ... of the default domain (default 2)")
    s.add_argument("--password", metavar="PW", help="of all of them (default pw)")
    s.add_argument("--storage", metavar="DRIVER", help="any built storage driver (default maildir)")
    s.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting: group.setting=VALUE")
    s.add_argument("--port", action="append", default=[], metavar="NAME=NUMBER",
                   help=f"where a new server listens, if nobody else does ({', '.join(instance.PORTS)}; default: any)")
    s.add_argument("--own-programs", action="store_true", help="a copy of the installed programs in DIR, for a test that replaces them")
    s.add_argument("--domain", help=argparse.SUPPRESS)
    s.add_argument("--json", action="store_true", help="print one JSON object")
    s = sub.add_parser("stop", help="end it, and what is left of a dead one; removes what start made")
    s.add_argument("--dir", required=True)
    s.add_argument("--keep", action="store_true", help="keep users, mail and settings for a later start")
    s = sub.add_parser("cli", help="run the satchel command against it")
    s.add_argument("--dir", required=True)
    s.add_argument("arguments", nargs=argparse.REMAINDER, metavar="-- ARGS")
    return p.parse_args(arguments)
