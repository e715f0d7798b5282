import { walkBody } from '../module/walk-body.ts';
import { type Body, indexAt } from './body.ts';
import { Charges, type Scope, type Site } from './charges.ts';
import * as Code from './code.ts';
import { shiftByGrowth, shiftByLength } from './cost.ts';
import type { DepthRole } from './depth.ts';
import type { Output } from './output.ts';

/** What a body's rewriting depends on outside of it. */
export interface Surroundings {
  readonly bytes: Uint8Array;
  /** Index of the global with the fuel left; that with the stack left comes after it. */
  readonly fuel: number;
  /** Whether an exception may come out of a call. */
  readonly callsThrow: boolean;
  /** Whether a function takes no part in counting the depth of calls. */
  readonly isBounded: (index: number) => boolean;
}

export interface Metered {
  readonly body: Body;
  readonly params: number;
  readonly role: DepthRole;
  /** Slots it takes off the stack that is left. */
  readonly frame: number;
}

/** What is put in, or replaces an instruction, and what happens there to the copy of the fuel. */
type Edit =
  | { readonly kind: 'site'; readonly at: number; readonly site: Site }
  | { readonly kind: 'enter'; readonly at: number; readonly scope: Scope }
  | { readonly kind: 'again'; readonly at: number; readonly isHandler: boolean }
  | { readonly kind: 'leave'; readonly at: number }
  | Change;

type Change =
  | { readonly kind: 'global' | 'tailCall'; readonly at: number; readonly next: number }
  | { readonly kind: 'call'; readonly at: number; readonly next: number; readonly isCounted: boolean }
  | { readonly kind: 'length' | 'growth'; readonly at: number; readonly next: number; readonly shift: number };

/** Writes a body with everything that counts put in. */
export function rewriteBody(out: Output, metered: Metered, around: Surroundings): void {
  new BodyWriter(out, metered, around).write(planOf(metered, around));
}

function planOf({ body, role }: Metered, { bytes, callsThrow, isBounded }: Surroundings): Edit[] {
  const edits: Edit[] = [];
  const listener = {
    onSite: (site: Site): void => void edits.push({ kind: 'site', at: site.at, site }),
    onEnter: (scope: Scope, at: number): void => void edits.push({ kind: 'enter', at, scope }),
    onAgain: (isHandler: boolean, at: number): void => void edits.push({ kind: 'again', at, isHandler }),
    onLeave: (at: number): void => void edits.push({ kind: 'leave', at }),
  };
  const charges = new Charges(bytes, body.code, { callsThrow, listener });
  walkBody(bytes, body.code, body.end, (code, at, next) => {
    const change = changeOf(code, at, next);
    // Types do not hold in code that is never reached, but what it names must be there.
    if (change !== undefined && (charges.isLive || change.kind === 'global')) edits.push(change);
    charges.instruction(code, at, next);
  });
  return edits;

  function changeOf(code: number, at: number, next: number): Change | undefined {
    switch (code) {
      case Code.GLOBAL_GET:
      case Code.GLOBAL_SET:
        return { kind: 'global', at, next };
      case Code.CALL:
        return { kind: 'call', at, next, isCounted: role === 'counted' && !isBounded(indexAt(bytes, at, next)) };
      case Code.CALL_INDIRECT:
        return { kind: 'call', at, next, isCounted: role === 'counted' };
      case Code.RETURN_CALL:
        return role === 'counted' && !isBounded(indexAt(bytes, at, next)) ? { kind: 'tailCall', at, next } : undefined;
      case Code.RETURN_CALL_INDIRECT:
        return role === 'counted' ? { kind: 'tailCall', at, next } : undefined;
    }
    if (code < 256 && code !== Code.MEMORY_GROW) return undefined;
    const length = shiftByLength(code);
    if (length !== undefined) return { kind: 'length', at, next, shift: length };
    const growth = shiftByGrowth(code);
    return growth === undefined ? undefined : { kind: 'growth', at, next, shift: growth };
  }
}

/** Locals added behind the function's own, by what they hold. */
interface Locals {
  /** i64: the fuel just taken. */
  readonly fuel: number;
  /** i64: the stack left below this function. */
  readonly stack: number;
  /** i32: a length, and what `grow` gave. */
  readonly length: number;
  readonly grown: number;
}

/**
 * Writes the code. The fuel lies in a global, through which a loop would wait for memory each time round, so a local follows it: the global is right at all
 * times, and is only read where the local may be behind, which is after calls.
 */
class BodyWriter {
  readonly #out: Output;
  readonly #metered: Metered;
  readonly #around: Surroundings;
  readonly #locals: Locals;
  /** Whether the local has the fuel here, on whatever way control came. */
  #isKnown = false;
  readonly #scopes: { readonly scope: Scope; readonly wasKnown: boolean }[] = [];

  constructor(out: Output, metered: Metered, around: Surroundings) {
    this.#out = out;
    this.#metered = metered;
    this.#around = around;
    const first = metered.params + metered.body.locals;
    this.#locals = { fuel: first, stack: first + 1, length: first + 2, grown: first + 3 };
  }

