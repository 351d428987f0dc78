"""Asserts each row of the table of layouts against that version's own headers,
where an interpreter of the machine has them."""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__))))
import pythons  # noqa: E402

ABSENT = -1
PROGRAM = """
#define Py_BUILD_CORE 1
#include <Python.h>
#include <frameobject.h>
#if PY_VERSION_HEX >= 0x03090000
#include "internal/pycore_gc.h"
#endif
#if PY_VERSION_HEX >= 0x030b0000
#include "internal/pycore_code.h"
#include "internal/pycore_frame.h"
#endif
#if PY_VERSION_HEX >= 0x030e0000
#include "internal/pycore_interpframe_structs.h"
#endif
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static int differ;

static void
check(const char *what, long long ours, long long theirs)
{
	if (ours == theirs)
		return;
	printf("%%s is %%lld, the table says %%lld\\n", what, theirs, ours);
	differ = 1;
}

static unsigned
bits(PyASCIIObject *str)
{
	unsigned value;

	memcpy(&value, &str->state, sizeof(value));
	return value;
}

int
main(void)
{
	PyASCIIObject kind, compact, ascii;

	memset(&kind, 0, sizeof(kind));
	memset(&compact, 0, sizeof(compact));
	memset(&ascii, 0, sizeof(ascii));
	kind.state.kind = 7;
	compact.state.compact = 1;
	ascii.state.ascii = 1;
%s
	return differ;
}
"""


def fields(key, free_threaded):
    """C expressions of the layout's fields in that version."""
    minor = key[1]
    frame = "_PyInterpreterFrame" if minor >= 11 else "PyFrameObject"
    thread = {11: "cframe", 12: "cframe"}.get(
        minor, "frame" if minor < 11 else "current_frame")
    where = {
        "thread_frame": ("PyThreadState", thread),
        "thread_id": ("PyThreadState", "thread_id"),
        "frame_previous": (frame, "previous" if minor >= 11 else "f_back"),
        "frame_code": (frame, "f_executable" if minor >= 13 else "f_code"),
        "frame_instr": (frame, "instr_ptr" if minor >= 13 else
                        "prev_instr" if minor >= 11 else "f_lasti"),
        "code_filename": ("PyCodeObject", "co_filename"),
        "code_name": ("PyCodeObject", "co_name"),
        "code_firstlineno": ("PyCodeObject", "co_firstlineno"),
        "code_lines": ("PyCodeObject", "co_linetable" if minor >= 10
                       else "co_lnotab"),
        "ob_type": ("PyObject", "ob_type"),
        "ob_size": ("PyVarObject", "ob_size"),
        "type_name": ("PyTypeObject", "tp_name"),
        "type_qualname": ("PyHeapTypeObject", "ht_qualname"),
        "bytes_data": ("PyBytesObject", "ob_sval"),
        "str_length": ("PyASCIIObject", "length"),
        "str_state": ("PyASCIIObject", "state"),
        "str_pointer": ("PyUnicodeObject", "data"),
    }
    if minor in (11, 12):
        where["cframe_current"] = ("_PyCFrame", "current_frame")
    if minor == 11:
        where["frame_entry"] = (frame, "is_entry")
    if minor >= 11:
        where["frame_owner"] = (frame, "owner")
        where["code_qualname"] = ("PyCodeObject", "co_qualname")
        where["code_flags"] = ("PyCodeObject", "co_flags")
        where["code_firsttraceable"] = ("PyCodeObject", "_co_firsttraceable")
        where["code_bytecode"] = ("PyCodeObject", "co_code_adaptive")
        where["code_size"] = ("PyCodeObject", "co_code_adaptive")
    if minor >= 14 and free_threaded:
        where["frame_tlbc"] = (frame, "tlbc_index")
        where["code_tlbc"] = ("PyCodeObject", "co_tlbc")
    expressions = {field: "offsetof(%s, %s)" % place
                   for field, place in where.items()}
    if minor <= 10:
        expressions["code_size"] = "sizeof(PyCodeObject)"
        expressions["frame_size"] = "sizeof(PyFrameObject)"
    expressions.update({
        "gc_head": "0" if free_threaded else "sizeof(PyGC_Head)",
        "str_ascii": "sizeof(PyASCIIObject)",
        "str_compact": "sizeof(PyCompactUnicodeObject)",
        "str_kind_mask": "bits(&kind)",
        "str_compact_bit": "bits(&compact)",
        "str_ascii_bit": "bits(&ascii)",
    })
    return expressions


def rows():
    """(minor, free-threaded) -> {field: value}"""
    text = subprocess.run([os.path.join(pythons.BUILD, "layouts")],
                          check=True, stdout=subprocess.PIPE,
                          universal_newlines=True).stdout
    table = {}
    for line in text.splitlines():
        row, field, value = line.split()
        table.setdefault(row, {})[field] = int(value)
    return {(row["minor"], row["free_threaded"]): row
            for row in table.values()}


def differences(python, row):
    free_threaded = bool(row["free_threaded"])
    expressions = fields(python.key, free_threaded)
    checks = ['\tcheck("%s", %d, (long long)(%s));' % (field, row[field], c)
              for field, c in sorted(expressions.items())]
    unnamed = [field for field, value in row.items()
               if value != ABSENT and field not in expressions
               and field not in ("minor", "free_threaded")]
    with tempfile.TemporaryDirectory() as directory:
        source = os.path.join(directory, "check.c")
        binary = os.path.join(directory, "check")
        with open(source, "w") as file:
            file.write(PROGRAM % "\n".join(checks))
        done = subprocess.run(
            [os.environ.get("CC", "cc"), "-w", "-O1"] +
            ["-DPy_GIL_DISABLED=1"] * free_threaded +
            ["-I" + python.include,
             "-I" + python.include + "/internal",
             "-I" + os.path.dirname(python.include),  # Debian's pyconfig.h
             source, "-o", binary],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            universal_newlines=True)
        if done.returncode:
            return done.stdout
        done = subprocess.run([binary], stdout=subprocess.PIPE,
                              universal_newlines=True)
    return done.stdout + "".join("%s is not compared\n" % field
                                 for field in unnamed)


def cases(found, table):
    """(name, interpreter, row): each interpreter with its own row, and rows
    of free-threaded builds that are not here with the headers of the other
    build, which are the same but for a macro. None where there is none."""
    cases = [(python.version, python,
              table.get((python.key[1], python.free_threaded)))
             for python in found]
    here = {(python.key[1], python.free_threaded) for python in found}
    for minor, free_threaded in sorted(set(table) - here):
        same = [python for python in found if python.key[1] == minor]
        name = "3.%d%s" % (minor, "t" if free_threaded else "")
        if same and free_threaded:
            name += " by headers of " + same[-1].version
        cases.append((name, same[-1] if same and free_threaded else None,
                      table[(minor, free_threaded)]))
    return cases


def main():
    found = pythons.found()
    if not found:
        pythons.skip_all("no Python 3.6 or later on this machine")
    every = cases(found, rows())
    tap = pythons.Tap(len(every))
    for name, python, row in every:
        if not python:
            tap.skip(name, "there is no such interpreter here")
        elif not os.path.exists(os.path.join(python.include, "Python.h")):
            tap.skip(name, "its headers are not installed")
        elif not row:
            tap.point(False, name, "no row in the table")
        else:
            text = differences(python, row)
            tap.point(not text, name + " has the offsets of its row", text)
    tap.end()


main()
