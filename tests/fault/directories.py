#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Directories that settings name: what is there and not the server's keeps its owner and rights, and both `config check`
and a start say what to type; what is new or empty is made and given as needed."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "lib"))
from tap import Server, Skip, at_end, case, equal, main, scratch  # noqa: E402
from instance import Failure, Instance  # noqa: E402

work = scratch()
os.chmod(work, 0o755)
server = Server(users=1, directory=os.path.join(work, "s"))
server.stop("--keep")
instance = Instance(server.dir)
uids = instance.memory["uids"] or {"mail": os.getuid(), "auth": os.getuid()}


def need_root():
    if os.getuid() != 0:
        raise Skip("owners can be changed by root alone")


def satchel(*sets):
    """`satchel config check` with settings over the files."""
    instance.memory["settings"] = []
    options = [x for s in sets for x in ("--set", s)]
    command, env = instance.command([*options, "config", "check"])
    r = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
    return r.returncode, r.stdout + r.stderr


def started(*sets):
    """A start with the same; the server is stopped again if it came up."""
    log = instance.path("output.log")
    before = os.path.getsize(log) if os.path.exists(log) else 0
    status = 0
    try:
        instance.memory["settings"] = list(sets)
        instance.start()
    except Failure:
        status = 78
    instance.stop(keep=True)
    with open(log, errors="replace") as f:
        f.seek(before)
        return status, f.read()


def facts(top):
    found = {}
    for place, names, files in os.walk(top):
        for name in [".", *names, *files]:
            st = os.lstat(os.path.join(place, name))
            found[os.path.join(place, name)] = (st.st_uid, st.st_gid, st.st_mode)
    return found


def refused(key, path, *words, top=None):
    """Check and start refuse it with @words, and nothing below it is changed or made."""
    top = top or path
    before = facts(top)
    for what, (status, text) in (("check", satchel(f'{key}="{path}"')), ("start", started(f'{key}="{path}"'))):
        equal(status != 0, True, f"{what} with {key} = {path}: {text}")
        lines = [line for line in text.splitlines() if f"{key}: " in line and path in line]
        for word in words:
            equal(any(word in line for line in lines), True, f"{what}: {word} in {text}")
        # One mistake, one message; devserver repeats the last line as its own.
        equal(len({line.split(f"{key}: ")[1] for line in lines}), 1, f"{what}: one message in {text}")
        equal(facts(top), before, f"{what}: owners and rights below {top}")


def make(name, *files, mode=0o755, owner=(0, 0)):
    path = os.path.join(work, name)
    os.mkdir(path)
    for file in files:
        with open(os.path.join(path, file), "w") as f:
            f.write("x\n")
    os.chown(path, *owner)
    os.chmod(path, mode)
    return path


@case
def full_of_others():
    """a mail root that root owns and that is not empty is refused, with both ways out to type; so are a hidden file, a directory, a link in it"""
    need_root()
    os.umask(0o022)
    home = make("home", "somebody")
    os.chown(os.path.join(home, "somebody"), 1000, 1000)
    refused("server.mail_root", home, f'mail_root = "{home}/satchel"', f"chown -R {uids['mail']}:{uids['mail']} {home}")
    refused("server.mail_root", make("hidden", ".profile"), "is not empty")
    nested = make("nested")
    os.mkdir(nested + "/sub")
    refused("server.mail_root", nested, "is not empty")
    linked = make("linked")
    os.symlink("/etc/hostname", linked + "/link")
    refused("server.mail_root", linked, "is not empty")


def start_apart(path):
    """A start that sees file systems of its own in the place of two directories of the system: nothing else could be hurt."""
    script = 'mount -t tmpfs -o mode=755 t /home && mkdir /home/u && mount -t tmpfs -o mode=755 t /srv && "$@"; status=$?; stat -c "%n %u %a" /home /home/u /srv; exit $status'
    programs = instance.memory["programs"]
    r = subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", os.path.join(programs, "sbin/satcheld"), *instance.options(programs),
                        "--set", f'server.mail_root="{path}"'], env=instance.environment(programs), capture_output=True, text=True, timeout=60)
    return r.returncode, r.stderr, r.stdout


@case
def the_systems():
    """directories of the system are refused, full or empty, by whatever path they are named"""
    need_root()
    link = os.path.join(work, "etc-link")
    os.symlink("/etc", link)
    for path in ("/", "/home", "/var/mail", "/etc", "/srv", "/etc/../etc", link):
        if os.path.isdir(path):
            status, text = satchel(f'server.mail_root="{path}"')
            equal(status == 78 and "directory of the system" in text and "remove the setting" in text and "chown -R" not in text, True, f"{path}: {text}")
    for path in ("/home", "/srv", "/srv/../home"):
        status, text, owners = start_apart(path)
        if "mount" in text:
            raise Skip(f"no file systems of one's own here: {text}")
        equal((status, "directory of the system" in text), (78, True), text)
        equal(owners.splitlines(), ["/home 0 755", "/home/u 0 755", "/srv 0 755"], path)


