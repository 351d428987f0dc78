#!/usr/bin/python3
"""A Rust program: its own functions by name, in both manglings, to the byte."""
import shutil
import subprocess
import sys

from drive import ALL, Program, Tap, describe, report, segments, wait_for, \
    workplace

PROGRAM = r"""
use std::io::Read;

mod store {
    pub struct Store { pub items: Vec<Box<[u8; 1000]>> }
    impl Store {
        #[inline(never)]
        pub fn add(&mut self, byte: u8) {
            self.items.push(Box::new([byte; 1000]));
        }
    }
    pub trait Grow { fn grow(&self) -> Vec<u8>; }
    impl Grow for u32 {
        #[inline(never)]
        fn grow(&self) -> Vec<u8> {
            let made = Vec::with_capacity(*self as usize);
            std::hint::black_box(made)
        }
    }
}
use store::Grow;

fn main() {
    let mut store = store::Store { items: Vec::with_capacity(100) };
    for byte in 0..100 {
        store.add(byte);
    }
    let grown: Vec<Vec<u8>> = (0..10).map(|_| 5000u32.grow()).collect();
    let caught = std::panic::catch_unwind(|| {
        let held = vec![1u8; 100];
        if std::hint::black_box(held.len()) == 100 { panic!("on purpose"); }
    });
    println!("pid {} {} {} {}", std::process::id(), store.items.len(),
             grown.len(), caught.is_err());
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).unwrap();
}
"""


def check(tap, scratch, name, options):
    source = scratch / "story.rs"
    source.write_text(PROGRAM)
    path = scratch / "story"
    built = subprocess.run(["rustc", "-O", "-g", *options, "-o", path, source],
                           text=True, capture_output=True, timeout=120)
    if built.returncode != 0:
        tap.skip(name, "this rustc cannot: " +
                 built.stderr.strip().splitlines()[0])
        return
    with Program(path) as program:
        match = program.line(r"^pid (\d+) 100 10 true$")
        tap.ok(True, f"{name}: a panic is caught as without heaptop")
        pid = int(match.group(1))
        wait_for("a segment", lambda: pid in segments())
        entries = report(pid, "--group-by", "function", "--inclusive",
                         "--top", ALL)["entries"]
        for function, size, count in (("Store>::add", 100000, 100),
                                      ("Grow>::grow", 50000, 10)):
            loose = function.replace(">", "")
            said = [(entry["size"], entry["count"]) for entry in entries
                    if function in (entry["function"] or "") or
                    (entry["function"] or "").endswith(loose)]
            tap.equal(said, [(size, count)], f"{name}: {function}")
        names = [entry["function"] or "" for entry in entries]
        mangled = [text for text in names if text.startswith(("_R", "_ZN"))
                   or "17h" in text]
        tap.ok(not mangled, f"{name}: every name is readable", mangled)
        main_entry = [entry for entry in entries
                      if (entry["file"] or "").endswith("/story.rs")
                      and (entry["function"] or "").endswith("main")]
        tap.ok(main_entry and main_entry[0]["size"] >= 150000,
               f"{name}: main holds it all", describe(entries))
        program.end()


def main():
    tap = Tap()
    if not shutil.which("rustc"):
        print("1..0 # SKIP no rustc here")
        return 0
    for name, options in (("legacy names", []),
                          ("v0 names", ["-C", "symbol-mangling-version=v0"])):
        with workplace() as scratch:
            tap.part(name, check, tap, scratch, name, options)
    tap.done()
    return 0


if __name__ == "__main__":
    sys.exit(main())
