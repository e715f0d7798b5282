// The words of a Markdown text. A word starts with a letter and goes on with letters, marks, digits and single apostrophes
// between them; it is given in lower case, with ’ as '. Not counted: fenced code, HTML tags, comments and entities, link targets, URLs.

import { casemap } from "util/casemap";
import { Bytes } from "./wasi";
import { add } from "./counts";

const LF: u8 = 0x0a;
const SPACE: u8 = 0x20;
const APOSTROPHE: u8 = 0x27;

function at(p: usize, end: usize): u8 {
  return p < end ? load<u8>(p) : 0;
}

function isAsciiLetter(c: u8): bool {
  return (c | 0x20) - 0x61 < 26;
}

function isDigit(c: u32): bool {
  return c - 0x30 < 10;
}

// Letters and marks, to a good approximation: what lies above ASCII and is no known punctuation, symbol or number.
function isLetter(c: u32): bool {
  if (c < 0x80) return (c | 0x20) - 0x61 < 26;
  if (c < 0xc0) return c == 0xaa || c == 0xb5 || c == 0xba;
  if (c == 0xd7 || c == 0xf7) return false;
  if (c < 0x2000) return true;
  if (c < 0x2c00) return (c >= 0x20d0 && c < 0x2100) || c == 0x2071 || c == 0x207f || (c >= 0x2090 && c < 0x20a0) || c == 0x2126 || c == 0x212a || c == 0x212b;
  if (c >= 0x3000 && c < 0x3040) return c == 0x3005 || c == 0x3006;
  if (c >= 0xd800 && c < 0xf900) return false;
  if (c >= 0xfe00 && c < 0xfe10) return true;
  if (c >= 0xfe10 && c < 0xfe70) return c >= 0xfe20 && c < 0xfe30;
  if (c == 0xfeff) return false;
  if (c >= 0xff00 && c < 0x10000) return (c >= 0xff21 && c <= 0xff3a) || (c >= 0xff41 && c <= 0xff5a) || (c >= 0xff66 && c < 0xffe0);
  return !(c >= 0x1f000 && c < 0x20000);
}

/** Bytes of the UTF-8 sequence at `p`; 1 for what is none. */
function sequenceLength(p: usize, end: usize): u32 {
  const c = load<u8>(p);
  if (c < 0xc2) return 1;
  const length: u32 = c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 1;
  if (p + length > end) return 1;
  for (let i: u32 = 1; i < length; i++) if ((load<u8>(p + i) & 0xc0) != 0x80) return 1;
  return length;
}

function decode(p: usize, length: u32): u32 {
  const c: u32 = load<u8>(p);
  if (length == 1) return c < 0x80 ? c : 0xfffd;
  let code = c & (0x7f >> length);
  for (let i: u32 = 1; i < length; i++) code = (code << 6) | (load<u8>(p + i) & 0x3f);
  return code;
}

function encode(code: u32, p: usize): usize {
  if (code < 0x80) {
    store<u8>(p, <u8>code);
    return 1;
  }
  const length: u32 = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  for (let i = length - 1; i > 0; i--) {
    store<u8>(p + i, <u8>((code & 0x3f) | 0x80));
    code >>= 6;
  }
  store<u8>(p, <u8>((0xf00 >> length) | code));
  return length;
}

/** Overwrites fenced blocks with spaces, so that the scan below need not know of lines. */
function blankFences(start: usize, end: usize): void {
  let fence: u8 = 0;
  let line = start;
  while (line < end) {
    let first = line;
    while (at(first, end) == SPACE) first++;
    const c = at(first, end);
    let next = first;
    while (next < end && load<u8>(next) != LF) next++;
    const marks = (c == 0x60 || c == 0x7e) && at(first + 1, end) == c && at(first + 2, end) == c;
    const inside = fence != 0;
    if (marks && (fence == 0 || fence == c)) fence = inside ? 0 : c;
    if (inside || marks) memory.fill(line, SPACE, next - line);
    line = next + 1;
  }
}

