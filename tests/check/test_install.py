#!/usr/bin/env python3
"""
Where `meson install` puts what; and that the same sources, alone, give the same bytes in whatever
folder they are built.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from tap import case, expect, expect_equal, expect_in, main

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
JOURNAL = "enabled" if os.environ.get("LOGINBELL_JOURNAL", "1") == "1" else "disabled"
LAYOUT = """
    bin/loginbell
    lib/systemd/system/loginbell-deliver-once.service
    lib/systemd/system/loginbell-deliver.service
    lib/systemd/system/loginbell-scan.service
    lib/systemd/system/loginbell-scan.timer
    lib/systemd/system/loginbell.service
    lib/sysusers.d/loginbell.conf
    lib/tmpfiles.d/loginbell.conf
    libexec/loginbell-deliver
    share/doc/loginbell/examples/loginbell.conf
    share/doc/loginbell/examples/loginbell.init
    share/doc/loginbell/examples/loginbell.openrc
    share/doc/loginbell/examples/whitelist
    share/man/man5/loginbell-whitelist.5
    share/man/man5/loginbell.conf.5
    share/man/man8/loginbell-deliver.8
    share/man/man8/loginbell.8
""".split()


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          stdin=subprocess.DEVNULL)
    expect_equal(done.returncode, 0, f"{' '.join(command)}\n{done.stdout}")
    return done.stdout


def setup(build, source, *more):
    run("meson", "setup", *more, f"-Djournal={JOURNAL}", "-Dtests=disabled", "-Dman=enabled", build,
        source)


def build(tree):
    """A copy of the sources, built with debugging information: it names files and folders."""
    os.makedirs(tree)
    for name in ("src", "units", "man", "tests"):
        shutil.copytree(f"{SOURCE}/{name}", f"{tree}/{name}")
    for name in ("meson.build", "meson_options.txt"):
        shutil.copy(f"{SOURCE}/{name}", tree)
    setup(f"{tree}/build", tree, "--buildtype=debug")
    run("ninja", "-C", f"{tree}/build")
    return f"{tree}/build"


@case
def two_builds_in_different_folders_are_the_same_bytes():
    with tempfile.TemporaryDirectory() as work:
        one, other = build(f"{work}/one"), build(f"{work}/a/folder/further down")
        for name in ("loginbell", "loginbell-deliver"):
            with open(f"{one}/{name}", "rb") as a, open(f"{other}/{name}", "rb") as b:
                expect(a.read() == b.read(), f"{name} is not the same")


def check_layout(prefix):
    with tempfile.TemporaryDirectory() as work:
        setup(work, SOURCE, f"--prefix={prefix}")
        paths = json.loads(run("meson", "introspect", "--installed", work)).values()
        expect_equal(sorted(paths), [f"{prefix}/{name}" for name in LAYOUT])
        for unit, program in (("loginbell", "bin/loginbell"),
                              ("loginbell-deliver", "libexec/loginbell-deliver"),
                              ("loginbell-deliver-once", "libexec/loginbell-deliver"),
                              ("loginbell-scan", "bin/loginbell")):
            with open(f"{work}/units/{unit}.service", encoding="utf-8") as file:
                expect_in(f"\nExecStart={prefix}/{program} ", file.read())


@case
def everything_goes_where_file_hierarchy_7_has_it():
    check_layout("/usr")


@case
def below_usr_local_too_where_systemd_looks_as_well():
    check_layout("/usr/local")


main()
