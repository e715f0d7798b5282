// The component `example:images`: the functions of world.wit, with their parameters as the canonical ABI passes them.

import { bytesAt, ERROR, INFO, log, returned, storeBytes, utf8, WARN } from "./abi";
import { decode, encode, MOST_PIXELS, Picture, Problem } from "./png";

export { cabi_realloc } from "./abi";

/** Ends the call. What was logged stands in the failure. */
function fail(message: string): void {
  log(ERROR, message);
  unreachable();
}

function pictureAt(address: usize, length: usize): Picture {
  const decoded = decode(bytesAt(address, length));
  if (decoded.picture == null) fail("not a picture that can be read: " + textOf(decoded.problem!));
  return decoded.picture!;
}

function textOf(problem: Problem): string {
  return problem.kind == 0 ? "not a PNG file" : problem.text;
}

function sizeOf(picture: Picture): string {
  return picture.width.toString() + " × " + picture.height.toString();
}

/** What a function gives that makes a picture. */
function made(how: string, picture: Picture): usize {
  log(INFO, how + ": " + sizeOf(picture));
  return returned(encode(picture));
}

export function crop(image: usize, length: usize, x: u32, y: u32, width: u32, height: u32): usize {
  const picture = pictureAt(image, length);
  if (width == 0 || height == 0) fail("an area without pixels was asked for");
  if (<u64>x + width > <u64>picture.width || <u64>y + height > <u64>picture.height)
    fail("the area ends at " + (<u64>x + width).toString() + ", " + (<u64>y + height).toString() + ", the picture at " + picture.width.toString() + ", " + picture.height.toString());
  const part = new Picture(width, height);
  for (let row = 0; row < part.height; row++) memory.copy(part.at(0, row), picture.at(x, y + row), part.width << 2);
  return made("crop", part);
}

const HALF = 1;

export function rotate(image: usize, length: usize, by: i32): usize {
  const picture = pictureAt(image, length);
  const turned = by == HALF ? new Picture(picture.width, picture.height) : new Picture(picture.height, picture.width);
  for (let y = 0; y < picture.height; y++) {
    for (let x = 0; x < picture.width; x++) {
      const right = picture.height - 1 - y;
      const bottom = picture.width - 1 - x;
      const to = by < HALF ? turned.at(right, x) : by == HALF ? turned.at(bottom, right) : turned.at(y, bottom);
      store<u32>(to, load<u32>(picture.at(x, y)));
    }
  }
  return made("rotate", turned);
}

const GRAYSCALE = 0;
const NEGATIVE = 1;

export function recolor(image: usize, length: usize, change: i32, red: u32, green: u32, blue: u32): usize {
  const picture = pictureAt(image, length);
  for (let y = 0; y < picture.height; y++) {
    for (let x = 0; x < picture.width; x++) {
      const at = picture.at(x, y);
      const r = <u32>load<u8>(at);
      const g = <u32>load<u8>(at, 1);
      const b = <u32>load<u8>(at, 2);
      // How bright it looks, in thousandths: the weights of ITU-R BT.601.
      const gray = (299 * r + 587 * g + 114 * b) / 1000;
      if (change == GRAYSCALE) setColor(at, gray, gray, gray);
      else if (change == NEGATIVE) setColor(at, 255 - r, 255 - g, 255 - b);
      else setColor(at, (gray * red) / 255, (gray * green) / 255, (gray * blue) / 255);
    }
  }
  return made("recolor", picture);
}

function setColor(at: usize, red: u32, green: u32, blue: u32): void {
  store<u8>(at, <u8>red);
  store<u8>(at, <u8>green, 1);
  store<u8>(at, <u8>blue, 2);
}

export function row(images: usize, count: usize, gap: u32): usize {
  const pictures = new Array<Picture>();
  let width: u64 = 0;
  let height = 0;
  for (let i: usize = 0; i < count; i++) {
    const picture = pictureAt(load<usize>(images + 8 * i), load<usize>(images + 8 * i, 4));
    pictures.push(picture);
    width += <u64>picture.width + (i == 0 ? 0 : gap);
    height = max(height, picture.height);
  }
  if (count == 0) fail("a row of no pictures was asked for");
  if (width * height > MOST_PIXELS) fail("the row would be too large");
  const whole = new Picture(<i32>width, height);
  let x = 0;
  for (let i = 0; i < pictures.length; i++) {
    const picture = pictures[i];
    for (let y = 0; y < picture.height; y++) memory.copy(whole.at(x, y), picture.at(0, y), picture.width << 2);
    x += picture.width + gap;
  }
  return made("row", whole);
}

export function blank(width: u32, height: u32, red: u32, green: u32, blue: u32, isInstead: i32, reason: usize, reasonLength: usize): usize {
  if (isInstead) log(WARN, "a blank picture instead of: " + String.UTF8.decodeUnsafe(reason, reasonLength));
  if (width == 0 || height == 0 || <u64>width * height > MOST_PIXELS) fail("no picture has this size");
  const picture = new Picture(width, height);
  for (let i = 0; i < picture.pixels.length; i += 4) store<u32>(picture.pixels.dataStart + i, 0xff000000 | (blue << 16) | (green << 8) | red);
  return made("blank", picture);
}

export function describe(image: usize, length: usize): usize {
  const decoded = decode(bytesAt(image, length));
  // `result<summary, problem>`: which of both in a byte, its value at the next multiple of four.
  const at = heap.alloc(16);
  if (decoded.picture == null) {
    const problem = decoded.problem!;
    store<u8>(at, 1);
    store<u8>(at, problem.kind, 4);
    storeBytes(at + 8, utf8(problem.text));
    return at;
  }
  const picture = decoded.picture!;
  const sums = new StaticArray<u64>(3);
  let seen: u64 = 0;
  for (let i = 0; i < picture.pixels.length; i += 4) {
    if (picture.pixels[i + 3] == 0) continue;
    for (let part = 0; part < 3; part++) sums[part] += picture.pixels[i + part];
    seen++;
  }
  store<u8>(at, 0);
  store<u32>(at, picture.width, 4);
  store<u32>(at, picture.height, 8);
  for (let part = 0; part < 3; part++) store<u8>(at + 12 + part, <u8>(sums[part] / max(<u64>1, seen)));
  store<u8>(at, picture.isOpaque() ? 1 : 0, 15);
  return at;
}
