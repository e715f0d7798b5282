// Uses the parts of Rust's standard library that reach the host: files, folders, links, environment, arguments, time, stdin, exit status.
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::time::{Duration, Instant};
use std::{env, fs};

fn main() -> io::Result<()> {
    println!("args {:?}", env::args().skip(1).collect::<Vec<_>>());
    println!("env {:?}", env::var("NAME"));
    fs::create_dir_all("a/b/c")?;
    fs::write("a/b/c/first.txt", "hello")?;
    fs::rename("a/b/c/first.txt", "a/b/second.txt")?;
    fs::remove_dir("a/b/c")?;
    let mut file = fs::OpenOptions::new().read(true).append(true).open("a/b/second.txt")?;
    file.write_all(b" world")?;
    file.seek(SeekFrom::Start(0))?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    println!("text {text}");
    println!("length {}", fs::metadata("a/b/second.txt")?.len());
    fs::hard_link("a/b/second.txt", "a/linked.txt")?;
    let mut names: Vec<_> = fs::read_dir("a")?.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    println!("names {names:?}");
    fs::copy("a/linked.txt", "out.txt")?;
    println!("missing {:?}", fs::read("missing").unwrap_err().kind());
    println!("outside {:?}", fs::read("/../../etc/passwd").is_err());
    let start = Instant::now();
    std::thread::sleep(Duration::from_secs(3600));
    println!("slept {}", start.elapsed().as_secs());
    let mut input = String::new();
    io::stdin().read_to_string(&mut input)?;
    println!("stdin {input}");
    std::process::exit(3);
}
