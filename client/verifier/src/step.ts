// The numbered steps of docs/spec/evidence.md, and how one fails.

/** Steps whose failure says that the bytes are no evidence file; all others say that it does not prove what it states. */
const MALFORMED: ReadonlySet<number> = new Set([1, 2, 3, 13]);

/** The last step there is. */
export const LAST_STEP = 31;

/** A file that proves nothing: which step failed, and what was found. */
export class Fault extends Error {
  override name = 'Fault';
  /** The step's number: 4 for V-4. */
  readonly number: number;
  /** What was found there. */
  readonly found: string;

  constructor(step: number, found: string) {
    super(`V-${step}: ${found}`);
    this.number = step;
    this.found = found;
  }

  /** The step's code. */
  get step(): string {
    return `V-${this.number}`;
  }

  /** Are the bytes no evidence file at all? Otherwise they are one that is false. */
  get malformed(): boolean {
    return MALFORMED.has(this.number);
  }
}

/** The step holds, or it fails with what was found. */
export function require(step: number, holds: boolean, found: string): asserts holds {
  if (!holds) throw new Fault(step, found);
}
