// Which headers can be believed: the walk over the changes of the validator set, from the founding document or from a header that
// the verifier trusts already (steps V-4 to V-12).

import { compare, same } from './bytes.js';
import { holds } from './ed25519.js';
import type { Certified, Change, Evidence } from './file.js';
import { type U64, type Validator, type ValidatorSet, powerOf, precommitMessage } from './ledger.js';
import { require } from './step.js';

/** What the verifier holds before it reads anything. */
export interface Anchor {
  /** The ledger: the founding document's hash. */
  readonly chain: Uint8Array;
  /** The founding document's validator set. */
  readonly validators: ValidatorSet;
  /** The id of a block that the verifier trusts already. */
  readonly pinned?: Uint8Array | undefined;
}

/** A header that is believed, and by whose signatures. */
export interface Signed {
  readonly block: Uint8Array;
  readonly height: U64;
  readonly time: U64;
  readonly round: number;
  readonly signers: readonly Uint8Array[];
  /** The signers' power, and all power. */
  readonly power: bigint;
  readonly total: bigint;
}

/** A validator set, and the first height on which it votes. */
export interface InForce {
  readonly from: U64;
  readonly set: ValidatorSet;
}

/** The validator sets that are believed, the oldest first; never none. */
export class Walk {
  readonly #chain: Uint8Array;
  readonly #sets: InForce[];

  private constructor(chain: Uint8Array, first: InForce) {
    this.#chain = chain;
    this.#sets = [first];
  }

  /** Steps V-4 and V-5. */
  static begin(evidence: Evidence, anchor: Anchor): Walk {
    const { chain, pinned } = evidence;
    require(4, same(chain, anchor.chain), 'the file is of another ledger');
    if (pinned === undefined) return new Walk(chain, { from: 1n, set: anchor.validators });
    const { header, set } = pinned;
    const trusted = anchor.pinned !== undefined && same(header.id, anchor.pinned);
    require(5, trusted, `block ${header.height} was not named as trusted`);
    require(5, same(header.chain, chain), 'the pinned header is of another ledger');
    require(5, same(set.hash, header.nextValidators), 'the set is not the one that votes next');
    return new Walk(chain, { from: header.height + 1n, set });
  }

  get sets(): readonly InForce[] {
    return this.#sets;
  }

  /** Goes on to the next set (steps V-6 to V-12). */
  async step(change: Change): Promise<void> {
    const { header, set } = change;
    const newest = this.#newest();
    await this.#certifyUnder(newest, change);
    require(12, same(set.hash, header.nextValidators), `block ${header.height} names another set than the one that follows`);
    require(12, !same(set.hash, newest.set.hash), `block ${header.height} changes nothing`);
    this.#sets.push({ from: header.height + 1n, set });
  }

  /** A header after the last change (steps V-6 to V-11). */
  certify(certified: Certified): Promise<Signed> {
    return this.#certifyUnder(this.#newest(), certified);
  }

  /** A header of any height since the start, under the set of its height (steps V-6 to V-11). */
  certifyOlder(certified: Certified): Promise<Signed> {
    const older = this.#sets.findLast((set) => set.from <= certified.header.height);
    return this.#certifyUnder(older ?? this.#sets[0]!, certified);
  }

  #newest(): InForce {
    return this.#sets[this.#sets.length - 1]!;
  }

  async #certifyUnder(inForce: InForce, { header, certificate }: Certified): Promise<Signed> {
    const { height, time, id: block } = header;
    const { set, from } = inForce;
    require(6, same(header.chain, this.#chain), `block ${height} is of another ledger`);
    require(7, height >= from, `block ${height} stands where block ${from} or a later one is expected`);
    require(8, same(header.validators, set.hash), `block ${height} names another validator set than the one in force since block ${from}`);
    const forIt = certificate.height === height && same(certificate.block, block);
    require(9, forIt, `the certificate beside block ${height} is for another block`);
    const found = certificate.signatures.map(({ validator }) => find(set, validator));
    const known = found.filter((validator) => validator !== undefined);
    require(10, known.length === found.length, 'somebody signed who is not in the validator set');
    const [power, total] = [powerOf(known), set.power];
    require(10, 3n * power > 2n * total, `signed by ${power} of ${total} voting power; more than two thirds are needed`);
    const hold = await Promise.all(certificate.signatures.map(({ validator, signature }) => (
      holds({ key: validator, message: precommitMessage(this.#chain, certificate, validator), signature })
    )));
    require(11, hold.every(Boolean), `a signature under block ${height} does not verify`);
    return { block, height, time, round: certificate.round, signers: known.map((validator) => validator.key), power, total };
  }
}

function find(set: ValidatorSet, key: Uint8Array): Validator | undefined {
  return set.validators.find((validator) => compare(validator.key, key) === 0);
}
