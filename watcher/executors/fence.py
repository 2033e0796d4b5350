"""What a worker gives up before it touches somebody's file: rights it has no use for, and all files but some.

A picture comes from anywhere, and decoders are large. What an exploit in one of them would want is out of its reach:
Landlock (landlock(7), from version 2 of its interface) leaves this process and its children the program's own files
to read, and the given folders to work in; no TCP, no signals to others. Where the kernel has no Landlock the rest
still holds. For this thread and those that it starts later: to be called before any other thread is started.
"""

from __future__ import annotations

import ctypes
import os
import resource
import struct
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from contextlib import suppress

_libc = ctypes.CDLL(None, use_errno=True)

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # system calls; the same numbers on all machines
_VERSION = 1  # of landlock_create_ruleset: answers with the version of the interface
_PATH_BENEATH = 1
_LEAST = 2  # version 1 forbids every link and rename from one folder to another, and so all that we do

# LANDLOCK_ACCESS_FS_*, and the version that each came with
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_REG, _REFER, _TRUNCATE = 1 << 4, 1 << 5, 1 << 7, 1 << 8, 1 << 13, 1 << 14
_ALL = {1: (1 << 13) - 1, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
_ALL_NET = {4: 0b11}  # bind and connect TCP
_ALL_SCOPES = {6: 0b11}  # abstract UNIX sockets, signals
_READING = _EXECUTE | _READ_FILE | _READ_DIR
_WORKING = (
    _READ_FILE | _READ_DIR | _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _REFER | _TRUNCATE
)
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE  # what a rule about a file may say

_SYSTEM = (
    "/usr",
    "/lib",
    "/lib64",
    "/bin",
    "/etc",
    "/opt",
    "/proc",
    "/sys/devices/system",
    "/dev/urandom",
    "/nix/store",
)
_DEVICES = ("/dev/null", "/dev/zero")
_MOST_FILES = 1024

_SET_NO_NEW_PRIVS, _CAP_AMBIENT, _CAP_AMBIENT_CLEAR_ALL = 38, 47, 4  # prctl(2)
_CAPABILITY_VERSION = 0x20080522  # capset(2), _LINUX_CAPABILITY_VERSION_3


def version() -> int:
    """Of the kernel's Landlock; 0 where there is none, or none that would do."""
    found: int = _libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION))
    return found if found >= _LEAST else 0


def step_behind(writable: Sequence[str]) -> bool:
    """Give up what a worker does not need, for good. Whether files are fenced off too: all but `writable` folders.

    Of `writable` those count that are there now: what is mounted there later is out of reach.
    """
    _give_up_privileges()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    bound = _MOST_FILES if most == resource.RLIM_INFINITY else min(most, _MOST_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (bound, bound))
    return bool(version()) and _fence(writable)


def _give_up_privileges() -> None:
    _libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0)  # no program that is started has more rights than we have
    if os.geteuid() == 0:  # in a container of one user: without its rights root could not read what others dropped
        return
    _libc.prctl(_CAP_AMBIENT, _CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    _libc.capset(struct.pack("=Ii", _CAPABILITY_VERSION, 0), bytes(24))  # the right to ask for leases was the daemon's


def _fence(writable: Sequence[str]) -> bool:
    handled = [_up_to(version(), rights) for rights in (_ALL, _ALL_NET, _ALL_SCOPES)]
    attributes = struct.pack("=QQQ", *handled)[: 8 * (1 if version() < 4 else 2 if version() < 6 else 3)]
    rules: int = _libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    if rules < 0:
        return False
    try:
        _allow(rules, _own_files(), _READING & handled[0])
        _allow(rules, _DEVICES, (_READ_FILE | _WRITE_FILE) & handled[0])
        _allow(rules, writable, _WORKING & handled[0])
        return bool(_libc.syscall(_RESTRICT_SELF, ctypes.c_int(rules), ctypes.c_uint32(0)) == 0)
    finally:
        os.close(rules)


def _up_to(most: int, rights: dict[int, int]) -> int:
    return sum(bits for since, bits in rights.items() if since <= most)


def _own_files() -> set[str]:
    """What this program may still have to read: itself, its libraries, the system's tables of time zones."""
    here = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    packages = (sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    found = {*_SYSTEM, here, sys.prefix, sys.base_prefix, sys.exec_prefix, *packages, *sys.path, *os.get_exec_path()}
    return {path for path in found if path and path != "/"}


def _allow(rules: int, paths: Iterable[str], rights: int) -> None:
    for path in paths:
        with suppress(OSError):
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
            try:
                _allow_below(rules, descriptor, rights if os.path.isdir(path) else rights & _OF_FILES)
            finally:
                os.close(descriptor)


def _allow_below(rules: int, descriptor: int, rights: int) -> None:
    rule = struct.pack("=Qi", rights, descriptor)
    if _libc.syscall(_ADD_RULE, ctypes.c_int(rules), ctypes.c_int(_PATH_BENEATH), rule, ctypes.c_uint32(0)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
