#!/usr/bin/env python3
"""
Neither executable links what is the other's: the reader never talks to the network, the sender
never reads a log. `ldd` also lists what the libraries pull in themselves, so the direct ones are
read from the ELF header.
"""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import tap

PROGRAM = os.environ["LOGINBELL"]
DELIVER = os.environ["LOGINBELL_DELIVER"]
JOURNAL = os.environ.get("LOGINBELL_JOURNAL", "1") == "1"


def output(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def names(program):
    """The libraries that a program names itself, without their versions."""
    text = output("readelf", "-d", program)
    return {n.split(".so")[0] for n in re.findall(r"\(NEEDED\).*\[(.*)\]", text)}


def loads(program):
    """All that the dynamic linker loads for it."""
    return {n.split(".so")[0] for n in re.findall(r"^\s*(\S+\.so\S*)", output("ldd", program), re.M)}


@tap.case
def loginbell_names_pcre2_and_libsystemd():
    tap.expect_in("libpcre2-8", names(PROGRAM))
    tap.expect_equal("libsystemd" in names(PROGRAM), JOURNAL, "libsystemd")


@tap.case
def loginbell_loads_libsystemd_only_where_it_reads_journals():
    tap.expect_equal("libsystemd" in loads(PROGRAM), JOURNAL, loads(PROGRAM))


@tap.case
def loginbell_loads_no_libcurl():
    tap.expect(not any(n.startswith("libcurl") for n in loads(PROGRAM)), loads(PROGRAM))


@tap.case
def loginbell_deliver_names_libcurl():
    tap.expect(any(n.startswith("libcurl") for n in names(DELIVER)), names(DELIVER))


@tap.case
def loginbell_deliver_names_neither_libsystemd_nor_pcre2():
    tap.expect_equal(names(DELIVER) & {"libsystemd", "libpcre2-8"}, set())


@tap.case
def loginbell_deliver_loads_no_libsystemd():
    tap.expect("libsystemd" not in loads(DELIVER), loads(DELIVER))


tap.main()
