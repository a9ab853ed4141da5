#!/usr/bin/env python3
"""
The systemd units as they are installed: systemd-analyze finds no fault in them, and the sandboxes
stay as tight as they are meant to be. tests/e2e/test_host.py looks at them on a running host.
"""

import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import tap

BUILD = os.path.dirname(os.environ["LOGINBELL"])
EXPOSURE = {"loginbell": 0.6, "loginbell-deliver": 1.5, "loginbell-scan": 0.6,
            "loginbell-deliver-once": 1.5}


def run(*command, **environment):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True,
                          env=dict(os.environ, SYSTEMD_COLORS="0", **environment))
    return done.returncode, done.stdout


def need_systemd():
    if not shutil.which("systemd-analyze"):
        raise tap.Skip("no systemd-analyze")


def install(directory):
    code, said = run("meson", "install", "--no-rebuild", "-C", BUILD, DESTDIR=directory)
    tap.expect_equal(code, 0, said)


def units(root):
    """The installed units, with the programs where they were built: verify looks for them."""
    directory = glob.glob(f"{root}/**/systemd/system", recursive=True)[0]
    for name in os.listdir(directory):
        path = f"{directory}/{name}"
        with open(path, encoding="utf-8") as file:
            text = file.read()
        with open(path, "w", encoding="utf-8") as file:
            file.write(re.sub(r"=(-?)/\S*/(loginbell(?:-deliver)?)(?=\s)", rf"=\1{BUILD}/\2", text))
    return directory


@tap.case
def systemd_analyze_finds_nothing_wrong():
    need_systemd()
    with tempfile.TemporaryDirectory() as root:
        install(root)
        directory = units(root)
        names = sorted(os.listdir(directory))
        tap.expect_equal(names, ["loginbell-deliver-once.service", "loginbell-deliver.service",
                                 "loginbell-scan.service", "loginbell-scan.timer",
                                 "loginbell.service"])
        code, said = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no",
                         *(f"{directory}/{n}" for n in names), SYSTEMD_UNIT_PATH=f"{directory}:")
        tap.expect_equal((code, said), (0, ""))


@tap.case
def exposure_is_under_its_limit():
    need_systemd()
    with tempfile.TemporaryDirectory() as root:
        install(root)
        directory = units(root)
        for name, limit in EXPOSURE.items():
            code, said = run("systemd-analyze", "security", "--offline=true", "--no-pager",
                             f"--threshold={int(limit * 10)}", f"{directory}/{name}.service")
            tap.expect_equal(code, 0, said)


@tap.case
def an_installation_leaves_an_administrators_files_alone():
    with tempfile.TemporaryDirectory() as root:
        install(root)
        etc = f"{root}/etc/loginbell"
        tap.expect_equal(sorted(os.listdir(etc)),
                         ["loginbell.conf", "loginbell.conf.d", "whitelist", "whitelist.d"])
        os.unlink(f"{etc}/whitelist")
        os.symlink("/nowhere/whitelist", f"{etc}/whitelist")
        with open(f"{etc}/loginbell.conf", "w", encoding="utf-8") as file:
            file.write("mine\n")
        install(root)
        with open(f"{etc}/loginbell.conf", encoding="utf-8") as file:
            tap.expect_equal(file.read(), "mine\n")
        tap.expect_equal(os.readlink(f"{etc}/whitelist"), "/nowhere/whitelist")


@tap.case
def the_installed_configuration_is_in_order():
    with tempfile.TemporaryDirectory() as root:
        install(root)
        etc = f"{root}/etc/loginbell"
        code, said = run(os.environ["LOGINBELL"], "check", f"--config={etc}/loginbell.conf",
                         f"--whitelist={etc}/whitelist")
        tap.expect_equal(code, 0, said)
        tap.expect_in("0 rules", said)


tap.main()