  write(edits: readonly Edit[]): void {
    const { body, role } = this.#metered;
    const { bytes } = this.#around;
    this.#declareLocals(edits.some(({ kind }) => kind === 'length' || kind === 'growth'));
    let copied = body.code;
    let isStart = role === 'counted';
    for (const edit of edits) {
      this.#out.copy(bytes, copied, edit.at);
      copied = edit.at;
      switch (edit.kind) {
        case 'site':
          if (isStart) this.#enter(edit.site.cost);
          else if (edit.site.cost > 0) this.#charge(edit.site.cost);
          isStart = false;
          break;
        case 'enter':
          if (edit.scope.isLoop) this.#beforeLoop(edit.scope);
          this.#scopes.push({ scope: edit.scope, wasKnown: this.#isKnown });
          break;
        case 'again':
          this.#isKnown = !edit.isHandler && this.#scopes.at(-1)!.wasKnown;
          break;
        case 'leave': {
          const { scope, wasKnown } = this.#scopes.pop()!;
          this.#isKnown = wasKnown && !scope.calls;
          break;
        }
        default:
          this.#change(edit);
          copied = edit.next;
      }
    }
    this.#out.copy(bytes, copied, body.end);
  }

  /** A loop that calls nobody needs no more than to know at its start. */
  #beforeLoop({ calls }: Scope): void {
    if (!calls && !this.#isKnown) {
      this.#indexed(Code.GLOBAL_GET, this.#around.fuel);
      this.#indexed(Code.LOCAL_SET, this.#locals.fuel);
    }
    this.#isKnown = !calls;
  }

  #declareLocals(hasLengths: boolean): void {
    const { body, role } = this.#metered;
    const { bytes } = this.#around;
    this.#out.u32(body.groupCount + (hasLengths ? 2 : 1));
    this.#out.copy(bytes, body.groups, body.code);
    this.#out.u8(role === 'counted' || hasLengths ? 2 : 1, Code.TYPE_I64);
    if (hasLengths) this.#out.u8(2, Code.TYPE_I32);
  }

  #change(edit: Change): void {
    const { bytes } = this.#around;
    const { length, grown } = this.#locals;
    switch (edit.kind) {
      case 'global':
        this.#indexed(bytes[edit.at] as number, shiftGlobal(indexAt(bytes, edit.at, edit.next), this.#around.fuel));
        return;
      case 'call':
        if (edit.isCounted) this.#leaveStack();
        this.#isKnown = false;
        break;
      case 'tailCall':
        this.#leaveStack(this.#metered.frame);
        break;
      case 'length':
        this.#indexed(Code.LOCAL_TEE, length);
        this.#chargeLength(edit.shift);
        break;
      case 'growth':
        this.#indexed(Code.LOCAL_TEE, length);
        this.#out.copy(bytes, edit.at, edit.next);
        this.#indexed(Code.LOCAL_TEE, grown);
        this.#out.u8(Code.I32_CONST, 0x7f, Code.I32_NE, Code.IF, Code.EMPTY);
        this.#chargeLength(edit.shift);
        this.#out.u8(Code.END);
        this.#isKnown = false;
        this.#indexed(Code.LOCAL_GET, grown);
        return;
    }
    this.#out.copy(bytes, edit.at, edit.next);
  }

  /** Takes the frame off the stack that is left, and pays for what comes first; traps if either is not enough, and says which. */
  #enter(cost: number): void {
    const { fuel, stack } = this.#locals;
    this.#indexed(Code.GLOBAL_GET, this.#around.fuel + 1);
    this.#const(this.#metered.frame);
    this.#out.u8(Code.I64_SUB);
    this.#indexed(Code.LOCAL_SET, stack);
    this.#takeFuel(() => this.#const(cost));
    this.#indexed(Code.LOCAL_GET, fuel);
    this.#indexed(Code.LOCAL_GET, stack);
    this.#out.u8(Code.I64_OR, Code.I64_CONST, 0, Code.I64_LT_S, Code.IF, Code.EMPTY);
    this.#leaveStack();
    this.#out.u8(Code.UNREACHABLE, Code.END);
  }

  /** Says what is left of the stack to who is called next; `given` is what this function gives back before it goes. */
  #leaveStack(given = 0): void {
    this.#indexed(Code.LOCAL_GET, this.#locals.stack);
    if (given > 0) {
      this.#const(given);
      this.#out.u8(Code.I64_ADD);
    }
    this.#indexed(Code.GLOBAL_SET, this.#around.fuel + 1);
  }

  #charge(cost: number): void {
    this.#takeFuel(() => this.#const(cost));
    this.#checkFuel();
  }

  #chargeLength(shift: number): void {
    this.#takeFuel(() => {
      this.#indexed(Code.LOCAL_GET, this.#locals.length);
      this.#out.u8(Code.I64_EXTEND_I32_U);
      if (shift === 0) return;
      this.#const(Math.abs(shift));
      this.#out.u8(shift < 0 ? Code.I64_SHR_U : Code.I64_SHL);
    });
    this.#checkFuel();
  }

  #takeFuel(amount: () => void): void {
    const { fuel } = this.#locals;
    if (this.#isKnown) this.#indexed(Code.LOCAL_GET, fuel);
    else this.#indexed(Code.GLOBAL_GET, this.#around.fuel);
    amount();
    this.#out.u8(Code.I64_SUB);
    this.#indexed(Code.LOCAL_TEE, fuel);
    this.#indexed(Code.GLOBAL_SET, this.#around.fuel);
    this.#isKnown = true;
  }

  #checkFuel(): void {
    this.#indexed(Code.LOCAL_GET, this.#locals.fuel);
    this.#out.u8(Code.I64_CONST, 0, Code.I64_LT_S, Code.IF, Code.EMPTY, Code.UNREACHABLE, Code.END);
  }

  #const(value: number): void {
    this.#out.u8(Code.I64_CONST);
    this.#out.s64(value);
  }

  #indexed(code: number, index: number): void {
    this.#out.u8(code);
    this.#out.u32(index);
  }
}

/** Two imported globals come behind those imported before, so the defined ones move. */
export function shiftGlobal(index: number, fuel: number): number {
  return index < fuel ? index : index + 2;
}
