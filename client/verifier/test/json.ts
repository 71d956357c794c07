// A founding document in the JSON of a genesis file, from its canonical bytes: the way back of what the verifier does. For tests only.

import { Reader, hex } from '../src/bytes.js';
import { ORGANISATION_KINDS, PEER_KINDS, ROLES } from '../src/numbers.js';

const number = (value: bigint): number => {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Error('this number needs more than JSON.stringify gives');
  return Number(value);
};

export function documentJson(bytes: Uint8Array): string {
  const reader = new Reader(bytes);
  const document = {
    ledger: reader.text(64),
    time: number(reader.u64()),
    parameters: {
      block_transactions_max: reader.u32(), block_bytes_max: reader.u32(), void_after_ms_max: number(reader.u64()),
      clock_drift_ms_max: number(reader.u64()), heartbeat_ms: number(reader.u64()), proposal_ms: number(reader.u64()),
      recovery_delay_ms: number(reader.u64()), validators_min: reader.u16(), peers_max: reader.u16(), access_ms: number(reader.u64()),
      emergency_quota: reader.u16(), review_ms: number(reader.u64()), consult_depth_max: reader.u8(),
    },
    declarations: reader.list(256, () => ({
      declaration: {
        ledger: reader.text(64),
        organisation: { name: reader.text(120), kind: ORGANISATION_KINDS.get(reader.u8()), institution_number: reader.text(16), authority: hex(reader.id()) },
        validator: reader.option(() => ({ key: hex(reader.id()), power: reader.u32() })) ?? null,
        peers: reader.list(16, () => ({
          key: hex(reader.id()), kind: PEER_KINDS.get(reader.u8()), consensus_address: reader.text(96), exchange_address: reader.text(96),
        })),
        practitioners: reader.list(64, () => ({
          key: hex(reader.id()), role: ROLES.get(reader.u8()), licence: hex(reader.id()),
          validity: { from: number(reader.u64()), until: number(reader.u64()) },
        })),
      },
      signatures: reader.list(96, () => hex(reader.fixed(64))),
    })),
  };
  reader.end();
  return JSON.stringify(document, null, 2);
}
