//! Threads, generic containers, trait objects, and panics that are caught.
use std::collections::{BTreeMap, HashMap};
use std::panic;
use std::thread;

struct Noisy(&'static str);

impl Drop for Noisy {
    fn drop(&mut self) {
        let said = self.0.repeat(10);
        std::hint::black_box(said);
    }
}

trait Shape {
    fn grow(&self, by: usize) -> Vec<u64>;
}

impl Shape for u32 {
    #[inline(never)]
    fn grow(&self, by: usize) -> Vec<u64> {
        (0..by as u64).map(|n| n * u64::from(*self)).collect()
    }
}

impl Shape for String {
    #[inline(never)]
    fn grow(&self, by: usize) -> Vec<u64> {
        self.bytes().cycle().take(by).map(u64::from).collect()
    }
}

#[inline(never)]
fn fall(depth: usize) -> usize {
    let _noisy = Noisy("falling");
    let kept: Box<[u8]> = vec![depth as u8; 100 + depth].into();
    if depth == 0 {
        panic!("on purpose, {} bytes", kept.len());
    }
    fall(depth - 1) + kept.len()
}

fn work(rounds: usize) -> usize {
    let mut names: HashMap<String, Vec<usize>> = HashMap::new();
    let mut order: BTreeMap<usize, Box<dyn Shape>> = BTreeMap::new();
    let mut sum = 0;

    for i in 0..rounds {
        names.entry(format!("name {}", i % 50)).or_default().push(i);
        order.insert(i * 7 % 101, if i % 2 == 0 {
            Box::new(i as u32)
        } else {
            Box::new(format!("text {i}"))
        });
        sum += order.values().map(|s| s.grow(3).len()).sum::<usize>();
        if i % 10 == 0 {
            let caught = panic::catch_unwind(|| fall(i % 30));
            sum += usize::from(caught.is_err());
        }
    }
    sum + names.len()
}

fn main() {
    let rounds = std::env::args().nth(1).map_or(200, |n| n.parse().unwrap());
    panic::set_hook(Box::new(|info| {
        std::hint::black_box(info.to_string());
    }));
    let threads: Vec<_> =
        (0..3).map(|_| thread::spawn(move || work(rounds))).collect();
    let mut sum = work(rounds);
    for thread in threads {
        sum += thread.join().unwrap();
    }
    println!("{sum}");
}
