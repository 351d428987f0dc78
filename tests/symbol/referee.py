#!/usr/bin/python3
"""Compares every address of programs made here with `addr2line -a -i -f`.

binutils before 2.41 takes the wrong file of DWARF 5 line tables, so paths are
compared in DWARF 4, and functions and line numbers in both.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

DUMP = os.path.join(os.environ.get('top_builddir', '.'),
                    'tests/symbol/symbol_dump')

HEADER = r'''
#include <stdlib.h>
static inline int innermost(int x)
{
	int *p = (int *)malloc((size_t)x + sizeof(int));
	int r;

	p[0] = x;
	r = p[0] + 1;
	free(p);
	return r;
}
static inline int middle(int x)
{
	return innermost(x) +
	       innermost(x * 3);
}
'''

C = r'''
#include <stdio.h>
#include <string.h>
#include "inner/inner.h"
struct node { struct node *next; char text[40]; };
static struct node *list_add(struct node *head, const char *text)
{
	struct node *node = calloc(1, sizeof(*node));
	strncpy(node->text, text, sizeof(node->text) - 1);
	node->next = head;
	return node;
}
__attribute__((noinline)) static int outer(int x)
{
	int sum = 0;
	for (int i = 0; i < x; i++) {
		if (i % 3 == 0)
			sum += middle(i);
		else
			sum -= innermost(i);
	}
	return sum;
}
int main(int argc, char **argv)
{
	struct node *head = NULL;
	for (int i = 0; i < argc; i++)
		head = list_add(head, argv[i]);
	printf("%d %s\n", outer(argc), head->text);
	return 0;
}
'''

CXX = r'''
#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <vector>
#include "inner/inner.h"
namespace {
struct Local { int v; int twice() const { return v * 2; } };
int hidden(int x) {
	std::vector<int> q(x, Local{x}.twice());
	return (int)q.size() + middle(x);
}
}
namespace outer {
template <class T> struct Box {
	std::vector<T> items;
	void put(T t) { items.push_back(std::move(t)); }
};
}
int main(int argc, char **) {
	outer::Box<std::string> box;
	std::map<std::string, int> m;
	for (int i = 0; i < argc * 10; i++) {
		box.put(std::to_string(i));
		m[box.items.back()] = i;
	}
	auto f = [&](int k) { box.put(std::string(k, 'x')); return k; };
	std::vector<int> s{3, 1, 2};
	std::sort(s.begin(), s.end(), [](int a, int b) { return a < b; });
	std::printf("%d %d %zu\n", hidden(f(argc)), s[0], m.size());
	return 0;
}
'''

# name, compiler, options, source, whether paths are compared
CASES = [
    ('C at -O2', 'gcc', ['-O2', '-gdwarf-4'], 'p.c', True),
    ('C at -O0', 'gcc', ['-O0', '-gdwarf-4'], 'p.c', True),
    ('C, not position independent', 'gcc',
     ['-O2', '-gdwarf-4', '-no-pie', '-fno-pie'], 'p.c', True),
    ('C, DWARF 5', 'gcc', ['-O2', '-gdwarf-5'], 'p.c', False),
    ('C, compressed DWARF', 'gcc', ['-O2', '-gdwarf-4', '-gz'], 'p.c', True),
    ('C, sections thrown away', 'gcc',
     ['-O1', '-gdwarf-4', '-ffunction-sections', '-Wl,--gc-sections'],
     'p.c', True),
    ('C by clang, without .debug_aranges', 'clang', ['-O2', '-gdwarf-4'],
     'p.c', True),
    ('C++ at -O2', 'g++', ['-O2', '-gdwarf-4'], 'p.cc', True),
    ('C++ at -O2, DWARF 5', 'g++', ['-O2', '-gdwarf-5'], 'p.cc', False),
    ('C++ at -O0', 'g++', ['-O0', '-gdwarf-4'], 'p.cc', True),
    ('C++ by clang', 'clang++', ['-O2', '-gdwarf-4'], 'p.cc', True),
    ('C without DWARF', 'gcc', ['-O2'], 'p.c', True),
]


def output(*command, **options):
    return subprocess.run(command, check=True, text=True,
                          stdout=subprocess.PIPE, **options).stdout


def functions(path, dynamic=False):
    """[start, end) of every function that the symbols give a size."""
    words = ['nm', '-S', '--defined-only'] + ['-D'] * dynamic + [path]
    found = re.findall(r'^([0-9a-f]+) ([0-9a-f]+) [tTwWiV] ', output(*words),
                       re.M)
    return [(int(start, 16), int(start, 16) + int(size, 16))
            for start, size in found]


def addresses(path, dynamic=False):
    ranges = functions(path, dynamic)
    code = output('objdump', '-d', '--no-show-raw-insn', path)
    for word in re.findall(r'^ *([0-9a-f]+):\t', code, re.M):
        address = int(word, 16)
        if any(start <= address < end for start, end in ranges):
            yield word


def parse(text, with_paths, tidy_names):
    answers = {}
    lines = iter(text.splitlines())
    for line in lines:
        if re.fullmatch('0x[0-9a-f]{16}', line):
            answer = answers.setdefault(int(line, 16), [])
            continue
        path, _, number = next(lines).rpartition(':')
        number = re.sub(r' \(disc.*', '', number).replace('?', '0')
        path = os.path.normpath(path)
        if '/' not in path or not with_paths:
            path = ''
        answer.append((tidy_names(line), path, number))
    return answers


def without_parameters(names):
    """Mangled names as symbols writes them, all at once."""
    names = sorted(names)
    plain = output('c++filt', '-p', input='\n'.join(names)).split('\n')
    return dict(zip(names, plain))


def same(ours, theirs):
    """addr2line leaves out what a function without a mangled name stands in,
    and may give the function around it instead."""
    if ours is None or len(ours) != len(theirs):
        return False
    around = theirs[-1][0]
    return all(our[1:] == their[1:] and
               (our[0] == their[0] or our[0].endswith('::' + their[0]) or
                (their[0] == around and '::' in our[0]))
               for our, their in zip(ours, theirs))


def compare(path, with_paths, dynamic=False):
    asked = '\n'.join(addresses(path, dynamic))
    referee = output('addr2line', '-aif', '-e', path, input=asked)
    known = without_parameters(set(referee.splitlines()))
    theirs = parse(referee, with_paths, lambda name: known.get(name, name))
    ours = parse(output(DUMP, path, input=asked), with_paths, lambda n: n)
    wrong = [a for a in theirs if not same(ours.get(a), theirs[a])]
    for address in wrong[:3]:
        print(f'# {address:#x}\n#   ours   {ours.get(address)}\n'
              f'#   theirs {theirs[address]}')
    print(f'# {len(theirs)} addresses, {len(wrong)} differ')
    return len(theirs) > 20 and not wrong


def build(folder, compiler, options, source):
    path = os.path.join(folder, 'program')
    subprocess.run([compiler, *options, '-o', path, source], check=True,
                   cwd=folder)
    return path


def write(folder, name, text):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)


def run(folder, number, case):
    name, compiler, options, source, with_paths = case
    if not shutil.which(compiler):
        print(f'ok {number} - {name} # SKIP no {compiler} here')
        return True
    good = compare(build(folder, compiler, options, source), with_paths)
    print('ok' if good else 'not ok', number, '-', name)
    return good


def run_stripped(folder, number):
    path = build(folder, 'gcc', ['-O2', '-rdynamic'], 'p.c')
    subprocess.run(['strip', path], check=True)
    asked = '\n'.join(addresses(path, True))
    ours = parse(output(DUMP, path, input=asked), False, lambda n: n)
    names = {name for answer in ours.values() for name, _, _ in answer}
    good = 'main' in names and 'outer' not in names
    print('ok' if good else 'not ok', number,
          '- a stripped program has its dynamic symbols')
    return good


def main():
    for tool in ('addr2line', 'objdump', 'nm', 'c++filt', 'gcc'):
        if not shutil.which(tool):
            print(f'1..0 # SKIP no {tool} here')
            return 0
    print(f'1..{len(CASES) + 1}')
    with tempfile.TemporaryDirectory() as folder:
        write(folder, 'inner/inner.h', HEADER)
        write(folder, 'p.c', C)
        write(folder, 'p.cc', CXX)
        good = [run(folder, number + 1, case)
                for number, case in enumerate(CASES)]
        good.append(run_stripped(folder, len(CASES) + 1))
    return 0 if all(good) else 1


if __name__ == '__main__':
    sys.exit(main())
