/** Calls through a table, n of them: what a call of an object's method becomes. */
abstract class Shape {
  abstract area(scale: i32): i32;
}
class Square extends Shape {
  area(scale: i32): i32 {
    return scale * scale;
  }
}
class Circle extends Shape {
  area(scale: i32): i32 {
    return (scale * scale * 355) / 113;
  }
}
class Line extends Shape {
  area(scale: i32): i32 {
    return scale & 1;
  }
}

export function run(n: i32): i32 {
  const shapes = StaticArray.fromArray<Shape>([new Square(), new Circle(), new Line(), new Square(), new Circle()]);
  let sum = 0;
  for (let i = 0; i < n; i++) sum += unchecked(shapes[i % 5]).area(i & 63);
  return sum;
}
