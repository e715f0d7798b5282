import { vector } from '../module/helpers.ts';
import { assemble, EMPTY, FUNCTION, FUNCTIONS, I32, IMPORTED, type Item, LOCALS, PAIR, STATE, STEPS, THROUGH } from './assemble.ts';

/** Random programs that end, out of a tape of choices, with all constructs that control flow has. */

interface Label {
  /** Whether a branch to it takes an i32 along. */
  readonly takes: boolean;
  /** Takes a reference to an exception: nothing else here branches to it. */
  readonly isCatch?: true;
}

export type Exceptions = 'none' | 'legacy' | 'references';

export class Program {
  readonly #tape: readonly number[];
  readonly #exceptions: Exceptions;
  #at = 0;
  readonly #bodies: Item[][] = [];
  #body: Item[] = [];
  #labels: Label[] = [];
  /** Depths, from the outside, of `catch` clauses of legacy exceptions we are in. */
  #handlers: number[] = [];

  constructor(tape: readonly number[], exceptions: Exceptions) {
    this.#tape = tape;
    this.#exceptions = exceptions;
    for (let i = 0; i < FUNCTIONS; i++) this.#bodies.push(this.#function());
  }

  encode(isCounting: boolean): Uint8Array {
    return assemble(this.#bodies, { isCounting, hasTag: this.#exceptions !== 'none' });
  }

  #function(): Item[] {
    const isPair = this.#bodies.length === FUNCTIONS - 1;
    this.#body = [];
    this.#labels = [{ takes: true }];
    this.#handlers = [];
    const result = (): void => {
      this.#expression(0);
      if (isPair) this.#expression(0);
    };
    // Every function and every round of a loop takes a step, so all of it ends.
    this.#step(() => {
      this.#emit(0x41, 7);
      if (isPair) this.#emit(0x41, 9);
      this.#emit(0x0f);
    });
    this.#isPair = isPair;
    this.#statements(0);
    result();
    this.#free(0x0b);
    return this.#body;
  }

  #isPair = false;

  #step(stop: () => void): void {
    this.#emit(0x23, STEPS);
    this.#emit(0x45);
    this.#emit(0x04, EMPTY);
    stop();
    this.#free(0x0b);
    this.#emit(0x23, STEPS);
    this.#emit(0x41, 1);
    this.#emit(0x6b);
    this.#emit(0x24, STEPS);
  }

  #statements(depth: number): void {
    const count = depth > 4 ? 0 : this.#pick(4);
    for (let i = 0; i < count; i++) this.#statement(depth + 1);
  }

  #statement(depth: number): void {
    switch (this.#pick(this.#exceptions === 'none' ? 18 : 24)) {
      case 0:
        this.#expression(0);
        this.#emit(0x21, this.#pick(LOCALS));
        break;
      case 1:
        this.#expression(0);
        this.#emit(0x24, STATE);
        break;
      case 2:
        this.#address();
        this.#expression(0);
        this.#emit(0x36, 2, 0);
        break;
      case 3:
      case 4:
        this.#if(depth);
        break;
      case 5:
        this.#frame([0x02, EMPTY], false, () => this.#statements(depth));
        break;
      case 6:
      case 7:
        this.#loop(depth);
        break;
      case 8:
        this.#expression(0);
        this.#frame([0x02, THROUGH], true, () => {
          this.#emit(0x21, 1);
          this.#statements(depth);
          this.#expression(0);
        });
        this.#emit(0x21, 2);
        break;
      case 9:
        this.#branch();
        break;
      case 10:
        this.#branchIf();
        break;
      case 11:
        this.#branchTable();
        break;
      case 12:
        this.#call();
        break;
      case 13:
        this.#bulk();
        break;
      case 14:
        this.#grow();
        break;
      case 15:
        this.#leave();
        break;
      case 16:
        this.#emit(0x01);
        break;
      case 17:
        if (this.#pick(8) === 0) this.#emit(0x00);
        break;
      case 18:
        this.#expression(0);
        this.#emit(0x08, 0);
        break;
      default:
        if (this.#exceptions === 'legacy') this.#try(depth);
        else this.#tryTable(depth);
    }
  }

  #if(depth: number): void {
    this.#expression(0);
    this.#labels.push({ takes: false });
    this.#emit(0x04, EMPTY);
    this.#statements(depth);
    if (this.#pick(2) === 0) {
      this.#free(0x05);
      this.#statements(depth);
    }
    this.#free(0x0b);
    this.#labels.pop();
  }

  #loop(depth: number): void {
    const takes = this.#pick(3) === 0;
    if (takes) this.#expression(0);
    this.#frame([0x03, takes ? THROUGH : EMPTY], takes, () => {
      if (takes) this.#emit(0x21, 1);
      this.#step(() => this.#exit());
      this.#statements(depth);
      if (this.#pick(2) === 0) this.#branchTo(0, this.#pick(2) === 0);
      if (takes) this.#expression(0);
    });
    if (takes) this.#emit(0x1a);
  }

  #frame(open: readonly number[], takes: boolean, inside: () => void): void {
    this.#free(...open);
    this.#labels.push({ takes });
    inside();
    this.#free(0x0b);
    this.#labels.pop();
  }

  /** Leaves the function, whatever it gives. */
  #exit(): void {
    this.#emit(0x20, 0);
    if (this.#isPair) this.#emit(0x20, 1);
    this.#emit(0x0f);
  }

  #leave(): void {
    if (this.#isPair || this.#pick(2) === 0) {
      this.#exit();
      return;
    }
    this.#expression(0);
    if (this.#pick(2) === 0) this.#emit(0x12, this.#pick(FUNCTIONS - 1));
    else {
      this.#expression(0);
      this.#emit(0x41, 7);
      this.#emit(0x71);
      this.#emit(0x13, FUNCTION, 0);
    }
  }

  /** Labels that can be branched to, by depth from inside. That of a function that gives a pair cannot, one value is all a branch takes here. */
  #target(): number {
    const least = this.#isPair ? 1 : 0;
    const among = this.#labels.length - least;
    if (among <= 0) return -1;
    const target = this.#pick(among);
    // Around each such block is another.
    return this.#labels.at(-1 - target)!.isCatch ? target + 1 : target;
  }

  #branchTo(depth: number, isConditional: boolean): void {
    const { takes } = this.#labels.at(-1 - depth)!;
    if (takes) this.#expression(0);
    if (!isConditional) {
      this.#emit(0x0c, depth);
      return;
    }
    this.#expression(0);
    this.#emit(0x0d, depth);
    if (takes) this.#emit(0x1a);
  }

  #branch(): void {
    const target = this.#target();
    if (target >= 0) this.#branchTo(target, false);
  }

  #branchIf(): void {
    const target = this.#target();
    if (target >= 0) this.#branchTo(target, true);
  }

  #branchTable(): void {
    const [first, ...others] = [this.#target(), this.#target(), this.#target()];
    if (first === undefined || first < 0) return;
    const { takes } = this.#labels.at(-1 - first)!;
    const alike = others.filter((target) => this.#labels.at(-1 - target)!.takes === takes);
    if (takes) this.#expression(0);
    this.#expression(0);
    this.#emit(0x0e, ...vector(alike.map((target) => [target])), first);
  }

  #call(): void {
    this.#expression(0);
    const index = this.#pick(FUNCTIONS);
    if (this.#pick(2) === 0) this.#emit(0x10, index);
    else {
      this.#emit(0x41, index);
      this.#emit(0x11, index === FUNCTIONS - 1 ? PAIR : FUNCTION, 0);
    }
    this.#emit(0x21, 3);
    if (index === FUNCTIONS - 1) this.#emit(0x24, STATE);
  }

  #bulk(): void {
    const small = (most: number): void => {
      this.#expression(0);
      this.#emit(0x41, most);
      this.#emit(0x71);
    };
    switch (this.#pick(6)) {
      case 0:
        this.#address();
        this.#expression(0);
        small(63);
        this.#emitBy('length', -4, 0xfc, 11, 0);
        break;
      case 1:
        this.#address();
        this.#address();
        small(63);
        this.#emitBy('length', -4, 0xfc, 10, 0, 0);
        break;
      case 2:
        this.#address();
        this.#emit(0x41, 0);
        small(7);
        this.#emitBy('length', -4, 0xfc, 8, 0, 0);
        break;
      case 3:
        this.#emit(0x41, 4);
        this.#emit(0x41, 0);
        small(3);
        this.#emitBy('length', 0, 0xfc, 12, 1, 0);
        break;
      case 4:
        this.#emit(0x41, 4);
        this.#emit(0x41, 1);
        small(3);
        this.#emitBy('length', 0, 0xfc, 14, 0, 0);
        break;
      case 5:
        this.#emit(0x41, 4);
        this.#emit(0xd2, this.#pick(FUNCTIONS));
        small(3);
        this.#emitBy('length', 0, 0xfc, 17, 0);
        break;
    }
  }

  #grow(): void {
    if (this.#pick(2) === 0) {
      this.#expression(0);
      this.#emit(0x41, 1);
      this.#emit(0x71);
      this.#emitBy('growth', 12, 0x40, 0);
    } else {
      this.#emit(0xd0, 0x70);
      this.#expression(0);
      this.#emit(0x41, 3);
      this.#emit(0x71);
      this.#emitBy('growth', 0, 0xfc, 15, 0);
    }
    this.#emit(0x21, 1);
  }

  #try(depth: number): void {
    this.#labels.push({ takes: false });
    this.#free(0x06, EMPTY);
    this.#statements(depth);
    const isDelegated = this.#pick(4) === 0;
    if (isDelegated) {
      this.#labels.pop();
      this.#free(0x18, this.#pick(this.#labels.length));
      return;
    }
    this.#handlers.push(this.#labels.length);
    if (this.#pick(3) > 0) {
      this.#free(0x07, 0);
      this.#emit(0x24, STATE);
      this.#statements(depth);
      if (this.#pick(4) === 0) this.#emit(0x09, this.#labels.length - this.#handlers[this.#pick(this.#handlers.length)]!);
    }
    if (this.#pick(2) === 0) {
      this.#free(0x19);
      this.#statements(depth);
    }
    this.#handlers.pop();
    this.#free(0x0b);
    this.#labels.pop();
  }

  /** Catches into blocks around it: one for the payload, one for nothing, and one for a reference that is thrown again. */
  #tryTable(depth: number): void {
    const kind = this.#pick(3);
    if (kind === 2) {
      this.#free(0x02, EMPTY);
      this.#labels.push({ takes: false });
      this.#free(0x02, 0x69);
      this.#labels.push({ takes: false, isCatch: true });
      this.#free(0x1f, EMPTY, 1, 3, 0);
      this.#labels.push({ takes: false });
      this.#statements(depth);
      this.#free(0x0b);
      this.#labels.pop();
      this.#emit(0x0c, 1);
      this.#free(0x0b);
      this.#labels.pop();
      if (this.#pick(3) === 0) this.#emit(0x0a);
      else this.#emit(0x1a);
      this.#free(0x0b);
      this.#labels.pop();
      return;
    }
    const takes = kind === 0;
    this.#frame([0x02, takes ? I32 : EMPTY], takes, () => {
      this.#free(0x1f, EMPTY, 1, takes ? 0 : 2, ...(takes ? [0] : []), 0);
      this.#labels.push({ takes: false });
      this.#statements(depth);
      this.#free(0x0b);
      this.#labels.pop();
      if (takes) this.#expression(0);
    });
    if (takes) this.#emit(0x24, STATE);
  }

  #address(): void {
    this.#expression(1);
    this.#emit(0x41, ...[0xfc, 0x07]);
    this.#emit(0x71);
  }

  #expression(depth: number): void {
    switch (depth > 2 ? this.#pick(2) : this.#pick(8)) {
      case 0:
        this.#emit(0x41, this.#pick(64));
        break;
      case 1:
        this.#emit(0x20, this.#pick(LOCALS));
        break;
      case 2:
        this.#emit(0x23, [IMPORTED, STEPS, STATE][this.#pick(3)]!);
        break;
      case 3:
        this.#address();
        this.#emit(0x28, 2, 0);
        break;
      case 4:
        this.#expression(depth + 1);
        this.#expression(depth + 1);
        this.#emit([0x6a, 0x6b, 0x6c, 0x71, 0x73, 0x48, 0x4e][this.#pick(7)]!);
        break;
      case 5:
        this.#expression(depth + 1);
        this.#expression(depth + 1);
        this.#emit(0x6d); // which may trap
        break;
      case 6:
        this.#expression(depth + 1);
        this.#emit(0x04, I32);
        this.#labels.push({ takes: true });
        this.#expression(depth + 1);
        this.#free(0x05);
        this.#expression(depth + 1);
        this.#free(0x0b);
        this.#labels.pop();
        break;
      case 7:
        this.#expression(depth + 1);
        this.#emit(0x45);
        break;
    }
  }

  #pick(below: number): number {
    const choice = this.#tape[this.#at++] ?? 0;
    return choice % below;
  }

  #emit(...code: readonly number[]): void {
    this.#body.push({ code, count: 'one' });
  }

  #free(...code: readonly number[]): void {
    this.#body.push({ code, count: 'free' });
  }

  #emitBy(kind: 'length' | 'growth', shift: number, ...code: readonly number[]): void {
    this.#body.push({ code, count: { kind, shift } });
  }
}
