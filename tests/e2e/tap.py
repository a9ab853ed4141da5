"""Test cases that report in the Test Anything Protocol, which meson reads."""

import os
import sys
import time
import traceback
import unittest


class Skip(Exception):
    """The case cannot run here; the text says why."""


_cases = []


def case(function):
    """Marks a test case: its name is the function's, its description the docstring's first line."""
    _cases.append(function)
    return function


def skip_all(reason):
    print(f"1..0 # SKIP {reason}", flush=True)
    sys.exit(0)


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def expect_equal(actual, expected, what=""):
    if actual != expected:
        raise AssertionError(f"{what}\n  expected: {expected!r}\n  actual:   {actual!r}")


def expect_in(part, whole, what=""):
    if part not in whole:
        raise AssertionError(f"{what}\n  expected: {part!r}\n  in:       {whole!r}")


class _Unittest(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.number = 0

    def _say(self, outcome, test, more="", details=""):
        self.number += 1
        print(f"{outcome} {self.number} - {test.id().split('.')[-1]}{more}", flush=True)
        print("".join(f"# {line}\n" for line in details.splitlines()), end="", flush=True)

    def stopTest(self, test):
        super().stopTest(test)
        bad = [text for case, text in self.failures + self.errors
               if case is test or getattr(case, "test_case", None) is test]
        reason = [text for case, text in self.skipped if case is test]
        if bad:
            self._say("not ok", test, details="\n".join(bad))
        else:
            self._say("ok", test, f" # SKIP {reason[0]}" if reason else "")


def main_unittest():
    """Runs the program's unittest cases in this protocol."""
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    print(f"1..{suite.countTestCases()}", flush=True)
    result = _Unittest()
    suite.run(result)
    sys.exit(0 if result.wasSuccessful() else 1)


def _tell(error):
    """What went wrong, and the lines of the calls that led there."""
    calls = [f"{os.path.basename(f.filename)}:{f.lineno}: {f.line}"
             for f in traceback.extract_tb(error.__traceback__)[1:]]
    return "\n".join([f"{type(error).__name__}: {error}", *reversed(calls)]) + "\n"


def main(*arguments, after_failure=None):
    """Runs the cases in the order of their definition; names on the command line choose some."""
    chosen = [c for c in _cases if len(sys.argv) < 2 or c.__name__ in sys.argv[1:]]
    failed = 0
    print(f"1..{len(chosen)}", flush=True)
    for number, function in enumerate(chosen, 1):
        name = function.__name__
        begin = time.monotonic()
        try:
            function(*arguments)
        except Skip as reason:
            print(f"ok {number} - {name} # SKIP {reason}", flush=True)
        except Exception as error:  # a case that fails in any way must not hide the others
            failed += 1
            print(f"not ok {number} - {name}")
            text = _tell(error) + (after_failure() if after_failure else "")
            print("".join(f"# {line}\n" for line in text.splitlines()), flush=True)
        else:
            print(f"ok {number} - {name}\n# {time.monotonic() - begin:.2f} s", flush=True)
    sys.stdout.flush()
    os._exit(1 if failed else 0)  # no thread of a server may keep us