@case
def of_others():
    """an empty directory of another account, and one that everybody may write, are left as they are; so is a file and a link into nowhere"""
    need_root()
    refused("server.mail_root", make("others", owner=(1000, 1000)), "belongs to uid 1000")
    refused("server.mail_root", make("open", mode=0o777), "can be written by others")
    refused("server.mail_root", make("sticky", mode=0o1777), "can be written by others")
    file = os.path.join(work, "file")
    with open(file, "w") as f:
        f.write("x\n")
    for path in (file, os.path.join(work, "nowhere")):
        if path != file:
            os.symlink(os.path.join(work, "gone"), path)
        before = os.lstat(path)
        for status, text in (satchel(f'server.mail_root="{path}"'), started(f'server.mail_root="{path}"')):
            equal(status != 0 and path in text, True, text)
        after = os.lstat(path)
        equal((after.st_uid, after.st_mode), (before.st_uid, before.st_mode), path)
    equal(os.path.exists(os.path.join(work, "gone")), False, "what the link names is not made")


@case
def passwords():
    """the same for STATE_DIR/auth; one of the auth user that others may write is refused, one that they may read is told and kept"""
    need_root()
    state = make("state")
    os.mkdir(state + "/auth")
    with open(state + "/auth/shadow", "w") as f:
        f.write("x\n")
    before = facts(state)
    for status, text in (satchel(f'server.state_dir="{state}"'), started(f'server.state_dir="{state}"')):
        equal(status != 0 and "is not empty" in text and f'state_dir = "{state}/satchel"' in text, True, text)
        equal(facts(state), before, "owners and rights")
    os.chown(state + "/auth", uids["auth"], uids["auth"])
    os.chmod(state + "/auth", 0o770)
    status, text = satchel(f'server.state_dir="{state}"')
    equal(status == 78 and f"chmod go-w {state}/auth" in text, True, text)
    os.chmod(state + "/auth", 0o755)
    status, text = satchel(f'server.state_dir="{state}"')
    equal(status == 0 and "others can look into" in text, True, text)
    equal(started(f'server.state_dir="{state}"')[0], 0, "start")
    equal(os.stat(state + "/auth").st_mode & 0o7777, 0o755, "the admin's rights stay")


@case
def own_things():
    """new, empty, and its own directories work, also below missing ones, through a link, and as a file system of its own; rights of an own one stay"""
    need_root()
    link = os.path.join(work, "mail-link")
    os.symlink(make("target"), link)
    mount = make("mount")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=755", "tmpfs", mount], capture_output=True).returncode == 0:
        at_end(lambda: subprocess.run(["umount", "-l", mount], capture_output=True))
        os.mkdir(mount + "/lost+found", 0o700)
    own = make("own", mode=0o750, owner=(uids["mail"], uids["mail"]))
    for path in (os.path.join(work, "new/deep/mail"), make("empty"), link, mount, own):
        equal(satchel(f'server.mail_root="{path}"')[0], 0, f"check of {path}")
        for n in range(2):
            status, text = started(f'server.mail_root="{path}"')
            equal(status, 0, f"start with {path}, {n}: {text}")
            st = os.stat(path)
            equal((st.st_uid, st.st_mode & 0o777), (uids["mail"], 0o750 if path == own else 0o700), path)
    if os.path.ismount(mount):
        equal(os.stat(mount + "/lost+found").st_uid, 0, "lost+found")


@case
def above():
    """who may put another directory in our place is told: a group, everybody, another owner of a directory above"""
    need_root()
    for name, mode, owner, word in (("group", 0o775, (0, 1000), "its group"), ("all", 0o777, (0, 0), "everyone"), ("his", 0o755, (1000, 1000), "belongs to uid 1000")):
        path = make("above-" + name, mode=mode, owner=owner)
        status, text = satchel(f'server.mail_root="{path}/mail"')
        equal(status == 0 and word in text and path in text, True, f"{name}: {text}")
        equal(os.path.exists(path + "/mail"), False, "a check makes nothing")


@case
def cannot_be_made():
    """what cannot be made or written is told by the check too: below a file, a log in no directory, a socket in none"""
    file = os.path.join(work, "plain")
    with open(file, "w") as f:
        f.write("x\n")
    missing = os.path.join(work, "missing")
    for setting in (f'server.mail_root="{file}/mail"', f'server.run_dir="{file}/run"', f'log.file="{missing}/log"',
                    f'listen.listeners=( {{ name = "x"; protocol = "lmtp"; path = "{missing}/lmtp"; }} )'):
        status, text = satchel(setting)
        equal(status, 78, f"{setting}: {text}")
        equal(re.search(r"make (it|its directory|that directory)|correct it", text) is not None, True, text)


@case
def socket_and_link():
    """a socket's rights never go through a link: the path of a listener that is a link is refused, and what it names stays"""
    target = os.path.join(work, "secret")
    with open(target, "w") as f:
        f.write("x\n")
    os.chmod(target, 0o600)
    link = os.path.join(work, "socket")
    os.symlink(target, link)
    listener = f'listen.listeners=( {{ name = "x"; protocol = "lmtp"; path = "{link}"; }} )'
    for status, text in (satchel(listener), started(listener)):
        equal(status != 0 and "is not a socket" in text, True, text)
    equal(os.stat(target).st_mode & 0o777, 0o600, "rights of what the link names")


main()
