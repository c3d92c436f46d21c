"""Runs a program under the restrictions of a systemd unit, as far as that goes without systemd as the
first process: sandbox.py UNIT STATE_DIRECTORY TOLERATED COMMAND...

The system call filter is the one that systemd would load, with one difference: a call that is not
allowed kills the program, unless it is one of TOLERATED (names with commas), which fails as it would
under the unit. So a program that lives needs nothing but these. File system, user and capabilities are
set up as root only."""

import ctypes
import errno
import os
import pathlib
import re
import struct
import subprocess
import sys

NOBODY = 65534
CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
NAMESPACES = 0x7E020080  # every CLONE_NEW flag
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
SYS_MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = 442, -100, 0x8000, 1
PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 22, 24, 38
PROT_WRITE, PROT_EXEC = 2, 4
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16}
ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
LOAD, EQUAL, AT_LEAST, BITS, AND, RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06

_libc = ctypes.CDLL(None, use_errno=True)


def _call(name, *arguments):
    words = [a.encode() if isinstance(a, str) else a for a in arguments]
    if getattr(_libc, name)(*words) != 0:
        raise OSError(ctypes.get_errno(), f"{name} {arguments}")


def read_unit(path):
    """The settings of its [Service], each a list of the values that were given."""
    found = {}
    for line in pathlib.Path(path).read_text().splitlines():
        if match := re.match(r"(\w+)=(.*)", line):
            found.setdefault(match.group(1), []).append(match.group(2))
    return found


def _groups():
    """systemd's names for sets of system calls."""
    told = subprocess.run(["systemd-analyze", "syscall-filter"], check=True, capture_output=True, text=True)
    found, name = {}, None
    for line in told.stdout.splitlines():
        if line.startswith("@"):
            name = line.strip()
            found[name] = set()
        elif name and re.match(r"\s+[@\w]", line):
            found[name].add(line.strip())
    return found


def allowed_calls(unit):
    """The names that SystemCallFilter= leaves."""
    groups, allowed = _groups(), set()

    def names(word):
        return set().union(*map(names, groups[word])) if word.startswith("@") else {word}

    for line in unit["SystemCallFilter"]:
        chosen = set().union(*map(names, line.lstrip("~").split()))
        allowed = allowed - chosen if line.startswith("~") else allowed | chosen
    # systemd keeps what a program needs to begin and to end, whatever is taken away.
    return allowed | names("@default") | {"execve", "exit", "exit_group", "rt_sigreturn"}


