// Counts by word: an open-addressing table over raw bytes, and the text form `word<TAB>count<LF>`, sorted by bytes.

import { Bytes, fail, print, printTo, utf8 } from "./wasi";

@unmanaged
class Entry {
  word: usize;
  length: usize;
  hash: u32;
  count: u64;
}

let capacity: u32 = 1 << 12;
let slots: usize = emptySlots(capacity);
let used: u32 = 0;

function emptySlots(size: u32): usize {
  const start = heap.alloc(<usize>size * 4);
  memory.fill(start, 0, <usize>size * 4);
  return start;
}

// FNV-1a.
function hashOf(word: usize, length: usize): u32 {
  let hash: u32 = 0x811c9dc5;
  for (let i: usize = 0; i < length; i++) hash = (hash ^ load<u8>(word + i)) * 0x01000193;
  return hash;
}

function entryAt(slot: u32): usize {
  return load<u32>(slots + <usize>slot * 4);
}

function grow(): void {
  const before = slots;
  const size = capacity;
  capacity <<= 1;
  slots = emptySlots(capacity);
  for (let i: u32 = 0; i < size; i++) {
    const pointer: usize = load<u32>(before + <usize>i * 4);
    if (pointer == 0) continue;
    let slot = changetype<Entry>(pointer).hash & (capacity - 1);
    while (entryAt(slot) != 0) slot = (slot + 1) & (capacity - 1);
    store<u32>(slots + <usize>slot * 4, <u32>pointer);
  }
}

/** Adds to a word's count. The bytes are copied when the word is new. */
export function add(word: usize, length: usize, count: u64): void {
  const hash = hashOf(word, length);
  let slot = hash & (capacity - 1);
  let pointer = entryAt(slot);
  while (pointer != 0) {
    const found = changetype<Entry>(pointer);
    if (found.hash == hash && found.length == length && memory.compare(found.word, word, length) == 0) {
      found.count += count;
      return;
    }
    slot = (slot + 1) & (capacity - 1);
    pointer = entryAt(slot);
  }
  const copy = heap.alloc(length);
  memory.copy(copy, word, length);
  const entry = changetype<Entry>(heap.alloc(offsetof<Entry>()));
  entry.word = copy;
  entry.length = length;
  entry.hash = hash;
  entry.count = count;
  store<u32>(slots + <usize>slot * 4, <u32>changetype<usize>(entry));
  if (++used * 4 > capacity * 3) grow();
}

/** Adds every line of a text in the form `print` gives. */
export function addText(text: Bytes): void {
  const end = text.start + text.length;
  let at = text.start;
  while (at < end) {
    const word = at;
    while (at < end && load<u8>(at) != 0x09 && load<u8>(at) != 0x0a) at++;
    const length = at - word;
    if (length == 0 || at == end || load<u8>(at) != 0x09) fail("a line is not word<TAB>count");
    at++;
    const digits = at;
    let count: u64 = 0;
    while (at < end && load<u8>(at) != 0x0a) {
      const digit = load<u8>(at) - 0x30;
      if (digit > 9) fail("a count is not a number");
      count = count * 10 + digit;
      at++;
    }
    if (at == digits) fail("a count is missing");
    at++;
    add(word, length, count);
  }
}

function byWord(a: usize, b: usize): i32 {
  const left = changetype<Entry>(a);
  const right = changetype<Entry>(b);
  const order = memory.compare(left.word, right.word, min(left.length, right.length));
  return order != 0 ? order : <i32>left.length - <i32>right.length;
}

function byCount(a: usize, b: usize): i32 {
  const left = changetype<Entry>(a).count;
  const right = changetype<Entry>(b).count;
  if (left == right) return byWord(a, b);
  return left > right ? -1 : 1;
}

function all(): usize[] {
  const entries: usize[] = [];
  for (let i: u32 = 0; i < capacity; i++) {
    const pointer = entryAt(i);
    if (pointer != 0) entries.push(pointer);
  }
  return entries;
}

function printEntry(entry: Entry): void {
  const digits = memory.data(24);
  print(entry.word, entry.length);
  let at: usize = 23;
  store<u8>(digits + at, 0x0a);
  let rest = entry.count;
  do {
    store<u8>(digits + --at, 0x30 + <u8>(rest % 10));
    rest /= 10;
  } while (rest != 0);
  store<u8>(digits + --at, 0x09);
  print(digits + at, 24 - at);
}

export function printSorted(): void {
  const entries = all().sort(byWord);
  for (let i = 0; i < entries.length; i++) printEntry(changetype<Entry>(entries[i]));
}

/** The most frequent first; equal counts in the order of their bytes. */
export function printTop(limit: i32): void {
  const entries = all().sort(byCount);
  for (let i = 0; i < min(entries.length, limit); i++) printEntry(changetype<Entry>(entries[i]));
}

/** Sorted, with a file of its own for each first byte: `<folder>/<letter>.tsv`, or `other.tsv` for what is not ASCII. */
export function printByLetter(folder: i32): void {
  const entries = all().sort(byWord);
  let before: u8 = 0;
  for (let i = 0; i < entries.length; i++) {
    const entry = changetype<Entry>(entries[i]);
    const first = min(load<u8>(entry.word), <u8>0x80);
    if (i == 0 || first != before) printTo(folder, utf8((first < 0x80 ? String.fromCharCode(first) : "other") + ".tsv"));
    before = first;
    printEntry(entry);
  }
}
