// What the verifier offers to a page or a program.

export { Fault } from './step.js';
export { BadGenesis, type Founding, foundingOf, readGenesisFile } from './genesis.js';
export { type OutcomeJson, type Proved, type Summary, eventSignaturesHold, eventsOf, entryOf, verify } from './verify.js';
export type { Anchor, InForce, Signed } from './trust.js';
export { hex, unhex } from './bytes.js';