def _numbers():
    """The kernel's number of each call, from its headers, for this machine."""
    machine = os.uname().machine
    text = subprocess.run(
        ["gcc", "-E", "-dM", "-include", "asm/unistd.h", "-x", "c", "/dev/null"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    found = dict(re.findall(r"#define __NR_(\w+) (\d+)", text))
    return ARCHITECTURE[machine], {name: int(number) for name, number in found.items()}


def _statement(code, k, true=0, false=0):
    return struct.pack("HBBI", code, true, false, k)


def _argument(index):
    return _statement(LOAD, 16 + 8 * index)  # the low half; struct seccomp_data


def _rule(number, *checks):
    """For one call: `checks` end in a return each, or fall through to the end, which allows it."""
    body = b"".join(checks) + _statement(RETURN, ALLOW)
    return _statement(EQUAL, number, 0, len(body) // 8) + body


def _filter(unit, tolerated):
    architecture, numbers = _numbers()
    refuse = lambda code: _statement(RETURN, ERRNO | code)  # noqa: E731
    code = _statement(LOAD, 4) + _statement(EQUAL, architecture, 1, 0) + _statement(RETURN, KILL)
    code += _statement(LOAD, 0) + _statement(AT_LEAST, 0x40000000, 0, 1) + _statement(RETURN, KILL)
    families = [FAMILIES[name] for line in unit["RestrictAddressFamilies"] for name in line.split()]
    is_one = [_statement(EQUAL, family, len(families) - i, 0) for i, family in enumerate(families)]
    code += _rule(numbers["socket"], _argument(0), *is_one, refuse(errno.EAFNOSUPPORT))
    if unit["MemoryDenyWriteExecute"] == ["yes"]:
        both = PROT_WRITE | PROT_EXEC
        code += _rule(numbers["mmap"], _argument(2), _statement(AND, both), _statement(EQUAL, both, 0, 1),
                      refuse(errno.EPERM))  # fmt: skip
        for name in ("mprotect", "pkey_mprotect"):
            code += _rule(numbers[name], _argument(2), _statement(BITS, PROT_EXEC, 0, 1), refuse(errno.EPERM))
    if unit["RestrictNamespaces"] == ["yes"]:
        code += _rule(numbers["clone"], _argument(0), _statement(BITS, NAMESPACES, 0, 1), refuse(errno.EPERM))
        code += _statement(EQUAL, numbers["clone3"], 0, 1) + refuse(errno.ENOSYS)
        for name in ("unshare", "setns"):
            code += _statement(EQUAL, numbers[name], 0, 1) + refuse(errno.EPERM)
    for name in sorted(allowed_calls(unit) & set(numbers)):
        code += _statement(EQUAL, numbers[name], 0, 1) + _statement(RETURN, ALLOW)
    for name in tolerated:
        code += _statement(EQUAL, numbers[name], 0, 1) + refuse(errno.EPERM)
    return code + _statement(RETURN, KILL)


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_char_p)]


def _enter_filter(code):
    program = _Program(len(code) // 8, code)
    _call("prctl", PR_SET_SECCOMP, 2, ctypes.byref(program), 0, 0)


def _set_read_only(path, wanted):
    attributes = struct.pack("QQQQ", MOUNT_ATTR_RDONLY * wanted, MOUNT_ATTR_RDONLY * (not wanted), 0, 0)
    _call("syscall", SYS_MOUNT_SETATTR, AT_FDCWD, path, AT_RECURSIVE, attributes, len(attributes))


def _enter_files(state):
    """ProtectSystem=strict, StateDirectory=, ProtectHome=, PrivateTmp=, PrivateDevices=."""
    _call("unshare", CLONE_NEWNS)
    _call("mount", "none", "/", None, MS_REC | MS_PRIVATE, None)
    devices = [f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom")]
    kept = {path: os.open(path, os.O_PATH) for path in [state, *devices]}
    for path in ("/tmp", "/var/tmp", "/dev"):
        _call("mount", "tmpfs", path, "tmpfs", MS_NOSUID, "mode=1777")
    for path in ("/home", "/root"):
        if os.path.isdir(path):
            _call("mount", "tmpfs", path, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV, "mode=000")
    _set_read_only("/", True)
    _set_read_only("/proc", False)
    for path, descriptor in kept.items():
        if path in devices:
            _call("mount", "none", "/dev", None, MS_REMOUNT | MS_BIND, None)
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
        _call("mount", f"/proc/self/fd/{descriptor}", path, None, MS_BIND, None)
    _call("mount", "none", "/dev", None, MS_REMOUNT | MS_BIND | MS_RDONLY, None)
    _call("mount", "none", state, None, MS_REMOUNT | MS_BIND, None)


def _drop_capabilities():
    for capability in range(64):
        _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


def _enter_user():
    """User= and CapabilityBoundingSet=."""
    _drop_capabilities()
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    _call("prctl", 4, 1, 0, 0, 0)  # PR_SET_DUMPABLE, so that /proc/self is ours again


def _enter_private_users():
    _call("unshare", CLONE_NEWUSER)
    same = f"{NOBODY} {NOBODY} 1"
    for name, text in (("setgroups", "deny"), ("gid_map", same), ("uid_map", same)):
        pathlib.Path(f"/proc/self/{name}").write_text(text)
    _drop_capabilities()  # a new user namespace begins with all of them


def _try(enter, *arguments):
    """A container may not let us."""
    try:
        enter(*arguments)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOSPC, errno.ENOSYS):
            raise
        print(f"sandbox: without {enter.__name__[7:]}: {error}", file=sys.stderr)


def main(unit_path, state, tolerated, *command):
    unit = read_unit(unit_path)
    assert unit["ProtectSystem"] == ["strict"] and unit["CapabilityBoundingSet"] == [""], unit
    code = _filter(unit, [name for name in tolerated.split(",") if name])
    if os.getuid() == 0:
        _try(_enter_files, state)
        _enter_user()
        _try(_enter_private_users)
    os.umask(int(unit["UMask"][0], 8))
    _call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _enter_filter(code)
    os.execv(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
