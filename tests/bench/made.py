"""Prints what the workloads read, the same on every run.

    python3 made.py c FUNCTIONS     a C source, preprocessed
    python3 made.py git COMMITS     a history for git fast-import
    python3 made.py sql ROWS        a script for sqlite3
"""
import random
import sys

WORDS = ("block chain count depth entry field graph heap index join key link "
         "mark node order page queue range slot table unit value walk").split()


def expression(dice, depth):
    if depth == 0:
        return dice.choice(["a", "b", "c", "item->count", "item->next->size",
                            "item->name[a & 15]", str(dice.randrange(1000))])
    left, right = expression(dice, depth - 1), expression(dice, depth - 1)
    shape = dice.choice(["({} + {})", "({} * {})", "({} ^ ({} >> 3))",
                         "({} < {} ? a : b)", "({} - {})", "({} & {})"])
    return shape.format(left, right)


def statement(dice, number):
    kind = dice.randrange(5)
    value = expression(dice, 2)
    if kind == 0:
        return f"for (int i = 0; i < ({value} & 63); i++) c += i * b;"
    if kind == 1:
        cases = " ".join(f"case {n}: b += {expression(dice, 1)}; break;"
                         for n in range(dice.randrange(3, 9)))
        return f"switch ({value} & 15) {{ {cases} default: c++; }}"
    if kind == 2 and number > 0:
        return f"a ^= work_{dice.randrange(number)}(item->next, {value}, c);"
    if kind == 3:
        return (f"while (item->next && {value} > c++) "
                f"{{ item = item->next; b += item->size; }}")
    return f"if ({value}) {{ item->count = {expression(dice, 3)}; b--; }}"


def c_source(functions):
    dice = random.Random(1)
    print("struct item { struct item *next; long size; int count; "
          "char name[16]; };")
    for number in range(functions):
        print(f"\nint work_{number}(struct item *item, int a, int b)\n{{")
        print(f"\tint c = {dice.randrange(100)};\n")
        for _ in range(dice.randrange(4, 16)):
            print("\t" + statement(dice, number))
        print("\treturn a + b + c;\n}")


def git_history(commits):
    dice = random.Random(1)
    files = [[" ".join(dice.choices(WORDS, k=8)) for _ in range(300)]
             for _ in range(60)]
    for number in range(commits):
        message = " ".join(dice.choices(WORDS, k=6))
        print("commit refs/heads/main\ncommitter A <a@example.com> "
              f"{1600000000 + number * 60} +0000\ndata {len(message)}\n"
              f"{message}")
        for name in dice.sample(range(60), 3):
            lines = files[name]
            for _ in range(dice.randrange(1, 9)):
                lines[dice.randrange(300)] = " ".join(dice.choices(WORDS, k=8))
            text = "\n".join(lines)
            print(f"M 100644 inline part{name % 7}/file{name}.txt\n"
                  f"data {len(text)}\n{text}")


def sql_script(rows):
    print(f"""create table t(a, b, c);
with recursive n(x) as (select 1 union all select x + 1 from n where x < {rows})
insert into t select x, hex(x * 7919 % 100003), json_object('k', x,
  'v', json_array(x, x + 1, 's' || x), 'o', json_object('n', x * 0.5)) from n;
select sum(json_extract(c, '$.v[1]') + json_extract(c, '$.o.n')) from t;
select count(*) from t, json_each(t.c, '$.v') j where j.value > 1;
select b, count(*) from t group by b order by 2 desc, 1 limit 3;
select count(*) from t t1 join t t2 on t1.a = t2.a + 1 join t t3 on t3.b = t2.b;
select sum(length(b)) from (select b, c from t order by c desc, b);
select length(json_group_array(json(c))) from t;
update t set c = json_set(c, '$.k', a + 1) where a % 3 = 0;
select count(distinct c) from t;""")


if __name__ == "__main__":
    {"c": c_source, "git": git_history,
     "sql": sql_script}[sys.argv[1]](int(sys.argv[2]))
