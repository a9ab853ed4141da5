#!/usr/bin/env python3
"""The manual pages: clean mdoc, and every option, command and key is described."""

import glob
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import tap

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGES = sorted(glob.glob(f"{ROOT}/man/*.[1-9]"))
WANTED = ("loginbell.8", "loginbell.conf.5", "loginbell-whitelist.5")
PROGRAMS = {"loginbell.8": os.environ["LOGINBELL"],
            "loginbell-deliver.8": os.environ["LOGINBELL_DELIVER"]}
NAMES = os.environ["LOGINBELL_NAMES"]
WHITELIST_FIELDS = ("user", "from", "method", "key", "ca", "cert-id", "host", "until")


def output(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def text(page):
    """The page as it reads, on one line."""
    plain = re.sub(".\b", "", output("mandoc", "-T", "utf8", "-O", "width=1000",
                                     f"{ROOT}/man/{page}"))
    return " ".join(re.sub(r"-\n\s*", "-", plain).split())


def help_of(page):
    return output(PROGRAMS[page], "--help")


def page_of(program):
    """The page that describes a program; the sender needs none of its own."""
    return program if os.path.exists(f"{ROOT}/man/{program}") else "loginbell.8"


def long_options(what):
    return set(re.findall(r"(?<![\w-])--([a-z][a-z-]*[a-z])", what))


def short_options(what):
    return set(re.findall(r"(?<![\w-])-([A-Za-z])(?![\w-])", what))


def names(kind):
    lines = output(NAMES).splitlines()
    found = [line.split(" ", 1)[1] for line in lines if line.startswith(kind + " ")]
    tap.expect(found, f"no names of kind {kind}")
    return found


@tap.case
def the_three_pages_exist():
    tap.expect_equal([p for p in WANTED if not os.path.exists(f"{ROOT}/man/{p}")], [])


@tap.case
def mandoc_finds_no_fault():
    tap.expect(PAGES, "no pages")
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "style", *PAGES], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    # The pages refer to one another and to pages of packages that need not be installed here.
    faults = [line for line in done.stdout.splitlines()
              if not re.search("referenced manual not found|mandoc.db", line)]
    tap.expect_equal(faults, [])


@tap.case
def every_option_in_the_help_is_described():
    for program in PROGRAMS:
        page, told = text(page_of(program)), help_of(program)
        tap.expect("help" in long_options(told), f"{program}: --help does not name itself")
        tap.expect_equal(sorted(long_options(told) - long_options(page)), [], program)
        tap.expect_equal(sorted(short_options(told) - short_options(page)), [], program)


@tap.case
def every_option_that_is_read_is_in_the_help():
    told = set().union(*(long_options(help_of(program)) for program in PROGRAMS))
    read = set()
    for path in glob.glob(f"{ROOT}/src/command/*.c") + glob.glob(f"{ROOT}/src/deliver/*.c"):
        with open(path, encoding="utf-8") as file:
            read |= set(re.findall(r'\{\s*"([a-z-]+)",\s*(?:no|required|optional)_argument',
                                   file.read()))
    tap.expect(read, "no option is read")
    tap.expect_equal(sorted(read - told), [])


@tap.case
def no_option_is_described_that_does_not_exist():
    told = set().union(*(long_options(help_of(program)) for program in PROGRAMS))
    page = output("mandoc", "-T", "tree", f"{ROOT}/man/loginbell.8")
    described = set(re.findall(r"^\s*-([a-z][a-z-]+[a-z]) \(text\)", page, re.M))
    tap.expect_equal(sorted(described - told - {"reuid"}), [])


@tap.case
def every_command_in_the_help_is_described():
    commands = re.findall(r"^  ([a-z-]+)(?: \S+)?  +\S", help_of("loginbell.8"), re.M)
    tap.expect("watch" in commands and "scan" in commands, f"commands in the help: {commands}")
    page = text("loginbell.8")
    tap.expect_equal([c for c in commands if not re.search(rf"\b{c}\b", page)], [])


@tap.case
def every_exit_status_is_described():
    page = text("loginbell.8")
    section = page[page.index("EXIT STATUS"):]
    tap.expect_equal([n for n in ("0", "1", "2", "75") if not re.search(rf"\b{n}\b", section)], [])


@tap.case
def every_key_of_the_configuration_is_described():
    page = text("loginbell.conf.5")
    missing = []
    for name in names("key"):
        section, key = name.split(".")
        if f"{key}=" not in page or section not in page:
            missing.append(name)
    tap.expect_equal(missing, [])


@tap.case
def no_key_is_described_that_does_not_exist():
    known = {name.split(".")[1] for name in names("key")}
    with open(f"{ROOT}/man/loginbell.conf.5", encoding="utf-8") as file:
        described = set(re.findall(r"^\.It Cm (\w+)=", file.read(), re.M))
    tap.expect(described, "no key is described")
    tap.expect_equal(sorted(described - known), [])


@tap.case
def every_method_is_described():
    page = text("loginbell.conf.5")
    tap.expect_equal([m for m in names("method") if m not in page], [])


@tap.case
def every_field_of_an_allow_rule_is_described():
    page = text("loginbell-whitelist.5")
    tap.expect_equal([f for f in WHITELIST_FIELDS if f"{f}=" not in page], [])


tap.main()