/** End of what starts with `<`, or `p` if it is neither a tag nor a comment. */
function skipTag(p: usize, end: usize): usize {
  const c = at(p + 1, end);
  if (c == 0x21 && at(p + 2, end) == 0x2d && at(p + 3, end) == 0x2d) {
    for (let q = p + 4; q + 2 < end; q++) if (load<u8>(q) == 0x2d && load<u8>(q + 1) == 0x2d && load<u8>(q + 2) == 0x3e) return q + 3;
  }
  if (c != 0x21 && c != 0x2f && !isAsciiLetter(c)) return p;
  for (let q = p + 1; q < end; q++) {
    const d = load<u8>(q);
    if (d == 0x3e) return q + 1;
    if (d == 0x3c) return p;
  }
  return p;
}

/** End of a link target, from its `](`, or `p` if the parenthesis does not close on its line. */
function skipTarget(p: usize, end: usize): usize {
  for (let q = p + 2; q < end; q++) {
    const c = load<u8>(q);
    if (c == 0x29) return q + 1;
    if (c == LF) return p;
  }
  return p;
}

function skipEntity(p: usize, end: usize): usize {
  let q = p + 1;
  while (q < end && (isAsciiLetter(load<u8>(q)) || isDigit(load<u8>(q)) || load<u8>(q) == 0x23)) q++;
  return q > p + 1 && at(q, end) == 0x3b ? q + 1 : p;
}

function skipUrl(p: usize, end: usize): usize {
  while (p < end) {
    const c = load<u8>(p);
    if (c <= SPACE || c == 0x3c || c == 0x3e || c == 0x22 || c == APOSTROPHE || c == 0x28 || c == 0x29 || c == 0x5d || c == 0x60) break;
    p++;
  }
  return p;
}

/** Bytes of an apostrophe at `p` that a letter follows, else 0. */
function innerApostrophe(p: usize, end: usize): u32 {
  const c = at(p, end);
  const length: u32 = c == APOSTROPHE ? 1 : c == 0xe2 && at(p + 1, end) == 0x80 && at(p + 2, end) == 0x99 ? 3 : 0;
  if (length == 0 || p + length >= end) return 0;
  const next = p + length;
  return isLetter(decode(next, sequenceLength(next, end))) ? length : 0;
}

/** Adds the words of a text to the counts. The text is changed in place. */
export function countWords(text: Bytes): void {
  const end = text.start + text.length;
  blankFences(text.start, end);
  // Lower case never takes more than 3 bytes for 2 in simple case mapping.
  const scratch = heap.alloc(text.length * 2 + 16);
  let p = text.start;
  while (p < end) {
    const c = load<u8>(p);
    if (c == 0x3c || c == 0x26 || (c == 0x5d && at(p + 1, end) == 0x28)) {
      const after = c == 0x3c ? skipTag(p, end) : c == 0x26 ? skipEntity(p, end) : skipTarget(p, end);
      p = after > p ? after : p + 1;
      continue;
    }
    let length = sequenceLength(p, end);
    let code = decode(p, length);
    if (!isLetter(code) && !isDigit(code)) {
      p += length;
      continue;
    }
    const counted = isLetter(code);
    let size: usize = 0;
    while (true) {
      size += encode(code < 0x80 ? (code - 0x41 < 26 ? code | 0x20 : code) : <u32>casemap(code, 0), scratch + size);
      p += length;
      if (p >= end) break;
      const apostrophe = innerApostrophe(p, end);
      if (apostrophe != 0) {
        store<u8>(scratch + size++, APOSTROPHE);
        p += apostrophe;
      }
      length = sequenceLength(p, end);
      code = decode(p, length);
      if (!isLetter(code) && !isDigit(code)) break;
    }
    if (at(p, end) == 0x3a && at(p + 1, end) == 0x2f && at(p + 2, end) == 0x2f) p = skipUrl(p, end);
    else if (counted) add(scratch, size, 1);
  }
}
